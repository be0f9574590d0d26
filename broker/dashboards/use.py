"""Who uses how much of what a round offers: per pool and day, and per pool over the sprint.

A cell's units are what earlier awards still hold, what reserved and spot awards of the round use,
what is lost, and the rest, which is free. Spot awards fill the spot units first, then unsold
reserved units.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, case, func, select

from allocation.problem import Tier
from broker.dashboards.listings import Column, Kind, Subject, Table
from broker.dashboards.sources import (
    CAPACITY,
    COMMITMENT,
    LOSS,
    POOL,
    PUBLISHED_RUN,
    ROUND_POOL,
    holdings,
    mean_prices,
    or_zero,
    smaller,
    total,
    wanted_per_pool,
    when,
)

KINDS = ("compute", "expert", "data")
CACHED = 64
"""How many tables are kept as they were put together, which takes longer than some of them ask."""
POOL_COLUMNS = (
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("pool", "Pool", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("kind", "Kind", Kind.CHOICE, choices=KINDS, filtered=True, shown=False),
    Column("unit", "Unit"),
)
DAY_COLUMNS = (
    Column("day", "Day", Kind.DAY, filtered=True),
    Column("reserved_units", "Reserved units", Kind.COUNT),
    Column("spot_units", "Spot units", Kind.COUNT),
    Column("held_units", "Held before", Kind.COUNT),
    Column("reserved_used_units", "Reserved in use", Kind.COUNT),
    Column("spot_used_units", "Spot in use", Kind.COUNT),
    Column("spot_on_reserved_units", "of it on reserved", Kind.COUNT),
    Column("lost_units", "Lost", Kind.COUNT),
    Column("free_units", "Free", Kind.COUNT),
    Column("reserved_free_units", "of it to reserve", Kind.COUNT, shown=False),
)


def use_per_day(round_id: str) -> CTE:
    """Return every open pool and day of a round with its units and who uses them."""
    awarded, lost = _awarded_per_day(round_id), _lost_per_day(round_id)
    held = and_(
        COMMITMENT.c.round_id == CAPACITY.c.round_id,
        COMMITMENT.c.pool_id == CAPACITY.c.pool_id,
        COMMITMENT.c.day == CAPACITY.c.day,
    )
    used = and_(awarded.c.pool_id == CAPACITY.c.pool_id, awarded.c.day == CAPACITY.c.day)
    gone = and_(lost.c.pool_id == CAPACITY.c.pool_id, lost.c.day == CAPACITY.c.day)
    return (
        select(CAPACITY.c.pool_id, CAPACITY.c.day, *_units(awarded, or_zero(lost.c.units)))
        .select_from(CAPACITY)
        .outerjoin(COMMITMENT, held)
        .outerjoin(awarded, used)
        .outerjoin(lost, gone)
        .where(
            CAPACITY.c.round_id == round_id, CAPACITY.c.reserved_units + CAPACITY.c.spot_units > 0
        )
        .cte("use")
    )


def _units(awarded: CTE, told: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    held_reserved, held_spot = (
        or_zero(COMMITMENT.c.reserved_units),
        or_zero(COMMITMENT.c.spot_units),
    )
    reserved, spot = or_zero(awarded.c.reserved), or_zero(awarded.c.spot)
    beyond_spot = spot + held_spot - CAPACITY.c.spot_units
    on_reserved = smaller(case((beyond_spot > 0, beyond_spot), else_=0), spot)
    held, every = held_reserved + held_spot, CAPACITY.c.reserved_units + CAPACITY.c.spot_units
    lost = smaller(told, every)
    free = every - held - reserved - spot - lost
    return (
        CAPACITY.c.reserved_units,
        CAPACITY.c.spot_units,
        held.label("held_units"),
        reserved.label("reserved_used_units"),
        spot.label("spot_used_units"),
        on_reserved.label("spot_on_reserved_units"),
        lost.label("lost_units"),
        free.label("free_units"),
        smaller(CAPACITY.c.reserved_units - held_reserved - reserved, free).label(
            "reserved_free_units"
        ),
    )


def _lost_per_day(round_id: str) -> CTE:
    """Add up what is lost, per pool and day of a round, once for all that is made of it."""
    here = and_(
        CAPACITY.c.round_id == round_id,
        CAPACITY.c.pool_id == LOSS.c.pool_id,
        CAPACITY.c.day.between(LOSS.c.first_day, LOSS.c.last_day),
    )
    return (
        select(CAPACITY.c.pool_id, CAPACITY.c.day, total(LOSS.c.units).label("units"))
        .select_from(LOSS.join(CAPACITY, here))
        .group_by(CAPACITY.c.pool_id, CAPACITY.c.day)
        .cte("lost")
    )


def _awarded_per_day(round_id: str) -> CTE:
    held = holdings(round_id).cte("holding").prefix_with("MATERIALIZED")
    taken = and_(
        CAPACITY.c.round_id == round_id,
        CAPACITY.c.pool_id == held.c.pool_id,
        CAPACITY.c.day.between(held.c.first_day, held.c.last_day),
    )
    return (
        select(
            CAPACITY.c.pool_id,
            CAPACITY.c.day,
            total(when(held.c.tier == Tier.RESERVED, held.c.units)).label("reserved"),
            total(when(held.c.tier == Tier.SPOT, held.c.units)).label("spot"),
        )
        .select_from(held.join(CAPACITY, taken))
        .group_by(CAPACITY.c.pool_id, CAPACITY.c.day)
        .cte("awarded")
    )


@lru_cache(maxsize=CACHED)
def day_table(
    round_id: str,
    pool_ids: tuple[str, ...] | None = None,
    window: tuple[dt.date, dt.date] | None = None,
) -> Table:
    """Return the table of units per pool and day; of some pools, from day to day, where named."""
    use = use_per_day(round_id)
    rows = _with_pool(use, round_id).add_columns(*_rest_of(use))
    if pool_ids is not None:
        rows = rows.where(use.c.pool_id.in_(pool_ids))
    if window is not None:
        rows = rows.where(use.c.day.between(*window))
    caption = "Units per pool and day: what there is and who uses it"
    columns = (*POOL_COLUMNS, *DAY_COLUMNS)
    return Table("capacity", caption, columns, rows, ("pool", "pool_key", "day"))


def offers_of_pools(round_id: str) -> Select[tuple[str, int, int]]:
    """Return the unit-days that every pool of a round offers, and those held before, by its key."""
    offered = _offered_per_pool(round_id)
    units = offered.c.reserved_unit_days + offered.c.spot_unit_days
    return select(POOL.c.key, units, offered.c.held_unit_days).join(
        offered, offered.c.pool_id == POOL.c.id
    )


def _offered_per_pool(round_id: str) -> CTE:
    held = and_(
        COMMITMENT.c.round_id == CAPACITY.c.round_id,
        COMMITMENT.c.pool_id == CAPACITY.c.pool_id,
        COMMITMENT.c.day == CAPACITY.c.day,
    )
    before = or_zero(COMMITMENT.c.reserved_units) + or_zero(COMMITMENT.c.spot_units)
    return (
        select(
            CAPACITY.c.pool_id,
            total(CAPACITY.c.reserved_units).label("reserved_unit_days"),
            total(CAPACITY.c.spot_units).label("spot_unit_days"),
            total(before).label("held_unit_days"),
        )
        .select_from(CAPACITY)
        .outerjoin(COMMITMENT, held)
        .where(
            CAPACITY.c.round_id == round_id, CAPACITY.c.reserved_units + CAPACITY.c.spot_units > 0
        )
        .group_by(CAPACITY.c.pool_id)
        .cte("offered")
    )


def _with_pool(use: CTE, round_id: str) -> Select[Any]:
    here = and_(ROUND_POOL.c.pool_id == use.c.pool_id, ROUND_POOL.c.round_id == round_id)
    return (
        select(
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            ROUND_POOL.c.kind,
            ROUND_POOL.c.unit,
        )
        .select_from(use)
        .join(POOL, POOL.c.id == use.c.pool_id)
        .join(ROUND_POOL, here)
    )


def _rest_of(use: CTE) -> list[ColumnElement[Any]]:
    return [column for column in use.c if column.key != "pool_id"]


DEMAND_COLUMNS = (
    Column("wanted_unit_days", "Wanted units × days", Kind.COUNT),
    Column("wanted_ratio", "Wanted", Kind.TIMES),
    Column("reserved_list_price_credits", "Reserved", Kind.MICROCREDITS, "credits"),
    Column("spot_list_price_credits", "Spot", Kind.MICROCREDITS, "credits"),
)
POOL_USE_COLUMNS = (
    Column("reserved_unit_days", "Reserved units × days", Kind.COUNT),
    Column("spot_unit_days", "Spot units × days", Kind.COUNT),
    Column("held_unit_days", "Held before", Kind.COUNT),
    Column("reserved_used_unit_days", "Reserved in use", Kind.COUNT),
    Column("spot_used_unit_days", "Spot in use", Kind.COUNT),
    Column("spot_on_reserved_unit_days", "of it on reserved", Kind.COUNT),
    Column("lost_unit_days", "Lost", Kind.COUNT),
    Column("free_unit_days", "Free", Kind.COUNT),
    Column("reserved_free_unit_days", "of it to reserve", Kind.COUNT),
    *DEMAND_COLUMNS,
)


@lru_cache(maxsize=CACHED)
def pool_table(round_id: str) -> Table:
    """Return the table of a round's pools: unit-days, use, what was wanted, mean list prices."""
    return Table(
        name="pools",
        caption="Use, demand and mean list price per pool over the sprint",
        columns=(*POOL_COLUMNS, *POOL_USE_COLUMNS),
        rows=_pool_rows(round_id),
        order=("pool", "pool_key"),
    )


