"""Messages to webhooks leave: signed, one host at a time, tried again later where it did not work.

Safe at any time and from every host at once: a message is claimed by one guarded update, and the
other side may see it more than once, under the same id. Read wires.py for where it may go.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog
from sqlalchemy import ColumnElement, or_, select, update
from sqlmodel import Session, col

from broker.clock import Clock, time_of
from broker.db import Database, reading, transact
from broker.states import changes_one
from broker.webhooks.endpoints import host_of
from broker.webhooks.signing import derived_secret, signed_headers
from broker.webhooks.tables import SendingState, WebhookMessageRow, WebhookRow
from broker.webhooks.wires import NotDelivered, Wire

LEASE = dt.timedelta(seconds=60)
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=6)
MOST_ATTEMPTS = 12
AT_ONCE = 200
"""How many messages one round trip takes at most; the next tick goes on."""
AGENT = "capacity-broker"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Messenger:
    """Who sends: the way out, and the installation's key from which secrets follow."""

    wire: Wire
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message; `failure` is empty where it arrived."""

    message_id: str
    host: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Claimed:
    message_id: str
    attempt: int
    url: str
    secret: str = field(repr=False)
    body: str


def send_messages(db: Database, messenger: Messenger, clock: Clock) -> Iterator[Sent]:
    """Send what is due now, and tell each when it is done.

    A webhook that cannot be reached gets nothing more in this round trip.
    """
    with reading(db) as session:
        due = _due(session, time_of(session, clock))
    silent: set[str] = set()
    for message_id, webhook_id in due:
        if webhook_id in silent:
            continue
        claimed = _claim(db, message_id, messenger, clock)
        if claimed is not None:
            sent = _send(db, claimed, messenger, clock)
            silent |= {webhook_id} if sent.failure else set()
            yield sent


def _due(session: Session, at: dt.datetime) -> list[tuple[str, str]]:
    columns = (col(WebhookMessageRow.id), col(WebhookMessageRow.webhook_id))
    due = select(*columns).where(*_is_due(at))
    order = (col(WebhookMessageRow.sequence), col(WebhookMessageRow.id))
    return [(one, other) for one, other in session.execute(due.order_by(*order).limit(AT_ONCE))]


def _is_due(at: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    until = col(WebhookMessageRow.sending_until)
    return (
        col(WebhookMessageRow.state) == SendingState.WAITING,
        col(WebhookMessageRow.next_try_at) <= at,
        or_(until.is_(None), until <= at),
    )


def _claim(db: Database, message_id: str, messenger: Messenger, clock: Clock) -> _Claimed | None:
    """Take a message for as long as a lease lasts; None if another host was faster."""

    def work(session: Session) -> _Claimed | None:
        at = time_of(session, clock)
        claim = (
            update(WebhookMessageRow)
            .where(col(WebhookMessageRow.id) == message_id, *_is_due(at))
            .values(sending_until=at + LEASE, attempts=col(WebhookMessageRow.attempts) + 1)
        )
        if not changes_one(session, claim):
            return None
        message = session.get_one(WebhookMessageRow, message_id, populate_existing=True)
        webhook = session.get_one(WebhookRow, message.webhook_id)
        secret = derived_secret(messenger.secret_key, webhook.id, webhook.secret_number)
        return _Claimed(message.id, message.attempts, webhook.url, secret, message.body)

    return transact(db, work)


def _send(db: Database, claimed: _Claimed, messenger: Messenger, clock: Clock) -> Sent:
    body, host = claimed.body.encode(), host_of(claimed.url)
    signed = signed_headers(claimed.secret, claimed.message_id, int(clock().timestamp()), body)
    headers = {"Content-Type": "application/json", "User-Agent": AGENT, **signed}
    try:
        status = messenger.wire.post(claimed.url, body, headers)
    except NotDelivered as error:
        failed = error
        log.warning("webhook.not-delivered", message_id=claimed.message_id, why=failed.sentence)
        transact(db, lambda session: _note_failed(session, claimed, failed, clock))
        return Sent(claimed.message_id, host, failed.sentence)
    transact(db, lambda session: _note_delivered(session, claimed, status, clock))
    return Sent(claimed.message_id, host)


def _note_delivered(session: Session, claimed: _Claimed, status: int, clock: Clock) -> None:
    at = time_of(session, clock)
    _note(
        session, claimed, state=SendingState.DELIVERED, delivered_at=at, status=status, failure=""
    )


def _note_failed(session: Session, claimed: _Claimed, error: NotDelivered, clock: Clock) -> None:
    is_over = claimed.attempt >= MOST_ATTEMPTS
    pause = min(FIRST_PAUSE * (1 << min(claimed.attempt - 1, MOST_ATTEMPTS)), LONGEST_PAUSE)
    _note(
        session,
        claimed,
        state=SendingState.FAILED if is_over else SendingState.WAITING,
        next_try_at=time_of(session, clock) + pause,
        status=error.facts.get("status"),
        failure=error.sentence,
    )


def _note(session: Session, claimed: _Claimed, **columns: object) -> None:
    """Note what became of a message, unless another host has taken it over meanwhile."""
    ours = (
        update(WebhookMessageRow)
        .where(
            col(WebhookMessageRow.id) == claimed.message_id,
            col(WebhookMessageRow.attempts) == claimed.attempt,
            col(WebhookMessageRow.state) == SendingState.WAITING,
        )
        .values(sending_until=None, **columns)
    )
    if not changes_one(session, ours):
        log.warning("webhook.taken-over", message_id=claimed.message_id, attempt=claimed.attempt)
