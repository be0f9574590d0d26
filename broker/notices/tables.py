"""Columns and constraints of notices, of who wants none, and of the mails, no behaviour."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field

from broker.tables import STRICT, Day, Instant, Table, at_least, one_of


class NoticeKind(StrEnum):
    """What a notice is about; people choose by it what they want to be told."""

    DEADLINE_NEAR = "deadline-near"
    RESULT_PUBLISHED = "result-published"
    TO_APPROVE = "to-approve"
    DELIVERY_TO_REPORT = "delivery-to-report"
    DELIVERY_TO_CONFIRM = "delivery-to-confirm"
    ROUND_OPENED = "round-opened"
    ROUND_CHANGED = "round-changed"
    APPROVAL_DECIDED = "approval-decided"
    ACCESS_CHANGED = "access-changed"
    AWARD_CUT = "award-cut"
    HOURS_TO_CONFIRM = "hours-to-confirm"
    HOURS_TO_NAME = "hours-to-name"
    AWARD_TO_ACCEPT = "award-to-accept"


class Channel(StrEnum):
    """How a person is told."""

    IN_APP = "in-app"
    MAIL = "mail"


class DigestState(StrEnum):
    """What became of a mail: `merged` went into the one of a later day."""

    PENDING = "pending"
    SENT = "sent"
    MERGED = "merged"


class DigestRow(Table, table=True):
    """The one mail of a person and day, from the moment in which what it says was fixed.

    Whoever holds the lease until `sending_until` is sending it; `attempts` tells holders apart.
    """

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("person_id", "day"),
        UniqueConstraint("id", "person_id"),
        one_of("state", *DigestState),
        at_least(1, "attempts"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_says_when"),
        CheckConstraint(
            "state = 'pending' OR sending_until IS NULL", name="nobody_sends_what_is_over"
        ),
        Index("ix_digest_state_next_try_at", "state", "next_try_at"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    person_id: str = Field(foreign_key="person.id", sa_type=Text)
    day: dt.date = Field(sa_type=Day)
    state: str = Field(sa_type=Text)
    attempts: int = Field(sa_type=Integer)
    next_try_at: dt.datetime = Field(sa_type=Instant)
    sending_until: dt.datetime | None = Field(default=None, sa_type=Instant)
    failure: str = Field(default="", sa_type=Text)
    sent_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class NoticeRow(Table, table=True):
    """Something that a person should know, once for its key; `path` leads to it in the market.

    Whether it shows in the market and goes into a mail was decided when it was written.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("person_id", "key"),
        ForeignKeyConstraint(["digest_id", "person_id"], ["digest.id", "digest.person_id"]),
        one_of("kind", *NoticeKind),
        CheckConstraint("in_app IN (0, 1) AND by_mail IN (0, 1)", name="channels_are_yes_or_no"),
        CheckConstraint("in_app + by_mail >= 1", name="told_somehow"),
        CheckConstraint("by_mail = 1 OR digest_id IS NULL", name="mailed_only_if_by_mail"),
        CheckConstraint("sentence <> ''", name="says_something"),
        CheckConstraint("path LIKE '/%' AND path NOT LIKE '//%'", name="leads_to_ourselves"),
        Index("ix_notice_person_id_written_at", "person_id", "written_at"),
        Index("ix_notice_digest_id", "digest_id"),
        Index("ix_notice_key", "key"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    person_id: str = Field(foreign_key="person.id", sa_type=Text)
    kind: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    sentence: str = Field(sa_type=Text)
    path: str = Field(sa_type=Text)
    written_at: dt.datetime = Field(sa_type=Instant)
    in_app: int = Field(sa_type=Integer)
    by_mail: int = Field(sa_type=Integer)
    read_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    digest_id: str | None = Field(default=None, sa_type=Text)


class NoticeOptOutRow(Table, table=True):
    """A kind of notice that a person does not want by a channel."""

    __tablename__ = "notice_opt_out"
    __table_args__ = (one_of("kind", *NoticeKind), one_of("channel", *Channel), STRICT)
    person_id: str = Field(primary_key=True, foreign_key="person.id", sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    since: dt.datetime = Field(sa_type=Instant)