def _pool_rows(round_id: str) -> Select[Any]:
    use = _use_per_pool(round_id)
    return _with_demand(use, _with_pool(use, round_id).add_columns(*_rest_of(use)), round_id)


@lru_cache(maxsize=CACHED)
def price_table(round_id: str) -> Table:
    """Return the table of a round's pools with what was wanted and mean list prices.

    The same figures as in `pool_table`, without asking who uses what.
    """
    offered = _offered_per_pool(round_id)
    return Table(
        name="pool_prices",
        caption="Mean list price per unit and day, and demand against supply",
        columns=(*POOL_COLUMNS, *DEMAND_COLUMNS),
        rows=_with_demand(offered, _with_pool(offered, round_id), round_id),
        order=("pool", "pool_key"),
    )


def _with_demand(offered: CTE, pools: Select[Any], round_id: str) -> Select[Any]:
    """Add to pools what was wanted of what they offered, and their mean list prices."""
    here = PUBLISHED_RUN.c.round_id == round_id
    wanted = wanted_per_pool().where(here).subquery("wanted")
    price = mean_prices().where(here).subquery("price")
    asked = or_zero(wanted.c.reserved) + or_zero(wanted.c.spot)
    there = offered.c.reserved_unit_days + offered.c.spot_unit_days - offered.c.held_unit_days
    return (
        pools.outerjoin(wanted, wanted.c.pool_id == offered.c.pool_id)
        .outerjoin(price, price.c.pool_id == offered.c.pool_id)
        .add_columns(
            asked.label("wanted_unit_days"),
            (asked / func.nullif(there, 0)).label("wanted_ratio"),
            price.c.reserved.label("reserved_list_price_credits"),
            price.c.spot.label("spot_list_price_credits"),
        )
    )


def _use_per_pool(round_id: str) -> CTE:
    days = use_per_day(round_id)
    sums = [
        total(column).label(str(column.key).replace("_units", "_unit_days"))
        for column in _rest_of(days)
        if column.key != "day"
    ]
    return select(days.c.pool_id, *sums).group_by(days.c.pool_id).cte("pool_use")
