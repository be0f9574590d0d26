"""The audit log: one event for every change, in the transaction of the change.

Events are numbered without gaps and never change; their facts are canonical JSON with keys and
opaque ids only, never names of people or free text. What may change, and to what, stands in
states.py.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NewType

from sqlalchemy import func, insert, select, text
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.tables import AuditEventRow

ActorId = NewType("ActorId", str)
"""Who does something: an opaque id of a person, or the name of a program on a host."""
LOG_LOCK = 7361
"""The number of the lock that writers of the log take in PostgreSQL; any, but always the same."""


@dataclass(frozen=True, slots=True)
class Change:
    """By whom and when something is done."""

    actor: ActorId
    at: dt.datetime


def record(session: Session, change: Change, kind: str, subject: str, **facts: Any) -> int:
    """Write what happened to whom into the log, and return the event's place in it."""
    _wait_for_the_last_event(session)
    last = session.scalar(select(func.max(col(AuditEventRow.sequence)))) or 0
    event = {
        "sequence": last + 1,
        "happened_at": change.at,
        "actor": change.actor,
        "kind": kind,
        "subject": subject,
        "facts": canonical_json(facts).decode(),
    }
    session.execute(insert(AuditEventRow), [event])
    return last + 1


def _wait_for_the_last_event(session: Session) -> None:
    """Let whoever writes the event before this one finish, so that their numbers have no gaps.

    A writer of SQLite is alone from its beginning.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOG_LOCK})
