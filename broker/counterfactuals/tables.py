"""What is known of what would have won: one row per declined bid of a published run."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Text
from sqlmodel import Field

from allocation.counterfactuals import Standing
from broker.tables import STRICT, Instant, Table, Whole, at_least, one_of


class CounterfactualRow(Table, table=True):
    """The answer to "why not me": an estimate first, then what was verified, or its bounds.

    `document` is canonical JSON with the other changes that would have won and the bids that each
    would have displaced. `asked_at` is when somebody asked for this bid before others.
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
