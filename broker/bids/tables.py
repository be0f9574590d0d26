"""Columns and constraints of what teams write, no behaviour.

`team_bid` says where a bid stands, `bid_version` keeps everything that was ever written in it.
While it is submitted, what a round allocates stands in `bid` (broker/tables.py) as well.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field

from broker.states import BidState
from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class TeamBidRow(Table, table=True):
    """A team's bid from its first draft on: for which round, where it stands, its last version.

    Its id is that of the row in `bid` while it is submitted.
    """

    __tablename__ = "team_bid"
    __table_args__ = (
        one_of("state", *BidState),
        at_least(1, "version"),
        Index("ix_team_bid_team_id_round_id", "team_id", "round_id"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    round_id: str = Field(foreign_key="round.id", sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    key: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)


class BidVersionRow(Table, table=True):
    """A bid as it was written once: by whom, when, and the commitment given for it."""

    __tablename__ = "bid_version"
    __table_args__ = (
        one_of("state", *BidState),
        at_least(1, "version"),
        CheckConstraint(
            "(state = 'draft') = (commitment IS NULL)", name="committed_when_submitted"
        ),
        CheckConstraint("(salt IS NULL) = (commitment IS NULL)", name="commitment_has_a_salt"),
        STRICT,
    )
    bid_id: str = Field(primary_key=True, foreign_key="team_bid.id", sa_type=Text)
    version: int = Field(primary_key=True, sa_type=Integer)
    state: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    document: str = Field(sa_type=Text)
    written_by: str = Field(sa_type=Text)
    written_at: dt.datetime = Field(sa_type=Instant)
    salt: str | None = Field(default=None, sa_type=Text)
    commitment: str | None = Field(default=None, sa_type=Text)


class AskedPoolRow(Table, table=True):
    """The unit-days of a pool that one lot of an alternative asked for, written at the close.

    Whoever looks for past bids by pool looks here, and so never touches a bid that is sealed.
    """

    __tablename__ = "asked_pool"
    __table_args__ = (
        ForeignKeyConstraint(["bid_id", "number"], ["alternative.bid_id", "alternative.number"]),
        at_least(1, "unit_days"),
        STRICT,
    )
    pool_id: str = Field(primary_key=True, foreign_key="pool.id", sa_type=Text)
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    bid_id: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(primary_key=True, sa_type=Whole)
    unit_days: int = Field(sa_type=Whole)


class BidTemplateRow(Table, table=True):
    """What a team starts new bids from. `starts_on` is the sprint that its days belong to."""

    __tablename__ = "bid_template"
    __table_args__ = (
        UniqueConstraint("team_id", "name"),
        CheckConstraint("name <> ''", name="template_has_a_name"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    name: str = Field(sa_type=Text)
    starts_on: dt.date = Field(sa_type=Day)
    document: str = Field(sa_type=Text)
    written_by: str = Field(sa_type=Text)
    written_at: dt.datetime = Field(sa_type=Instant)
