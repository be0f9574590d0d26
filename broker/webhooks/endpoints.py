"""Webhooks as admins keep them: added, given another secret, removed, and told again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import InvalidInput, NotFound, Refused
from broker.webhooks.entering import ALL, KINDS
from broker.webhooks.tables import SendingState, WebhookMessageRow, WebhookRow
from broker.webhooks.wires import Wire

LONGEST_URL = 1000


class InvalidWebhook(InvalidInput):
    """A webhook says what none may say, or would lead to where no message may go."""

    code: ClassVar[str] = "invalid-webhook"
    what: ClassVar[str] = "webhook"


@dataclass(frozen=True, slots=True)
class AddWebhook:
    """A wish to be told: where, and of which kinds of events; of all where none is named."""

    url: str
    kinds: tuple[str, ...] = ()


def add_webhook(
    session: Session, actor: Actor, wish: AddWebhook, wire: Wire, at: dt.datetime
) -> WebhookRow:
    """Have a program told from now on. Raises: NotAllowed; InvalidWebhook."""
    require(actor, Action.MANAGE_WEBHOOKS)
    findings = [*_findings_in_url(wish.url, wire), *_findings_in_kinds(wish.kinds)]
    if findings:
        raise InvalidWebhook(host_of(wish.url), findings)
    kinds = ",".join(sorted(set(wish.kinds))) or ALL
    row = WebhookRow(id=str(uuid4()), url=wish.url, kinds=kinds, added_by=actor.id, added_at=at)
    session.add(row)
    session.flush()
    _record(session, actor, at, "webhook.added", row)
    return row


def change_secret(session: Session, actor: Actor, webhook_id: str, at: dt.datetime) -> WebhookRow:
    """Give a webhook another secret; the one before signs nothing any more. Raises: NotFound."""
    require(actor, Action.MANAGE_WEBHOOKS)
    row = living_webhook(session, webhook_id)
    row.secret_number += 1
    session.flush()
    _record(session, actor, at, "webhook.secret-changed", row)
    return row


def remove_webhook(session: Session, actor: Actor, webhook_id: str, at: dt.datetime) -> None:
    """Tell a program nothing any more, and give up what it was not told yet. Raises: NotFound."""
    require(actor, Action.MANAGE_WEBHOOKS)
    row = living_webhook(session, webhook_id)
    row.removed_by, row.removed_at = actor.id, at
    waiting = select(WebhookMessageRow).where(
        col(WebhookMessageRow.webhook_id) == row.id,
        col(WebhookMessageRow.state) == SendingState.WAITING,
    )
    for message in session.scalars(waiting).all():
        message.state, message.sending_until = SendingState.FAILED, None
        message.failure = "The webhook was removed."
    session.flush()
    _record(session, actor, at, "webhook.removed", row)


def send_again(session: Session, actor: Actor, message_id: str, at: dt.datetime) -> None:
    """Have a message sent once more, under its own id. Raises: NotFound; Refused."""
    require(actor, Action.MANAGE_WEBHOOKS)
    message = session.get(WebhookMessageRow, message_id)
    if message is None:
        raise NotFound(f"There is no message {message_id[:64]}.")
    living_webhook(session, message.webhook_id)
    if message.state == SendingState.WAITING:
        raise Refused("The message waits to be sent already.")
    message.state, message.attempts, message.next_try_at = SendingState.WAITING, 0, at
    message.delivered_at = None
    session.flush()


def living_webhook(session: Session, webhook_id: str) -> WebhookRow:
    """Return a webhook that is told something. Raises: NotFound."""
    row = session.get(WebhookRow, webhook_id)
    if row is None or row.removed_at is not None:
        raise NotFound(f"There is no webhook {webhook_id[:64]}.")
    return row


def living_webhooks(session: Session) -> Sequence[WebhookRow]:
    """Return all webhooks that are told something, the oldest first."""
    rows = select(WebhookRow).where(col(WebhookRow.removed_at).is_(None))
    return session.scalars(rows.order_by(col(WebhookRow.added_at), col(WebhookRow.id))).all()


def host_of(url: str) -> str:
    """Return the host of an address: the one part of it that holds no secret."""
    try:
        return urlsplit(url).hostname or "nowhere"
    except ValueError:
        return "nowhere"


def _findings_in_url(url: str, wire: Wire) -> list[str]:
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        return ["url: is too long or holds a space or a control character."]
    if not wire.allows(url):
        return [
            "url: is no https address of an allowed host; BROKER_WEBHOOK_HOSTS lists the allowed."
        ]
    return []


def _findings_in_kinds(kinds: tuple[str, ...]) -> list[str]:
    unknown = sorted(set(kinds) - set(KINDS))
    return [f"events: there is no {kind[:40]!r}; use {', '.join(KINDS)}." for kind in unknown]


def _record(session: Session, actor: Actor, at: dt.datetime, kind: str, row: WebhookRow) -> None:
    record(session, Change(actor.id, at), kind, f"webhook:{row.id}", host=host_of(row.url))
