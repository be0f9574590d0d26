"""Columns and constraints of closed books, no behaviour.

What a close fixes is written once, in its transaction, before the period is closed; a correction is
decided once, by another person than who proposed it. The triggers stand in the migration that made
these tables.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, Whole, at_least, one_of


class CorrectionState(StrEnum):
    """Where a proposed correction stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


class VerificationState(StrEnum):
    """How far a check of everything is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class ExchangeRateRow(Table, table=True):
    """What a credit is worth outside, from a moment on: finance sets it, and it stays.

    Units: millionths of a unit of a national currency per credit.
    """

    __tablename__ = "exchange_rate"
    __table_args__ = (
        at_least(1, "number", "micros_per_credit"),
        CheckConstraint("length(currency) = 3", name="currency_has_three_letters"),
        CheckConstraint("reason <> ''", name="set_for_a_reason"),
        STRICT,
    )
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    currency: str = Field(sa_type=Text)
    micros_per_credit: int = Field(sa_type=Whole)
    reason: str = Field(sa_type=Text)
    set_by: str = Field(sa_type=Text)
    set_at: dt.datetime = Field(sa_type=Instant)


class PeriodCloseRow(Table, table=True):
    """What closing a period fixed: the log up to it, the rate, and the archive by its hash."""

    __tablename__ = "period_close"
    __table_args__ = (
        at_least(0, "log_size"),
        at_least(1, "pack_bytes"),
        CheckConstraint("length(log_root) = 64", name="root_is_whole"),
        CheckConstraint("length(pack_sha256) = 64", name="hash_is_whole"),
        STRICT,
    )
    period_key: str = Field(primary_key=True, foreign_key="period.key", sa_type=Text)
    log_size: int = Field(sa_type=Integer)
    log_root: str = Field(sa_type=Text)
    rate_number: int = Field(foreign_key="exchange_rate.number", sa_type=Integer)
    pack_sha256: str = Field(sa_type=Text)
    pack_bytes: int = Field(sa_type=Whole)


class PeriodBalanceRow(Table, table=True):
    """What an account had when a period began and when it ended."""

    __tablename__ = "period_balance"
    period_key: str = Field(primary_key=True, foreign_key="period.key", sa_type=Text)
    account_id: str = Field(primary_key=True, foreign_key="account.id", sa_type=Text)
    opening_credits: int = Field(sa_type=Whole)
    closing_credits: int = Field(sa_type=Whole)


class PeriodPackRow(Table, table=True):
    """The archive of a closed period, as it was written."""

    __tablename__ = "period_pack"
    period_key: str = Field(primary_key=True, foreign_key="period_close.period_key", sa_type=Text)
    content: bytes = Field(sa_type=LargeBinary)


class CorrectionRow(Table, table=True):
    """A journal that somebody wants taken back; a second person decides.

    Whoever may decide may also refuse; who proposed it may take it back in the same way.
    """

    __tablename__ = "correction"
    __table_args__ = (
        one_of("state", *CorrectionState),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decision_says_who_and_when",
        ),
        CheckConstraint(
            "state <> 'approved' OR decided_by <> proposed_by", name="approver_is_another"
        ),
        CheckConstraint(
            "(state = 'approved') = (correction_number IS NOT NULL)", name="approved_is_a_journal"
        ),
        Index(
            "uq_correction_proposed",
            "journal_number",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    journal_number: int = Field(foreign_key="journal.number", sa_type=Integer)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    proposed_by: str = Field(sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    decided_by: str | None = Field(default=None, sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    correction_number: int | None = Field(
        default=None, foreign_key="journal.number", sa_type=Integer
    )


class VerificationRow(Table, table=True):
    """A check of everything: asked for, done by the worker, then kept with what it found.

    `closes` names the period that is closed if nothing is found. `findings` is a JSON list of
    sentences; `first_bad` the first event that is not vouched for any more.
    """

    __tablename__ = "verification"
    __table_args__ = (
        one_of("state", *VerificationState),
        CheckConstraint("(state = 'waiting') = (started_at IS NULL)", name="begun_says_when"),
        CheckConstraint(
            "(state IN ('done', 'failed')) = (finished_at IS NOT NULL)", name="over_says_when"
        ),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_says_why"),
        CheckConstraint("(state = 'done') = (findings IS NOT NULL)", name="done_says_what"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    state: str = Field(sa_type=Text, index=True)
    stage: str = Field(default="", sa_type=Text)
    closes: str | None = Field(default=None, foreign_key="period.key", sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: dt.datetime = Field(sa_type=Instant)
    started_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    finished_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    events: int | None = Field(default=None, sa_type=Integer)
    findings: str | None = Field(default=None, sa_type=Text)
    first_bad: int | None = Field(default=None, sa_type=Integer)
    failure: str | None = Field(default=None, sa_type=Text)
