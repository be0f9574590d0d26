"""Hours of experts: what a person is asked for, who works for a team, and what a pool has open.

Hours follow from published awards only. Who reads them is whom they concern: the person, the team,
and whoever answers for the pool.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.dashboards.listings import (
    Column,
    Kind,
    Listing,
    Question,
    Row,
    Subject,
    Table,
    list_rows,
)
from broker.dashboards.sources import BID, POOL, ROUND, TEAM
from broker.experts.naming import Choice, choices_for
from broker.experts.tables import ExpertHoursRow, ExpertRow
from broker.pools.changes import find_pool
from broker.states import LIVE_HOURS, HoursState

_TABLES = ExpertHoursRow.metadata.tables
HOURS = _TABLES[ExpertHoursRow.__tablename__]
EXPERT = _TABLES[ExpertRow.__tablename__]
NOBODY = "to be named"

COLUMNS = (
    Column("hours_id", "Hours key", Kind.KEY, shown=False),
    Column("day", "Day", Kind.DAY, filtered=True),
    Column("expert", "Expert", filtered=True),
    Column("hours", "Hours", Kind.COUNT),
    Column("pool", "Pool", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("team", "Team", filtered=True),
    Column("title", "Award", names=Subject.RECEIPT, reference="bid_id"),
    Column("state", "State", Kind.CHOICE, choices=tuple(HoursState), filtered=True),
    Column("reason", "Why declined", shown=False),
    Column("expert_key", "Expert key", Kind.KEY, shown=False),
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("bid_id", "Receipt", Kind.KEY, shown=False),
)
ORDER = ("day", "pool", "team", "expert", "hours_id")


@dataclass(frozen=True, slots=True)
class AskedAward:
    """What one award asks of a person. Shape: rows by day."""

    bid_id: str
    title: str
    team: str
    pool: str
    rows: tuple[Row, ...]

    @property
    def hours(self) -> int:
        """All hours of it."""
        return sum(row["hours"] for row in self.rows)

    @property
    def waits(self) -> bool:
        """Whether some of them wait for an answer."""
        return any(row["state"] == HoursState.ASKED for row in self.rows)


@dataclass(frozen=True, slots=True)
class OwnHours:
    """A person's hours: what is to come, award by award, and all of it as a table."""

    awards: tuple[AskedAward, ...]
    all: Listing

    @property
    def to_answer(self) -> int:
        """How many hours wait for an answer."""
        return sum(
            row["hours"]
            for award in self.awards
            for row in award.rows
            if row["state"] == HoursState.ASKED
        )


@dataclass(frozen=True, slots=True)
class PoolHours:
    """The hours of a pool, as those see them who answer for it.

    Shape: choices by the key of hours to come that have nobody; `answers` are the keys of hours to
    come whose person has no account, so that the owner answers.
    """

    key: str
    name: str
    today: dt.date
    hours: Listing
    to_be_named: int
    asked: int
    choices: Mapping[str, tuple[Choice, ...]]
    answers: frozenset[str]


def own_hours(session: Session, actor: Actor, question: Question, today: dt.date) -> OwnHours:
    """Return what somebody is asked for. Raises: SignInNeeded, NotAllowed."""
    table = own_hours_table(actor)
    live = table.rows.where(
        HOURS.c.day >= today, HOURS.c.state.in_([HoursState.ASKED, HoursState.CONFIRMED])
    )
    rows = session.execute(live.order_by(BID.c.title, HOURS.c.bid_id, HOURS.c.day)).mappings()
    awards = tuple(
        _asked(bid_id, tuple(some)) for bid_id, some in groupby(rows, lambda row: row["bid_id"])
    )
    return OwnHours(awards, list_rows(session, table, question))


def own_hours_table(actor: Actor) -> Table:
    """Return the table of everything that somebody was ever asked for."""
    require(actor, Action.READ_OWN_HOURS)
    own = _hours(EXPERT.c.person_id == (actor.person_id or ""))
    columns = tuple(replace(one, shown=one.shown and one.key != "expert") for one in COLUMNS)
    return Table("own_hours", "Hours that you are asked for", columns, own, ("-day", "hours_id"))


