"""Columns and constraints of the waitlist, of rounds during a sprint and of losses, no behaviour.

All are append-only. The guards stand in the migration that made these tables.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, Integer, Text, UniqueConstraint, exists
from sqlalchemy.orm import aliased
from sqlmodel import Field, col

from broker.states import RoundState
from broker.tables import STRICT, Day, Instant, RoundRow, Table, Whole, at_least, one_of


class WaitlistWish(StrEnum):
    """What a team wants of a declined bid: take what becomes free, be asked first, wait no more."""

    TAKE = "take"
    ASK = "ask"
    LEAVE = "leave"


class WaitlistStepRow(Table, table=True):
    """What a team wanted of a declined bid at some time; the newest step counts."""

    __tablename__ = "waitlist_step"
    __table_args__ = (at_least(1, "number"), one_of("wish", *WaitlistWish), STRICT)
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", sa_type=Text)
    number: int = Field(primary_key=True, sa_type=Integer)
    wish: str = Field(sa_type=Text)
    wished_by: str = Field(sa_type=Text)
    wished_at: dt.datetime = Field(sa_type=Instant)


class DailyRoundRow(Table, table=True):
    """A round of kind `spot`: it hands out, on one day of a sprint, what is free on later ones.

    Its bids have the keys that they have in the sprint's round.
    """

    __tablename__ = "daily_round"
    __table_args__ = (UniqueConstraint("sprint_round_id", "day"), STRICT)
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    sprint_round_id: str = Field(foreign_key="round.id", sa_type=Text)
    day: dt.date = Field(sa_type=Day)


class RecoveryRoundRow(Table, table=True):
    """A round of kind `recovery`: it says who keeps what where capacity of a sprint is lost.

    No bids are placed in it: all that it decides about are awards that stand.
    """

    __tablename__ = "recovery_round"
    __table_args__ = (UniqueConstraint("sprint_round_id", "number"), at_least(1, "number"), STRICT)
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    sprint_round_id: str = Field(foreign_key="round.id", sa_type=Text)
    number: int = Field(sa_type=Integer)


class FirstPlaceRow(Table, table=True):
    """A bid of a daily round that comes first in it, for an award of its team was broken."""

    __tablename__ = "first_place"
    __table_args__ = (STRICT,)
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", sa_type=Text)
    round_id: str = Field(foreign_key="round.id", sa_type=Text)


class CapacityLossRow(Table, table=True):
    """Units of a pool that are not there on all days from the first to the last, and why."""

    __tablename__ = "capacity_loss"
    __table_args__ = (
        at_least(1, "units"),
        CheckConstraint("first_day <= last_day", name="days_in_order"),
        CheckConstraint("reason <> ''", name="reported_for_a_reason"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    pool_id: str = Field(foreign_key="pool.id", index=True, sa_type=Text)
    first_day: dt.date = Field(sa_type=Day)
    last_day: dt.date = Field(sa_type=Day)
    units: int = Field(sa_type=Whole)
    reason: str = Field(sa_type=Text)
    reported_by: str = Field(sa_type=Text)
    reported_at: dt.datetime = Field(sa_type=Instant)


class TeamAnswer(StrEnum):
    """What became of an award that its team was asked to accept."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"


class AcceptanceRow(Table, table=True):
    """A bid of a daily round whose award holds once its team accepts it, by a time.

    Answered once, or lapsed; a bid that wins nothing is never answered.
    """

    __tablename__ = "acceptance"
    __table_args__ = (
        one_of("answer", *TeamAnswer),
        CheckConstraint(
            "(answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answered_at IS NULL)",
            name="answer_says_who_and_when",
        ),
        STRICT,
    )
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", sa_type=Text)
    accept_by: dt.datetime = Field(sa_type=Instant)
    answer: str | None = Field(default=None, sa_type=Text)
    answered_by: str | None = Field(default=None, sa_type=Text)
    answered_at: dt.datetime | None = Field(default=None, sa_type=Instant)


def is_of_a_sprint() -> ColumnElement[bool]:
    """Say which rounds hand out a sprint, and are no rounds during one."""
    is_daily = exists().where(col(DailyRoundRow.round_id) == col(RoundRow.id))
    is_recovery = exists().where(col(RecoveryRoundRow.round_id) == col(RoundRow.id))
    return ~is_daily & ~is_recovery


def has_daily_round_to_close(at: dt.datetime) -> ColumnElement[bool]:
    """Say which rounds have a daily round that takes bids and closes at a moment or before it."""
    daily = aliased(RoundRow)
    return exists().where(
        col(DailyRoundRow.sprint_round_id) == col(RoundRow.id),
        col(daily.id) == col(DailyRoundRow.round_id),
        col(daily.state) == RoundState.OPEN,
        col(daily.closes_at) <= at,
    )
