"""Read models of webhooks: who is told what, and what became of every message."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.dashboards.listings import Column, Kind, Listing, Question, Table, list_rows
from broker.webhooks.endpoints import host_of, living_webhooks
from broker.webhooks.entering import KINDS
from broker.webhooks.tables import SendingState, WebhookMessageRow, WebhookRow

MOST_FAILED = 20
COLUMNS = (
    Column("written_at", "When", Kind.INSTANT),
    Column("kind", "Event", Kind.CHOICE, choices=KINDS, filtered=True),
    Column("subject", "About", filtered=True),
    Column("webhook", "Webhook", Kind.KEY, shown=False),
    Column("state", "State", Kind.CHOICE, choices=tuple(SendingState), filtered=True),
    Column("attempts", "Attempts", Kind.COUNT),
    Column("status", "Answer", Kind.COUNT),
    Column("delivered_at", "Delivered", Kind.INSTANT),
    Column("next_try_at", "Next try", Kind.INSTANT, shown=False),
    Column("failure", "What went wrong"),
    Column("message", "Message", Kind.KEY, shown=False),
)


@dataclass(frozen=True, slots=True)
class WebhookBrief:
    """A webhook that is told something; of its address only the host: the rest may be secret."""

    id: str
    host: str
    kinds: tuple[str, ...]
    added_at: dt.datetime


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """A message that was given up, or that did not arrive yet."""

    id: str
    host: str
    kind: str
    subject: str
    failure: str
    attempts: int


@dataclass(frozen=True, slots=True)
class WebhooksScreen:
    """Who is told what, what was given up, and every message."""

    webhooks: tuple[WebhookBrief, ...]
    failed: tuple[FailedMessage, ...]
    messages: Listing


def webhooks_screen(session: Session, actor: Actor, question: Question) -> WebhooksScreen:
    """Return the page of webhooks. Raises: NotAllowed; InvalidQuestion."""
    require(actor, Action.MANAGE_WEBHOOKS)
    briefs = tuple(
        WebhookBrief(row.id, host_of(row.url), tuple(row.kinds.split(",")), row.added_at)
        for row in living_webhooks(session)
    )
    return WebhooksScreen(briefs, _failed(session), list_rows(session, _table(), question))


def message_table(actor: Actor) -> Table:
    """Return what can be asked of messages. Raises: NotAllowed."""
    require(actor, Action.MANAGE_WEBHOOKS)
    return _table()


def _table() -> Table:
    message = WebhookMessageRow
    rows: Any = select(
        col(message.written_at).label("written_at"),
        col(message.kind).label("kind"),
        col(message.subject).label("subject"),
        col(message.webhook_id).label("webhook"),
        col(message.state).label("state"),
        col(message.attempts).label("attempts"),
        col(message.status).label("status"),
        col(message.delivered_at).label("delivered_at"),
        col(message.next_try_at).label("next_try_at"),
        col(message.failure).label("failure"),
        col(message.id).label("message"),
    )
    caption = "Messages to webhooks, the newest first"
    return Table("messages", caption, COLUMNS, rows, ("-written_at", "message"))


def _failed(session: Session) -> tuple[FailedMessage, ...]:
    message = WebhookMessageRow
    given_up = (
        select(message, WebhookRow)
        .join(WebhookRow, col(WebhookRow.id) == col(message.webhook_id))
        .where(col(message.state) == SendingState.FAILED, col(WebhookRow.removed_at).is_(None))
        .order_by(col(message.written_at).desc(), col(message.id))
        .limit(MOST_FAILED)
    )
    return tuple(
        FailedMessage(one.id, host_of(hook.url), one.kind, one.subject, one.failure, one.attempts)
        for one, hook in session.execute(given_up)
    )
