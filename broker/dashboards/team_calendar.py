"""The calendar of a team's awards: which units it holds, of which pool, from when to when.

Only what is published: a bid that nobody has decided on is not in here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import Integer, Text, cast, select
from sqlmodel import Session

from allocation.problem import Tier
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
from broker.dashboards.sources import BID, POOL, ROUND, TEAM, all_holdings

COLUMNS = (
    Column("title", "Award", filtered=True, names=Subject.RECEIPT, reference="bid_id"),
    Column("pool", "Pool", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("units", "Units a day", Kind.COUNT),
    Column("unit", "Unit"),
    Column("tier", "Tier", Kind.CHOICE, choices=tuple(Tier), filtered=True),
    Column("first_day", "From", Kind.DAY, filtered=True),
    Column("last_day", "To", Kind.DAY),
    Column("team", "Team", filtered=True),
    Column("round", "Round", filtered=True, shown=False),
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("bid_id", "Receipt", Kind.KEY, shown=False),
    Column("line", "Line", Kind.KEY, shown=False),
)


@dataclass(frozen=True, slots=True)
class TeamCalendar:
    """What some teams hold, newest first. Shape: `holdings` is one page."""

    today: dt.date
    holdings: Listing

    @property
    def rows(self) -> tuple[Row, ...]:
        """The holdings that show."""
        return self.holdings.rows

    @property
    def begins_on(self) -> dt.date:
        """The first day of what shows, and today where nothing does."""
        return min((row["first_day"] for row in self.rows), default=self.today)

    @property
    def ends_on(self) -> dt.date:
        """The last day of what shows, and today where nothing does."""
        return max((row["last_day"] for row in self.rows), default=self.today)


def team_calendar(
    session: Session, team_ids: Collection[str], today: dt.date, question: Question
) -> TeamCalendar:
    """Return what some teams were awarded, over all sprints."""
    return TeamCalendar(today, list_rows(session, calendar_table(team_ids), question))


def calendar_table(team_ids: Collection[str]) -> Table:
    """Return the table of what some teams hold: one row for each pool of an award."""
    held = all_holdings().subquery("held")
    rows = (
        select(
            BID.c.title,
            POOL.c.name.label("pool"),
            held.c.units,
            POOL.c.unit,
            held.c.tier,
            held.c.first_day,
            held.c.last_day,
            TEAM.c.name.label("team"),
            ROUND.c.name.label("round"),
            POOL.c.key.label("pool_key"),
            ROUND.c.key.label("round_key"),
            TEAM.c.key.label("team_key"),
            held.c.bid_id,
            (held.c.bid_id + "/" + cast(cast(held.c.position, Integer), Text)).label("line"),
        )
        .select_from(held)
        .join(BID, BID.c.id == held.c.bid_id)
        .join(POOL, POOL.c.id == held.c.pool_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .where(BID.c.team_id.in_(sorted(team_ids)))
    )
    order = ("-first_day", "title", "line")
    columns = tuple(
        replace(one, shown=one.shown and (one.key != "team" or len(team_ids) > 1))
        for one in COLUMNS
    )
    return Table("calendar", "Awards of the team, one row a pool", columns, rows, order)
