"""What the screens read: tables as queries see them, and the few sums that many screens share.

Everything that comes from bids starts at `PUBLISHED_RUN`, so nothing of a sealed round can reach
a screen. Units: sums over days are unit-days, a pool's units times days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from allocation.problem import Tier
from broker.bids.tables import AskedPoolRow
from broker.holdings.tables import HoldingCutRow
from broker.spot.tables import CapacityLossRow, DailyRoundRow
from broker.states import RoundState, RunState
from broker.tables import Day, Table, Whole

_TABLES = Table.metadata.tables
POOL = _TABLES["pool"]
TEAM = _TABLES["team"]
ROUND = _TABLES["round"]
ROUND_POOL = _TABLES["round_pool"]
ROUND_TEAM = _TABLES["round_team"]
CAPACITY = _TABLES["capacity"]
COMMITMENT = _TABLES["commitment"]
BID = _TABLES["bid"]
ALTERNATIVE = _TABLES["alternative"]
ITEM = _TABLES["item"]
ASKED_POOL = AskedPoolRow.metadata.tables[AskedPoolRow.__tablename__]
SNAPSHOT = _TABLES["snapshot"]
RUN = _TABLES["run"]
RUN_STAGE = _TABLES["run_stage"]
AWARD = _TABLES["award"]
DECLINE = _TABLES["decline"]
LIST_PRICE = _TABLES["list_price"]
LOSS = CapacityLossRow.metadata.tables[CapacityLossRow.__tablename__]
DAILY = DailyRoundRow.metadata.tables[DailyRoundRow.__tablename__]
CUT = HoldingCutRow.metadata.tables[HoldingCutRow.__tablename__]

DECIDED = (RoundState.PUBLISHED, RoundState.FINISHED)
"""The states of a round whose result everybody may see."""


class days_after(FunctionElement[dt.date]):  # noqa: N801  # reads as the SQL function that it is
    """The day so many days after another one, in the database's own arithmetic."""

    name = "days_after"
    type = Day()
    inherit_cache = True


@compiles(days_after, "sqlite")
def _days_after_as_text(element: days_after, compiler: SQLCompiler, **options: Any) -> str:
    day, days = element.clauses
    start, count = compiler.process(day, **options), compiler.process(days, **options)
    return f"date({start}, ({count}) || ' days')"


@compiles(days_after)
def _days_after(element: days_after, compiler: SQLCompiler, **options: Any) -> str:
    day, days = element.clauses
    return f"({compiler.process(day, **options)} + {compiler.process(days, **options)})"


