"""Columns and constraints of the ledger, no behaviour.

The database posts balances and refuses to rewrite the past: the triggers stand in the migration
0003. A transfer is written before its journal, so that the journal, when it arrives, can be
refused unless it is the sum of its transfers; a transfer whose journal never arrives is refused at
the end of the transaction.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Text
from sqlmodel import Field

from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class AccountKind(StrEnum):
    """What credits on an account are: there is one `issue`, and one of each other per team."""

    ISSUE = "issue"
    AVAILABLE = "available"
    HELD = "held"
    SPENT = "spent"
    REFUND = "refund"


class JournalKind(StrEnum):
    """Why credits moved."""

    ENDOWMENT = "endowment"
    CARRY_OVER = "carry-over"
    ROUND_ENDOWMENT = "round-endowment"
    ENDOWMENT_BY_HAND = "endowment-by-hand"
    HOLD = "hold"
    SETTLEMENT = "settlement"
    RELEASE = "release"
    REFUND = "refund"
    CORRECTION = "correction"


class PeriodRow(Table, table=True):
    """A time in the books, begun with a sprint's endowment; what is closed never changes."""

    __tablename__ = "period"
    __table_args__ = (
        at_least(1, "position"),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by_somebody"),
        STRICT,
    )
    key: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(unique=True, sa_type=Integer)
    starts_on: dt.date = Field(sa_type=Day)
    begun_at: dt.datetime = Field(sa_type=Instant)
    closed_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    closed_by: str | None = Field(default=None, sa_type=Text)


class AccountRow(Table, table=True):
    """A place where credits lie. The database posts the balance; only `issue` may be below zero."""

    __tablename__ = "account"
    __table_args__ = (
        one_of("kind", *AccountKind),
        CheckConstraint("(kind = 'issue') = (team_id IS NULL)", name="team_unless_issue"),
        CheckConstraint(
            "id = CASE WHEN team_id IS NULL THEN kind ELSE kind || '/' || team_id END",
            name="id_says_whose",
        ),
        CheckConstraint("kind = 'issue' OR balance_credits >= 0", name="no_overdraft"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    team_id: str | None = Field(default=None, foreign_key="team.id", index=True, sa_type=Text)
    balance_credits: int = Field(default=0, sa_type=Whole)
    last_transfer: int = Field(default=0, sa_type=Whole)


class JournalRow(Table, table=True):
    """Why, when and by whom credits moved; its number is the one of its audit event."""

    __tablename__ = "journal"
    __table_args__ = (
        one_of("kind", *JournalKind),
        at_least(1, "transfer_count", "amount_credits"),
        CheckConstraint("approver IS NULL OR approver <> actor", name="approver_is_another"),
        CheckConstraint(
            "kind NOT IN ('endowment-by-hand', 'correction') OR "
            "(approver IS NOT NULL AND reason <> '')",
            name="by_hand_needs_two_and_a_reason",
        ),
        CheckConstraint(
            "kind NOT IN ('round-endowment', 'hold', 'settlement', 'release', 'refund') OR "
            "round_id IS NOT NULL",
            name="of_a_round",
        ),
        CheckConstraint(
            "kind NOT IN ('settlement', 'refund') OR run_id IS NOT NULL", name="of_a_run"
        ),
        CheckConstraint("(kind = 'correction') = (corrects IS NOT NULL)", name="corrects_one"),
        STRICT,
    )
    number: int = Field(
        sa_column=Column(
            Integer, ForeignKey("audit_event.sequence"), primary_key=True, autoincrement=False
        )
    )
    idempotency_key: str = Field(unique=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    period_key: str = Field(foreign_key="period.key", index=True, sa_type=Text)
    posted_at: dt.datetime = Field(sa_type=Instant)
    actor: str = Field(sa_type=Text)
    approver: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    round_id: str | None = Field(default=None, foreign_key="round.id", index=True, sa_type=Text)
    run_id: str | None = Field(default=None, foreign_key="run.id", index=True, sa_type=Text)
    corrects: int | None = Field(
        default=None, unique=True, foreign_key="journal.number", sa_type=Integer
    )
    transfer_count: int = Field(sa_type=Integer)
    amount_credits: int = Field(sa_type=Whole)
    transfers_sha256: str = Field(sa_type=Text)


class TransferRow(Table, table=True):
    """Credits that went from the debited account to the credited one, for a bid or for none."""

    __tablename__ = "transfer"
    __table_args__ = (
        at_least(1, "amount_credits"),
        CheckConstraint("debit_account <> credit_account", name="between_two_accounts"),
        Index("ix_transfer_debit_account", "debit_account"),
        Index("ix_transfer_credit_account", "credit_account"),
        STRICT,
    )
    id: int | None = Field(default=None, sa_column=Column(Whole, primary_key=True))
    journal_number: int = Field(
        sa_column=Column(
            Integer,
            ForeignKey("journal.number", deferrable=True, initially="DEFERRED"),
            nullable=False,
            index=True,
        )
    )
    debit_account: str = Field(foreign_key="account.id", sa_type=Text)
    credit_account: str = Field(foreign_key="account.id", sa_type=Text)
    amount_credits: int = Field(sa_type=Whole)
    bid_id: str | None = Field(default=None, foreign_key="bid.id", index=True, sa_type=Text)
