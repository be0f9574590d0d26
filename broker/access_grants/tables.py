"""Columns and constraints of access grants, no behaviour.

A grant is written in the publication of its award and ends once; nothing else of it ever changes:
the triggers stand in the migration that made the table.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field

from broker.states import AccessState
from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class AccessGrantRow(Table, table=True):
    """That a team may use so many seats of a data pool for a purpose, on days from and until.

    `position` is the item of the award from which it follows. The purpose is empty where the pool
    had no terms and the bid stated none.
    """

    __tablename__ = "access_grant"
    __table_args__ = (
        one_of("state", *AccessState),
        at_least(1, "seats"),
        CheckConstraint("from_on <= until_on", name="days_in_order"),
        CheckConstraint(
            "(state = 'granted') = (ended_at IS NULL) AND (ended_at IS NULL) = (ended_by IS NULL)",
            name="ended_says_who_and_when",
        ),
        CheckConstraint("(state = 'revoked') = (reason <> '')", name="revoked_for_a_reason"),
        UniqueConstraint("run_id", "bid_id", "position"),
        Index("ix_access_grant_state_until_on", "state", "until_on"),
        Index("ix_access_grant_team_id", "team_id"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(foreign_key="run.id", sa_type=Text)
    bid_id: str = Field(foreign_key="bid.id", sa_type=Text)
    position: int = Field(sa_type=Integer)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    pool_id: str = Field(foreign_key="pool.id", sa_type=Text)
    purpose: str = Field(sa_type=Text)
    seats: int = Field(sa_type=Whole)
    from_on: dt.date = Field(sa_type=Day)
    until_on: dt.date = Field(sa_type=Day)
    state: str = Field(sa_type=Text)
    granted_at: dt.datetime = Field(sa_type=Instant)
    ended_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    ended_by: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
