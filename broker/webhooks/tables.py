"""Columns and constraints of webhooks and of what they are told, no behaviour."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, at_least, one_of


class SendingState(StrEnum):
    """Where a message to a webhook stands: `failed` is given up until somebody sends it again."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookRow(Table, table=True):
    """A program elsewhere that is told what happens. Its secret is derived, and stored nowhere."""

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint("url LIKE 'https://%'", name="webhook_is_encrypted"),
        CheckConstraint("kinds <> ''", name="webhook_wants_something"),
        at_least(1, "secret_number"),
        CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removal_says_who"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    url: str = Field(sa_type=Text)
    kinds: str = Field(sa_type=Text)
    secret_number: int = Field(default=1, sa_type=Integer)
    added_by: str = Field(sa_type=Text)
    added_at: dt.datetime = Field(sa_type=Instant)
    removed_by: str | None = Field(default=None, sa_type=Text)
    removed_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class WebhookMessageRow(Table, table=True):
    """What a webhook is told once: an event, its text, and how far it got.

    Whoever holds the lease until `sending_until` is sending it; `attempts` tells holders apart.
    """

    __tablename__ = "webhook_message"
    __table_args__ = (
        UniqueConstraint("webhook_id", "sequence", "kind"),
        one_of("state", *SendingState),
        at_least(0, "attempts"),
        CheckConstraint(
            "(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_says_when"
        ),
        CheckConstraint(
            "state = 'waiting' OR sending_until IS NULL", name="nobody_sends_what_is_over"
        ),
        Index("ix_webhook_message_state_next_try_at", "state", "next_try_at"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    webhook_id: str = Field(foreign_key="webhook.id", sa_type=Text)
    sequence: int = Field(foreign_key="audit_event.sequence", sa_type=Integer)
    kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    written_at: dt.datetime = Field(sa_type=Instant)
    state: str = Field(sa_type=Text)
    attempts: int = Field(default=0, sa_type=Integer)
    next_try_at: dt.datetime = Field(sa_type=Instant)
    sending_until: dt.datetime | None = Field(default=None, sa_type=Instant)
    status: int | None = Field(default=None, sa_type=Integer)
    failure: str = Field(default="", sa_type=Text)
    delivered_at: dt.datetime | None = Field(default=None, sa_type=Instant)
