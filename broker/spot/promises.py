"""How likely a spot award is interrupted before its end, by the history of its pools.

What is counted are award-days: days on which spot awards of a pool held something, and how many of
them ended because lots were preempted or their capacity was lost. The rate of a pool is drawn
towards that of all pools as long as there is little to count. Nothing here looks at days to come.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.problem import Tier
from broker.dashboards.sources import all_holdings
from broker.holdings.tables import HoldingCutRow
from broker.spot.first_places import BROKEN
from broker.tables import AlternativeRow, AwardRow, ItemRow

PRIOR_DAYS = 30
"""So many award-days of all pools count beside those of a pool."""
LEAST_DAYS = 10
"""With fewer award-days nothing is said."""
SURENESS = 1.2816
"""Standard deviations on each side of an interval that eight of ten such intervals hold."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a history rests on: award-days, and how many of them ended in an interruption."""

    award_days: int = 0
    interruptions: int = 0

    def plus(self, other: Exposure) -> Exposure:
        """Return both together."""
        return Exposure(
            self.award_days + other.award_days, self.interruptions + other.interruptions
        )


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely an interruption is, in whole percent, with bounds, and what that rests on."""

    percent: int
    least_percent: int
    most_percent: int
    exposure: Exposure


def chance_of(own: Exposure, every: Exposure, days: int) -> Chance | None:
    """Return how likely an interruption within so many days is; None with too little to go by."""
    if every.award_days < LEAST_DAYS or days < 1:
        return None
    rate = daily_rate(own, every)
    weight = own.award_days + PRIOR_DAYS
    low, high = _bounds(rate, weight)
    percent, least, most = (round(100 * within(one, days)) for one in (rate, low, high))
    return Chance(percent, least, most, own)


def daily_rate(own: Exposure, every: Exposure) -> float:
    """Return the part of award-days that end in an interruption, drawn towards all pools'."""
    prior = (every.interruptions + 0.5) / (every.award_days + 1)
    return (own.interruptions + prior * PRIOR_DAYS) / (own.award_days + PRIOR_DAYS)


def within(rate: float, days: int) -> float:
    """Return how likely at least one interruption is in so many days."""
    return 1 - (1 - min(1.0, rate)) ** days


def _bounds(rate: float, weight: float) -> tuple[float, float]:
    """Return Wilson's interval of a rate that rests on so many award-days."""
    spread = SURENESS**2 / weight
    middle = (rate + spread / 2) / (1 + spread)
    half = SURENESS * math.sqrt(rate * (1 - rate) / weight + spread / (4 * weight)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def exposures(session: Session, before: dt.date) -> Mapping[str, Exposure]:
    """Count the award-days of spot awards before a day, and their interruptions, by pool id."""
    held = all_holdings().cte("held")
    rows = session.execute(
        select(held.c.bid_id, held.c.pool_id, held.c.first_day, held.c.last_day).where(
            held.c.tier == Tier.SPOT, held.c.first_day < before
        )
    )
    days: dict[tuple[str, str], set[dt.date]] = defaultdict(set)
    for bid_id, pool_id, first, last in rows:
        until = min(last, before - dt.timedelta(days=1))
        days[pool_id, bid_id].update(
            first + dt.timedelta(days=n) for n in range((until - first).days + 1)
        )
    counted: dict[str, Exposure] = defaultdict(Exposure)
    for (pool_id, _), held_days in days.items():
        counted[pool_id] = counted[pool_id].plus(Exposure(len(held_days), 0))
    for pool_id, times in _interruptions(session, before).items():
        counted[pool_id] = counted[pool_id].plus(Exposure(times, times))
    return counted


def _interruptions(session: Session, before: dt.date) -> Mapping[str, int]:
    """Count the spot awards that were interrupted before a day, once each, by pool id."""
    first_cut = (
        select(
            col(HoldingCutRow.run_id),
            col(HoldingCutRow.bid_id),
            func.min(col(HoldingCutRow.from_day)).label("from_day"),
        )
        .where(col(HoldingCutRow.cause).in_(BROKEN))
        .group_by(col(HoldingCutRow.run_id), col(HoldingCutRow.bid_id))
        .subquery()
    )
    rows = session.execute(
        select(col(ItemRow.pool_id), func.count(func.distinct(first_cut.c.bid_id)))
        .select_from(first_cut)
        .join(
            AwardRow,
            (col(AwardRow.run_id) == first_cut.c.run_id)
            & (col(AwardRow.bid_id) == first_cut.c.bid_id),
        )
        .join(
            AlternativeRow,
            (col(AlternativeRow.bid_id) == col(AwardRow.bid_id))
            & (col(AlternativeRow.number) == col(AwardRow.alternative)),
        )
        .join(
            ItemRow,
            (col(ItemRow.bid_id) == col(AwardRow.bid_id))
            & (col(ItemRow.number) == col(AwardRow.alternative)),
        )
        .where(col(AlternativeRow.tier) == Tier.SPOT, first_cut.c.from_day < before)
        .group_by(col(ItemRow.pool_id))
    )
    return {pool_id: int(times) for pool_id, times in rows}


def together(exposures_: Iterable[Exposure]) -> Exposure:
    """Add exposures up."""
    total = Exposure()
    for one in exposures_:
        total = total.plus(one)
    return total
