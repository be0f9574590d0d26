"""Columns and constraints of cuts and of awards that compete anew, no behaviour.

An award is never rewritten: what it holds on a day is its lots less those of its cuts from that day
or an earlier one. The guards stand in the migration that made this table.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Integer, Text
from sqlmodel import Field

from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class CutCause(StrEnum):
    """Why an award holds less than was published."""

    RELEASED = "released"
    PREEMPTED = "preempted"
    CAPACITY_LOST = "capacity-lost"
    NOT_ACCEPTED = "not-accepted"


MOST_PERCENT = 200
"""Of the payment for unused days: all of it, and the rebate for a broken promise on top."""


class HoldingCutRow(Table, table=True):
    """Lots that an award stops holding from a day on, until its end, and what came back for them.

    Units: `refund_percent` of the payment for the unused unit-days came back as `refund_credits`,
    more than all of it only where a promise was broken, and never more than was paid.
    """

    __tablename__ = "holding_cut"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "bid_id"], ["award.run_id", "award.bid_id"]),
        at_least(1, "number", "lots"),
        at_least(0, "refund_credits"),
        CheckConstraint(f"refund_percent BETWEEN 0 AND {MOST_PERCENT}", name="refund_in_bounds"),
        one_of("cause", *CutCause),
        STRICT,
    )
    run_id: str = Field(primary_key=True, sa_type=Text)
    bid_id: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(primary_key=True, sa_type=Integer)
    cause: str = Field(sa_type=Text)
    lots: int = Field(sa_type=Whole)
    from_day: dt.date = Field(sa_type=Day)
    refund_percent: int = Field(sa_type=Integer)
    refund_credits: int = Field(sa_type=Whole)
    cut_by: str = Field(sa_type=Text)
    cut_at: dt.datetime = Field(sa_type=Instant)


class ContestedAwardRow(Table, table=True):
    """An award that competes in a later round, with the lots it held at that round's close.

    Whatever that round leaves it stays as it is; what it loses is a cut.
    """

    __tablename__ = "contested_award"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "bid_id"], ["award.run_id", "award.bid_id"]),
        at_least(1, "lots"),
        one_of("cause", CutCause.PREEMPTED, CutCause.CAPACITY_LOST),
        STRICT,
    )
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    run_id: str = Field(primary_key=True, sa_type=Text)
    bid_id: str = Field(primary_key=True, sa_type=Text)
    lots: int = Field(sa_type=Whole)
    cause: str = Field(sa_type=Text)
