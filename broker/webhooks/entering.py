"""What webhooks are told of an event of the audit log, written in the event's own transaction.

Only what everybody may see is told: what becomes of rounds. Nothing here knows how it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.proofs.leaves import LoggedEvent, instant_text
from broker.tables import RoundRow, RunRow
from broker.webhooks.tables import SendingState, WebhookMessageRow, WebhookRow

TOLD: Mapping[str, str] = {
    "round.open": "round.opened",
    "round.closed": "round.closed",
    "round.published": "round.published",
    "round.finished": "round.finished",
    "round.cancelled": "round.cancelled",
    "run.published": "round.overridden",
}
"""The events of the log that are told, and under which name."""
KINDS = tuple(TOLD.values())
ALL = "all"


def enter_messages(session: Session, event: LoggedEvent) -> None:
    """Write what webhooks are told of an event, for each that wants to know it."""
    kind, facts = TOLD.get(event.kind), json.loads(event.facts)
    if kind is None or (event.kind == "run.published" and facts.get("revision", 1) == 1):
        return
    living = select(WebhookRow).where(col(WebhookRow.removed_at).is_(None))
    wanting = [row for row in session.scalars(living) if wants(row, kind)]
    if wanting:
        body = _body(session, event, kind, facts)
        session.execute(
            insert(WebhookMessageRow), [_message(row, event, kind, body) for row in wanting]
        )


def wants(row: WebhookRow, kind: str) -> bool:
    """Say whether a webhook wants to know of a kind of event."""
    kinds = row.kinds.split(",")
    return ALL in kinds or kind in kinds


def _body(session: Session, event: LoggedEvent, kind: str, facts: Mapping[str, Any]) -> str:
    """Return the text of a message: what, when, about which round, and where in the log."""
    data = {"round_key": _round_key(session, event), "sequence": event.sequence, **facts}
    said = {"type": kind, "timestamp": instant_text(event.happened_at), "data": data}
    return canonical_json(said).decode()


def _round_key(session: Session, event: LoggedEvent) -> str:
    what, _, name = event.subject.partition(":")
    if what == "round":
        return name
    of_run = select(col(RoundRow.key)).join(RunRow, col(RunRow.round_id) == col(RoundRow.id))
    return session.scalars(of_run.where(col(RunRow.id) == name)).one()


def _message(row: WebhookRow, event: LoggedEvent, kind: str, body: str) -> dict[str, Any]:
    return {
        "id": f"msg_{uuid4().hex}",
        "webhook_id": row.id,
        "sequence": event.sequence,
        "kind": kind,
        "subject": event.subject,
        "body": body,
        "written_at": event.happened_at,
        "state": SendingState.WAITING,
        "next_try_at": event.happened_at,
    }
