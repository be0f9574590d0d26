"""Columns and constraints of the figures of published runs, no behaviour.

They are computed from what is audited and can be computed again, so the log does not vouch for
them; once written they stay, which the triggers of their migration see to.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field

from broker.tables import STRICT, Day, Table, Whole, at_least


class RoundFigureRow(Table, table=True):
    """What a published run came to. Units: value points, minutes, Jain's index in millionths."""

    __tablename__ = "round_figure"
    __table_args__ = (
        at_least(0, "value", "first_come_value", "greedy_value", "bids", "awards"),
        CheckConstraint("jain_millionths BETWEEN 0 AND 1000000", name="jain_in_bounds"),
        STRICT,
    )
    run_id: str = Field(primary_key=True, foreign_key="run.id", sa_type=Text)
    value: int = Field(sa_type=Whole)
    first_come_value: int = Field(sa_type=Whole)
    greedy_value: int = Field(sa_type=Whole)
    bids: int = Field(sa_type=Whole)
    awards: int = Field(sa_type=Whole)
    jain_millionths: int | None = Field(default=None, sa_type=Whole)
    wait_minutes: int | None = Field(default=None, sa_type=Whole)


class PoolFigureRow(Table, table=True):
    """What a pool came to in a published run; the columns are those of `PoolFigures`."""

    __tablename__ = "pool_figure"
    __table_args__ = (
        at_least(
            0,
            "reserved_unit_days",
            "spot_unit_days",
            "held_unit_days",
            "reserved_used_unit_days",
            "spot_used_unit_days",
            "spot_on_reserved_unit_days",
            "wanted_unit_days",
            "reserved_scarcity",
            "spot_scarcity",
        ),
        STRICT,
    )
    run_id: str = Field(primary_key=True, foreign_key="round_figure.run_id", sa_type=Text)
    pool_id: str = Field(primary_key=True, foreign_key="pool.id", sa_type=Text)
    reserved_unit_days: int = Field(sa_type=Whole)
    spot_unit_days: int = Field(sa_type=Whole)
    held_unit_days: int = Field(sa_type=Whole)
    reserved_used_unit_days: int = Field(sa_type=Whole)
    spot_used_unit_days: int = Field(sa_type=Whole)
    spot_on_reserved_unit_days: int = Field(sa_type=Whole)
    wanted_unit_days: int = Field(sa_type=Whole)
    reserved_price_microcredits: int | None = Field(default=None, sa_type=Whole)
    spot_price_microcredits: int | None = Field(default=None, sa_type=Whole)
    reserved_scarcity: int = Field(sa_type=Whole)
    spot_scarcity: int = Field(sa_type=Whole)
    scarcest_on: dt.date | None = Field(default=None, sa_type=Day)


class TeamFigureRow(Table, table=True):
    """What a team came to in a published run; the columns are those of `TeamFigures`."""

    __tablename__ = "team_figure"
    __table_args__ = (
        at_least(0, "credits", "bids", "awards", "value", "payment_credits"),
        STRICT,
    )
    run_id: str = Field(primary_key=True, foreign_key="round_figure.run_id", sa_type=Text)
    team_id: str = Field(primary_key=True, foreign_key="team.id", sa_type=Text)
    credits: int = Field(sa_type=Whole)
    bids: int = Field(sa_type=Whole)
    awards: int = Field(sa_type=Whole)
    value: int = Field(sa_type=Whole)
    payment_credits: int = Field(sa_type=Whole)
