"""The audit log: one event for every change, in the transaction of the change.

Events are numbered without gaps and never change; their facts are canonical JSON with keys and
opaque ids only, never names of people or free text. What may change, and to what, stands in
states.py; how events are proved, in proofs/.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NewType

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.proofs.leaves import LoggedEvent
from broker.proofs.pending import lock_log, will_seal
from broker.tables import AuditEventRow
from broker.webhooks.entering import enter_messages

ActorId = NewType("ActorId", str)
"""Who does something: an opaque id of a person, or the name of a program on a host."""
COLUMNS = ("sequence", "happened_at", "actor", "kind", "subject", "facts")


@dataclass(frozen=True, slots=True)
class Change:
    """By whom and when something is done."""

    actor: ActorId
    at: dt.datetime


def record(session: Session, change: Change, kind: str, subject: str, **facts: Any) -> int:
    """Write what happened to whom into the log, and return the event's place in it."""
    lock_log(session)
    last = session.scalar(select(func.max(col(AuditEventRow.sequence)))) or 0
    said = canonical_json(facts).decode()
    event = LoggedEvent(last + 1, change.at, change.actor, kind, subject, said)
    columns = {name: getattr(event, name) for name in COLUMNS}
    session.execute(insert(AuditEventRow), [columns])
    will_seal(session, event)
    enter_messages(session, event)
    return event.sequence
