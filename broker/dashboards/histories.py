"""What pools cost, offered and were asked for, sprint by sprint; of decided rounds only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, select
from sqlmodel import Session

from allocation.problem import Tier
from broker.dashboards.briefs import RoundBrief
from broker.dashboards.listings import Column, Kind, Subject, Table
from broker.dashboards.sources import (
    CAPACITY,
    COMMITMENT,
    LIST_PRICE,
    POOL,
    PUBLISHED_RUN,
    ROUND,
    ROUND_POOL,
    mean_prices,
    or_zero,
    total,
    wanted_per_pool,
)
from broker.spot.tables import is_of_a_sprint


@dataclass(frozen=True, slots=True)
class PricePoint:
    """The mean list price of a pool over one sprint, per tier; None where it had no such units."""

    round_key: str
    starts_on: dt.date
    reserved_microcredits: int | None
    spot_microcredits: int | None


HISTORY_COLUMNS = (
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("round_name", "Round", filtered=True, names=Subject.ROUND, reference="round_key"),
    Column("starts_on", "Sprint starts", Kind.DAY, filtered=True),
    Column("reserved_unit_days", "Reserved supply", Kind.COUNT),
    Column("reserved_wanted_unit_days", "Reserved demand", Kind.COUNT),
    Column("reserved_list_price_credits", "Reserved price", Kind.MICROCREDITS, "credits"),
    Column("spot_unit_days", "Spot supply", Kind.COUNT),
    Column("spot_wanted_unit_days", "Spot demand", Kind.COUNT),
    Column("spot_list_price_credits", "Spot price", Kind.MICROCREDITS, "credits"),
)
PRICE_COLUMNS = (
    Column("round_key", "Round key", Kind.KEY, filtered=True),
    Column("round_name", "Round", filtered=True, names=Subject.ROUND, reference="round_key"),
    Column("starts_on", "Sprint starts", Kind.DAY, filtered=True),
    Column("day", "Day", Kind.DAY, filtered=True),
    Column("tier", "Tier", Kind.CHOICE, choices=tuple(Tier), filtered=True),
    Column("list_price_credits", "List price", Kind.MICROCREDITS, "credits"),
)


def price_histories(
    session: Session, rounds: Sequence[RoundBrief]
) -> Mapping[str, tuple[PricePoint, ...]]:
    """Return the price points of every pool over some rounds, oldest first, by pool key."""
    prices = mean_prices().where(PUBLISHED_RUN.c.round_id.in_([r.id for r in rounds]))
    price = prices.subquery("price")
    rows = session.execute(
        select(POOL.c.key, ROUND.c.key, ROUND.c.starts_on, price.c.reserved, price.c.spot)
        .select_from(price)
        .join(POOL, POOL.c.id == price.c.pool_id)
        .join(ROUND, ROUND.c.id == price.c.round_id)
        .order_by(ROUND.c.starts_on, ROUND.c.key)
    )
    histories: dict[str, list[PricePoint]] = {}
    for pool_key, *point in rows:
        histories.setdefault(pool_key, []).append(PricePoint(*point))
    return {pool_key: tuple(points) for pool_key, points in histories.items()}


def history_table(pool_id: str) -> Table:
    """Return the table of a pool's decided rounds: supply, demand and mean list price per tier."""
    supply = _supply(pool_id).subquery("supply")
    wanted = wanted_per_pool().where(ROUND_POOL.c.pool_id == pool_id).subquery("wanted")
    price = mean_prices().where(LIST_PRICE.c.pool_id == pool_id).subquery("price")
    rows = (
        select(
            ROUND.c.key.label("round_key"),
            ROUND.c.name.label("round_name"),
            ROUND.c.starts_on,
            supply.c.reserved.label("reserved_unit_days"),
            or_zero(wanted.c.reserved).label("reserved_wanted_unit_days"),
            price.c.reserved.label("reserved_list_price_credits"),
            supply.c.spot.label("spot_unit_days"),
            or_zero(wanted.c.spot).label("spot_wanted_unit_days"),
            price.c.spot.label("spot_list_price_credits"),
        )
        .select_from(supply)
        .join(ROUND, ROUND.c.id == supply.c.round_id)
        .outerjoin(wanted, wanted.c.round_id == supply.c.round_id)
        .outerjoin(price, price.c.round_id == supply.c.round_id)
        .where(is_of_a_sprint())
    )
    caption = "Supply, demand and mean list price of past rounds, in units × days"
    return Table("history", caption, HISTORY_COLUMNS, rows, ("-starts_on", "round_key"))


def price_history_table(pool_id: str) -> Table:
    """Return the table of a pool's list prices: every day and tier of every decided round."""
    rows = (
        select(
            ROUND.c.key.label("round_key"),
            ROUND.c.name.label("round_name"),
            ROUND.c.starts_on,
            LIST_PRICE.c.day,
            LIST_PRICE.c.tier,
            LIST_PRICE.c.list_price_microcredits.label("list_price_credits"),
        )
        .select_from(LIST_PRICE)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == LIST_PRICE.c.run_id)
        .join(ROUND, ROUND.c.id == PUBLISHED_RUN.c.round_id)
        .where(LIST_PRICE.c.pool_id == pool_id)
    )
    caption = "List prices of past rounds, credits per unit and day"
    order = ("starts_on", "round_key", "day", "tier")
    return Table("price-history", caption, PRICE_COLUMNS, rows, order)


def _supply(pool_id: str) -> Select[tuple[str, int, int]]:
    """Return what every decided round could hand out: its units less what was held before."""
    held = and_(
        COMMITMENT.c.round_id == CAPACITY.c.round_id,
        COMMITMENT.c.pool_id == CAPACITY.c.pool_id,
        COMMITMENT.c.day == CAPACITY.c.day,
    )
    reserved = CAPACITY.c.reserved_units - or_zero(COMMITMENT.c.reserved_units)
    spot = CAPACITY.c.spot_units - or_zero(COMMITMENT.c.spot_units)
    return (
        select(CAPACITY.c.round_id, total(reserved).label("reserved"), total(spot).label("spot"))
        .select_from(CAPACITY)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.round_id == CAPACITY.c.round_id)
        .outerjoin(COMMITMENT, held)
        .where(CAPACITY.c.pool_id == pool_id)
        .group_by(CAPACITY.c.round_id)
    )
