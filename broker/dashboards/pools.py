"""Screen 2, the pools: what there is to bid for, whose it is, and what it cost last time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, and_, literal, select
from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief, rounds_ahead, rounds_decided
from broker.dashboards.departures import departures
from broker.dashboards.histories import PricePoint, price_histories
from broker.dashboards.listings import Column, Kind, Listing, Question, Table, list_rows
from broker.dashboards.sources import (
    CAPACITY,
    POOL,
    PUBLISHED_RUN,
    ROUND_POOL,
    mean_prices,
    or_zero,
    total,
)
from broker.dashboards.use import POOL_COLUMNS

COLUMNS = (
    *(replace(column, shown=column.key != "pool_key") for column in POOL_COLUMNS),
    Column("owner", "Owner", filtered=True),
    Column("reserved_unit_days", "Reserved units × days", Kind.COUNT),
    Column("spot_unit_days", "Spot units × days", Kind.COUNT),
    Column("reserve_price_credits", "Reserve price", Kind.COUNT, "credits"),
    Column("reserved_list_price_credits", "Last reserved price", Kind.MICROCREDITS, "credits"),
    Column("spot_list_price_credits", "Last spot price", Kind.MICROCREDITS, "credits"),
    Column("classification", "Access", filtered=True),
)


@dataclass(frozen=True, slots=True)
class PoolsScreen:
    """Every pool. `offered` is the round whose capacity shows, `priced` the one of the prices.

    Shape: `departures` are names of pools with sentences about who has left.
    """

    offered: RoundBrief | None
    priced: RoundBrief | None
    pools: Listing
    histories: Mapping[str, tuple[PricePoint, ...]]
    departures: tuple[tuple[str, tuple[str, ...]], ...]


def pools_screen(session: Session, question: Question) -> PoolsScreen:
    """Return the pools with the capacity of the next round, else of the newest decided one."""
    decided = rounds_decided(session)
    priced = next(iter(decided), None)
    offered = next(iter(rounds_ahead(session)), priced)
    pools = list_rows(session, pool_table(offered, priced), question)
    histories = price_histories(session, decided)
    return PoolsScreen(offered, priced, pools, histories, _departures(session))


def pools_listed(session: Session) -> Table:
    """Return the table of pools as the screen shows it now."""
    priced = next(iter(rounds_decided(session)), None)
    return pool_table(next(iter(rounds_ahead(session)), priced), priced)


def pool_table(offered: RoundBrief | None, priced: RoundBrief | None) -> Table:
    """Return the table of pools; capacity and prices are empty where no round has any."""
    capacity = _capacity(offered.id if offered else "").subquery("offer")
    price = mean_prices().where(PUBLISHED_RUN.c.round_id == (priced.id if priced else ""))
    prices = price.subquery("price")
    here = and_(
        ROUND_POOL.c.pool_id == POOL.c.id,
        ROUND_POOL.c.round_id == literal(offered.id if offered else ""),
    )
    rows = (
        select(
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            POOL.c.kind,
            POOL.c.unit,
            POOL.c.owner,
            or_zero(capacity.c.reserved).label("reserved_unit_days"),
            or_zero(capacity.c.spot).label("spot_unit_days"),
            ROUND_POOL.c.reserve_price_credits,
            prices.c.reserved.label("reserved_list_price_credits"),
            prices.c.spot.label("spot_list_price_credits"),
            POOL.c.classification,
        )
        .select_from(POOL)
        .outerjoin(ROUND_POOL, here)
        .outerjoin(capacity, capacity.c.pool_id == POOL.c.id)
        .outerjoin(prices, prices.c.pool_id == POOL.c.id)
    )
    return Table("pools", "Pools of the market", COLUMNS, rows, ("pool", "pool_key"))


def _departures(session: Session) -> tuple[tuple[str, tuple[str, ...]], ...]:
    gone = departures(session)
    if not gone:
        return ()
    named = select(POOL.c.id, POOL.c.name).where(POOL.c.id.in_(gone)).order_by(POOL.c.name)
    return tuple((name, gone[id_]) for id_, name in session.execute(named))


def _capacity(round_id: str) -> Select[Any]:
    return (
        select(
            CAPACITY.c.pool_id,
            total(CAPACITY.c.reserved_units).label("reserved"),
            total(CAPACITY.c.spot_units).label("spot"),
        )
        .where(CAPACITY.c.round_id == round_id)
        .group_by(CAPACITY.c.pool_id)
    )
