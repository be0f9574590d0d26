"""What pools cost in past sprints: the mean list price over the days, per round, pool and tier.

Units: millionths of a credit per unit and day, rounded down.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from allocation.problem import Tier
from broker.dashboards.sources import POOL, ROUND, mean_prices

MICROCREDITS = 10**6


@dataclass(frozen=True, slots=True)
class MeanPrice:
    """What a pool cost in a tier in one published round."""

    round_key: str
    starts_on: dt.date
    microcredits: int


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of some pools in all published rounds. Shape: the latest sprint first."""

    by_place: Mapping[tuple[str, Tier], tuple[MeanPrice, ...]]

    def last_before(self, pool_key: str, tier: Tier, starts_on: dt.date) -> MeanPrice | None:
        """Return what the last sprint that began before a day says a pool costs; None if none."""
        known = self.by_place.get((pool_key, tier), ())
        return next((price for price in known if price.starts_on < starts_on), None)


def prices_of(session: Session, pool_keys: Iterable[str]) -> Prices:
    """Return the prices of some pools in all published rounds."""
    means = mean_prices().subquery("means")
    rows = session.execute(
        means.select()
        .add_columns(POOL.c.key, ROUND.c.key.label("round_key"), ROUND.c.starts_on)
        .join(POOL, POOL.c.id == means.c.pool_id)
        .join(ROUND, ROUND.c.id == means.c.round_id)
        .where(POOL.c.key.in_(sorted(pool_keys)))
        .order_by(ROUND.c.starts_on.desc(), ROUND.c.key)
    ).mappings()
    found: dict[tuple[str, Tier], tuple[MeanPrice, ...]] = {}
    for row in rows:
        for tier in Tier:
            if row[tier.value] is not None:
                price = MeanPrice(row["round_key"], row["starts_on"], row[tier.value])
                found[row["key"], tier] = (*found.get((row["key"], tier), ()), price)
    return Prices(found)


def cost_microcredits(
    uses: Iterable[tuple[str, int]] | None, prices: Mapping[str, int]
) -> int | None:
    """Return what unit-days of pools cost; None if they are unknown, or a pool has no price."""
    if uses is None:
        return None
    amounts = list(uses)
    if any(pool not in prices for pool, _ in amounts):
        return None
    return sum(prices[pool] * unit_days for pool, unit_days in amounts)
