"""The audit log as a table: every event in its order, with opaque ids and keys only.

Bids enter it at the close of their round, so that nothing here tells of a sealed one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlmodel import col

from broker.access import Action, Actor, require
from broker.dashboards.listings import Column, Kind, Table
from broker.tables import AuditEventRow

COLUMNS = (
    Column("sequence", "Event", Kind.COUNT),
    Column("happened_at", "When", Kind.INSTANT),
    Column("actor", "By whom", Kind.KEY, filtered=True),
    Column("kind", "What", Kind.KEY, filtered=True),
    Column("subject", "About", Kind.KEY, filtered=True),
    Column("facts", "Facts"),
)


def event_table(actor: Actor) -> Table:
    """Return every event, the first one first. Raises: SignInNeeded, NotAllowed."""
    require(actor, Action.READ_AUDIT)
    row = AuditEventRow
    kept: Any = (row.sequence, row.happened_at, row.actor, row.kind, row.subject, row.facts)
    rows: Any = select(*map(col, kept))
    return Table("audit", "Events of the audit log", COLUMNS, rows, ("sequence",))
