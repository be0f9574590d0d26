"""Columns and constraints of experts and of the hours they are asked for, no behaviour.

Hours are never edited: they are confirmed, declined or replaced by others, and what they were
stays. The triggers stand in the migration that made these tables.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Index, Integer, Text
from sqlmodel import Field

from broker.states import HoursState
from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class ExpertRow(Table, table=True):
    """Somebody who works in expert pools; with a person of the market behind them, or a name only.

    Rosters name them by their key.
    """

    __tablename__ = "expert"
    __table_args__ = (CheckConstraint("name <> ''", name="expert_has_a_name"), STRICT)
    id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    person_id: str | None = Field(default=None, foreign_key="person.id", unique=True, sa_type=Text)
    added_at: dt.datetime = Field(sa_type=Instant)


class ExpertHoursRow(Table, table=True):
    """Hours of one day of an award, and who gives them; nobody yet where they are to be named.

    Units: whole hours. `hours_of_day` and `most_teams` are what the roster said of the person on
    that day, so that the database can hold everybody to it.
    """

    __tablename__ = "expert_hours"
    __table_args__ = (
        one_of("state", *HoursState),
        at_least(1, "hours", "position"),
        CheckConstraint("expert_id IS NULL OR hours <= hours_of_day", name="within_the_day"),
        CheckConstraint(
            "(expert_id IS NULL) = (hours_of_day IS NULL) "
            "AND (expert_id IS NULL) = (most_teams IS NULL)",
            name="roster_beside_the_person",
        ),
        CheckConstraint(
            "state NOT IN ('asked', 'confirmed', 'declined') OR expert_id IS NOT NULL",
            name="somebody_is_asked",
        ),
        CheckConstraint("state <> 'to-be-named' OR expert_id IS NULL", name="nobody_is_named_yet"),
        CheckConstraint(
            "(answered_at IS NULL) = (answered_by IS NULL) "
            "AND (state NOT IN ('confirmed', 'declined') OR answered_at IS NOT NULL)",
            name="answered_says_who_and_when",
        ),
        CheckConstraint("(state = 'declined') = (reason <> '')", name="declined_for_a_reason"),
        Index("ix_expert_hours_pool_id_day", "pool_id", "day"),
        Index("ix_expert_hours_expert_id_day", "expert_id", "day"),
        Index("ix_expert_hours_team_id", "team_id"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(foreign_key="run.id", sa_type=Text)
    bid_id: str = Field(foreign_key="bid.id", sa_type=Text)
    position: int = Field(sa_type=Integer)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    pool_id: str = Field(foreign_key="pool.id", sa_type=Text)
    day: dt.date = Field(sa_type=Day)
    expert_id: str | None = Field(default=None, foreign_key="expert.id", sa_type=Text)
    hours: int = Field(sa_type=Whole)
    hours_of_day: int | None = Field(default=None, sa_type=Whole)
    most_teams: int | None = Field(default=None, sa_type=Integer)
    state: str = Field(sa_type=Text)
    written_at: dt.datetime = Field(sa_type=Instant)
    answered_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    answered_by: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
