"""The audit log: one event for every change, in the transaction of the change.

Events are numbered without gaps and never change; their facts are canonical JSON with keys and
opaque ids only, never names of people or free text. What may change, and to what, stands in
states.py.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NewType

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.tables import AuditEventRow

Actor = NewType("Actor", str)
"""Who does something: an opaque id of a person, or the name of a program on a host."""


@dataclass(frozen=True, slots=True)
class Change:
    """By whom and when something is done."""

    actor: Actor
    at: dt.datetime


def record(session: Session, change: Change, kind: str, subject: str, **facts: Any) -> int:
    """Write what happened to whom into the log, and return the event's place in it."""
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