def total(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the whole sum of an amount over a group, 0 where there is none."""
    return cast(func.coalesce(func.sum(amount), 0), Whole)


def or_zero(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """Return an amount, 0 where a join found nothing."""
    return func.coalesce(amount, 0)


def or_else(amount: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an amount, and another one where a join found nothing."""
    return func.coalesce(amount, other)


def when(condition: ColumnElement[bool], amount: ColumnElement[Any]) -> ColumnElement[int]:
    """Return an amount where a condition holds, else 0."""
    return case((condition, amount), else_=0)


def smaller(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the smaller of two amounts."""
    return case((one < other, one), else_=other)


def _published_runs() -> CTE:
    newer = RUN.alias("newer")
    superseded = exists().where(
        newer.c.round_id == RUN.c.round_id,
        newer.c.state == RunState.PUBLISHED,
        newer.c.revision > RUN.c.revision,
    )
    return (
        select(RUN.c.id.label("run_id"), ROUND.c.id.label("round_id"))
        .join(ROUND, ROUND.c.id == RUN.c.round_id)
        .where(RUN.c.state == RunState.PUBLISHED, ROUND.c.state.in_(DECIDED), ~superseded)
        .cte("published_run")
    )


PUBLISHED_RUN = _published_runs()
"""The run that speaks for each decided round: its newest published revision."""


MARKET_RUN = (
    select(RUN.c.id.label("run_id"), ROUND.c.id.label("round_id"))
    .join(ROUND, ROUND.c.id == RUN.c.round_id)
    .where(RUN.c.state == RunState.PUBLISHED, RUN.c.revision == 1, ROUND.c.state.in_(DECIDED))
    .cte("market_run")
)
"""The run that decided each round before anybody overrode it: what the market made of its bids."""


def _stretches() -> CTE:
    """Return how many lots awards that gave up some hold, and on which days.

    The first stretch of an award has no first day, its last one no last day.
    """
    per_day = (
        select(
            CUT.c.run_id,
            CUT.c.bid_id,
            CUT.c.from_day,
            total(CUT.c.lots).label("lots"),
        )
        .group_by(CUT.c.run_id, CUT.c.bid_id, CUT.c.from_day)
        .cte("cut_per_day")
    )
    award = (per_day.c.run_id, per_day.c.bid_id)
    of_award = and_(AWARD.c.run_id == per_day.c.run_id, AWARD.c.bid_id == per_day.c.bid_id)
    day = per_day.c.from_day
    gone = cast(func.sum(per_day.c.lots).over(partition_by=award, order_by=day), Whole)
    following = func.lead(day).over(partition_by=award, order_by=day)
    first = func.min(per_day.c.from_day)
    before = (
        select(
            *award,
            cast(literal(None), Day).label("since"),
            days_after(first, literal(-1, Integer)).label("until"),
            func.min(AWARD.c.lots).label("lots"),
        )
        .join(AWARD, of_award)
        .group_by(*award)
    )
    after = select(
        *award,
        per_day.c.from_day,
        days_after(following, literal(-1, Integer)),
        AWARD.c.lots - gone,
    ).join(AWARD, of_award)
    return before.union_all(after).cte("stretch")


STRETCH = _stretches()


def holdings(round_id: str) -> Select[Any]:
    """Return one row per item of a published round's awards: which units, from when to when.

    The awards of a sprint's daily rounds are among those of the sprint's round.
    """
    daily = select(DAILY.c.round_id).where(DAILY.c.sprint_round_id == round_id)
    here = or_(PUBLISHED_RUN.c.round_id == round_id, PUBLISHED_RUN.c.round_id.in_(daily))
    return all_holdings().where(here)


def all_holdings() -> Select[Any]:
    """Return one row per item of every published award, as `holdings` does for one round.

    An award that gave up lots has a row for each stretch of days on which it holds the same.
    """
    last_offset = ITEM.c.offset_days + ITEM.c.days - literal(1, Integer)
    first_day = days_after(AWARD.c.start, ITEM.c.offset_days)
    last_day = days_after(AWARD.c.start, last_offset)
    since, until = or_else(STRETCH.c.since, first_day), or_else(STRETCH.c.until, last_day)
    begins = case((since > first_day, since), else_=first_day)
    ends = case((until < last_day, until), else_=last_day)
    of_award = and_(STRETCH.c.run_id == AWARD.c.run_id, STRETCH.c.bid_id == AWARD.c.bid_id)
    lots = or_else(STRETCH.c.lots, AWARD.c.lots)
    awarded = and_(
        ALTERNATIVE.c.bid_id == AWARD.c.bid_id, ALTERNATIVE.c.number == AWARD.c.alternative
    )
    used = and_(ITEM.c.bid_id == AWARD.c.bid_id, ITEM.c.number == AWARD.c.alternative)
    return (
        select(
            AWARD.c.bid_id,
            ITEM.c.pool_id,
            ITEM.c.position,
            ALTERNATIVE.c.tier,
            begins.label("first_day"),
            ends.label("last_day"),
            (ITEM.c.units_per_lot * lots).label("units"),
        )
        .select_from(AWARD)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == AWARD.c.run_id)
        .join(ALTERNATIVE, awarded)
        .join(ITEM, used)
        .outerjoin(STRETCH, of_award)
        .where(or_(STRETCH.c.lots.is_(None), and_(STRETCH.c.lots > 0, begins <= ends)))
    )


def wanted_per_pool() -> Select[Any]:
    """Return the unit-days that bids of decided rounds asked for: first choice, at full lots.

    Read from what the close noted, so that not even the time it takes tells of sealed bids.
    """
    other = ALTERNATIVE.alias("other")
    first_choice = select(func.min(other.c.number)).where(other.c.bid_id == ASKED_POOL.c.bid_id)
    amount = ASKED_POOL.c.unit_days * ALTERNATIVE.c.max_lots
    asked = and_(
        ASKED_POOL.c.pool_id == ROUND_POOL.c.pool_id,
        ASKED_POOL.c.round_id == PUBLISHED_RUN.c.round_id,
        ASKED_POOL.c.number == first_choice.scalar_subquery(),
    )
    chosen = and_(
        ALTERNATIVE.c.bid_id == ASKED_POOL.c.bid_id,
        ALTERNATIVE.c.number == ASKED_POOL.c.number,
    )
    return (
        select(
            PUBLISHED_RUN.c.round_id,
            ROUND_POOL.c.pool_id,
            total(when(ALTERNATIVE.c.tier == Tier.RESERVED, amount)).label("reserved"),
            total(when(ALTERNATIVE.c.tier == Tier.SPOT, amount)).label("spot"),
        )
        .select_from(PUBLISHED_RUN)
        .join(ROUND_POOL, ROUND_POOL.c.round_id == PUBLISHED_RUN.c.round_id)
        .join(ASKED_POOL, asked)
        .join(ALTERNATIVE, chosen)
        .group_by(PUBLISHED_RUN.c.round_id, ROUND_POOL.c.pool_id)
    )


def mean_prices() -> Select[Any]:
    """Return the mean list price over the days of each decided round, per pool: both tiers."""
    return (
        select(
            PUBLISHED_RUN.c.round_id,
            LIST_PRICE.c.pool_id,
            _mean_of(Tier.RESERVED).label("reserved"),
            _mean_of(Tier.SPOT).label("spot"),
        )
        .select_from(LIST_PRICE)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == LIST_PRICE.c.run_id)
        .group_by(PUBLISHED_RUN.c.round_id, LIST_PRICE.c.pool_id)
    )


def _mean_of(tier: Tier) -> ColumnElement[int]:
    price = case((LIST_PRICE.c.tier == tier, LIST_PRICE.c.list_price_microcredits))
    return cast(func.sum(price), Whole) // func.nullif(func.count(price), 0, type_=Whole)