def team_hours(session: Session, team_ids: Collection[str], question: Question) -> Listing:
    """Return who works for some teams, and what has nobody yet."""
    return list_rows(session, team_hours_table(team_ids), question)


def team_hours_table(team_ids: Collection[str]) -> Table:
    """Return the table of who works for some teams."""
    rows = _hours(HOURS.c.team_id.in_(sorted(team_ids)), HOURS.c.state.in_(LIVE_HOURS))
    columns = tuple(
        replace(one, shown=one.shown and (one.key != "team" or len(team_ids) > 1))
        for one in COLUMNS
    )
    return Table("hours", "Experts who work for the team", columns, rows, ("-day", *ORDER[1:]))


def pool_hours(
    session: Session, actor: Actor, key: str, question: Question, today: dt.date
) -> PoolHours:
    """Return the hours of a pool. Raises: NotFound; SignInNeeded, NotAllowed."""
    pool = find_pool(session, key)
    table = pool_hours_table(session, actor, key)
    listing = list_rows(session, table, question)
    counts = select(
        func.coalesce(func.sum(_if_state(HoursState.TO_BE_NAMED)), 0),
        func.coalesce(func.sum(_if_state(HoursState.ASKED)), 0),
    ).where(HOURS.c.pool_id == pool.id, HOURS.c.day >= today)
    to_be_named, asked = session.execute(counts).one()
    ahead = [row for row in listing.rows if row["day"] >= today]
    opened = [row["hours_id"] for row in ahead if row["state"] == HoursState.TO_BE_NAMED]
    return PoolHours(
        pool.key,
        pool.name,
        today,
        listing,
        int(to_be_named),
        int(asked),
        choices_for(session, pool.id, opened) if opened else {},
        frozenset(
            row["hours_id"]
            for row in ahead
            if row["person_id"] is None and row["state"] in {HoursState.ASKED, HoursState.CONFIRMED}
        ),
    )


def pool_hours_table(session: Session, actor: Actor, key: str) -> Table:
    """Return the table of a pool's hours. Raises: as `pool_hours`."""
    pool = find_pool(session, key)
    require(actor, Action.NAME_EXPERTS, pool_id=pool.id)
    rows = _hours(HOURS.c.pool_id == pool.id)
    columns = tuple(
        replace(one, shown=(one.shown and one.key != "pool") or one.key == "reason")
        for one in COLUMNS
    )
    return Table("pool_hours", "Hours of the pool", columns, rows, ("-day", *ORDER[1:]))


def _if_state(state: HoursState) -> ColumnElement[int]:
    return case((HOURS.c.state == state, HOURS.c.hours), else_=0)


def _asked(bid_id: str, rows: tuple[Row, ...]) -> AskedAward:
    first = rows[0]
    return AskedAward(bid_id, first["title"], first["team"], first["pool"], rows)


def _hours(*which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            HOURS.c.id.label("hours_id"),
            HOURS.c.day,
            func.coalesce(EXPERT.c.name, NOBODY).label("expert"),
            HOURS.c.hours,
            POOL.c.name.label("pool"),
            TEAM.c.name.label("team"),
            BID.c.title,
            HOURS.c.state,
            HOURS.c.reason,
            EXPERT.c.key.label("expert_key"),
            EXPERT.c.person_id,
            POOL.c.key.label("pool_key"),
            TEAM.c.key.label("team_key"),
            ROUND.c.key.label("round_key"),
            HOURS.c.bid_id,
        )
        .select_from(HOURS)
        .join(POOL, POOL.c.id == HOURS.c.pool_id)
        .join(TEAM, TEAM.c.id == HOURS.c.team_id)
        .join(BID, BID.c.id == HOURS.c.bid_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .outerjoin(EXPERT, EXPERT.c.id == HOURS.c.expert_id)
        .where(*which)
    )
