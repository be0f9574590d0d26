"""How the log takes in what was there before it vouched for it: after every change of the schema.

Events without a leaf get one, and an event of the migration vouches for rows that no event vouches
for as they are: all of them at first, later those of which a migration changed what is hashed.
Whoever migrates runs `broker verify` of the old version first, for afterwards these rows are right.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.audit import ActorId, Change, record
from broker.proofs.leaves import LoggedEvent
from broker.proofs.noting import raise_notes, take_touched
from broker.proofs.pending import Lines, take_events
from broker.proofs.sealing import append_leaves, changes_text
from broker.proofs.standing import differences, vouched
from broker.proofs.tables import AuditLeafRow
from broker.tables import AuditEventRow

MIGRATION = ActorId("migration")


def adopt(session: Session, schema: str, at: dt.datetime) -> None:
    """Let the log vouch for everything as it stands after a change of the schema."""
    raise_notes(session.connection())
    take_touched(session)
    append_leaves(session, _without_leaf(session))
    lines = Lines()
    for found in differences(session, vouched(session)):
        lines.setdefault(found.table, {})[found.key] = found.now
    if lines:
        facts = {table: len(rows) for table, rows in lines.items()}
        record(session, Change(MIGRATION, at), "schema.migrated", f"schema:{schema}", rows=facts)
        [event] = take_events(session)
        append_leaves(session, [replace(event, changes=changes_text(lines))])


def _without_leaf(session: Session) -> list[LoggedEvent]:
    size = select(func.coalesce(func.max(col(AuditLeafRow.sequence)), 0)).scalar_subquery()
    after = select(AuditEventRow).where(col(AuditEventRow.sequence) > size)
    rows = session.scalars(after.order_by(col(AuditEventRow.sequence)))
    return [
        LoggedEvent(row.sequence, row.happened_at, row.actor, row.kind, row.subject, row.facts)
        for row in rows
    ]
