"""What is known of what would have won, per declined bid of a published run, and who asked what."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Text, UniqueConstraint
from sqlmodel import Field

from allocation.counterfactuals import Standing, Verdict
from broker.tables import STRICT, Instant, Table, Whole, at_least, one_of


class CounterfactualRow(Table, table=True):
    """The answer to "why not me": an estimate first, then what was verified, or its bounds.

    `document` is canonical JSON with the time that the answer had, the other changes that would
    have won and the bids that each would have displaced. `asked_at` is when somebody asked for this
    bid before others.
    """

    __tablename__ = "counterfactual"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "bid_id"], ["decline.run_id", "decline.bid_id"]),
        one_of("standing", *Standing),
        at_least(1, "lower_credits", "upper_credits"),
        CheckConstraint("lower_credits <= upper_credits", name="bounds_in_order"),
        CheckConstraint(
            "(standing = 'estimate') = (answered_at IS NULL)", name="answered_says_when"
        ),
        CheckConstraint(
            "standing <> 'exact' OR lower_credits = upper_credits "
            "OR (lower_credits IS NULL AND upper_credits IS NULL)",
            name="exact_is_one_offer",
        ),
        STRICT,
    )
    run_id: str = Field(primary_key=True, sa_type=Text)
    bid_id: str = Field(primary_key=True, index=True, sa_type=Text)
    standing: str = Field(sa_type=Text)
    lower_credits: int | None = Field(default=None, sa_type=Whole)
    upper_credits: int | None = Field(default=None, sa_type=Whole)
    document: str = Field(default="{}", sa_type=Text)
    asked_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    answered_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class QuestionRow(Table, table=True):
    """A person's question about a declined bid, asked once however often it is sent.

    `document` is canonical JSON with the bid as it might have been; `{}` asks what would have won,
    and is answered in the counterfactual itself. `answer` is canonical JSON too.
    """

    __tablename__ = "counterfactual_question"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "bid_id"], ["decline.run_id", "decline.bid_id"]),
        UniqueConstraint("run_id", "bid_id", "document"),
        one_of("verdict", *Verdict),
        CheckConstraint("answered_at IS NULL OR begun_at IS NOT NULL", name="begun_before_answer"),
        CheckConstraint("(verdict IS NULL) = (answer IS NULL)", name="verdict_has_an_answer"),
        CheckConstraint(
            "(verdict IS NULL) = (answered_at IS NULL OR document = '{}')",
            name="answered_says_what",
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(sa_type=Text)
    bid_id: str = Field(index=True, sa_type=Text)
    document: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: dt.datetime = Field(sa_type=Instant)
    begun_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    answered_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    verdict: str | None = Field(default=None, sa_type=Text)
    answer: str | None = Field(default=None, sa_type=Text)
