"""List prices, the same for everybody, and what each award pays. Whole numbers; no solver.

A list price is the certificate's price of a unit, never below the pool's reserve price. Payments
follow the formula of MODEL.md, Prices: list price divided by the multiplier, never more than the
offer, never less than the reserve cost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from allocation.outcome import PRICE_SCALE, Certificate, ListPrice, Pricing
from allocation.problem import Alternative, PoolKey, Problem, Tier

Place = tuple[PoolKey, dt.date]


@dataclass(frozen=True)
class PriceList:
    """The published prices of a round. Units: millionths of a credit per unit and day."""

    prices: tuple[ListPrice, ...]
    by_place: Mapping[tuple[PoolKey, dt.date, Tier], int]
    floor: Mapping[PoolKey, int]

    def microcredits(self, pool_key: PoolKey, day: dt.date, tier: Tier) -> int:
        """Return the list price of a place; where there are no units, the reserve price."""
        return self.by_place.get((pool_key, day, tier), self.floor[pool_key])

    def list_cost_microcredits(self, alternative: Alternative, start: dt.date) -> int:
        """Say what one lot of an alternative costs at list prices from a start day, exactly."""
        return sum(
            item.units_per_lot
            * self.microcredits(item.pool_key, start + dt.timedelta(days=n), alternative.tier)
            for item in alternative.items
            for n in range(item.offset_days, item.offset_days + item.days)
        )


def price_list(problem: Problem, certificate: Certificate) -> PriceList:
    """Publish a price for every pool, day and tier that has units; others cost their reserve."""
    reserved = {(pool, day): n for pool, day, n in certificate.reserved_prices}
    total = {(pool, day): n for pool, day, n in certificate.total_prices}
    floor = {key: price * PRICE_SCALE for key, price in problem.reserve_prices.items()}

    def price(place: Place, n: int) -> int:
        return max(floor[place[0]], n * PRICE_SCALE // certificate.scale)

    rows = []
    for row in problem.capacity:
        place = (row.pool_key, row.day)
        spot = total.get(place, 0)
        if row.reserved_units:
            held = price(place, spot + reserved.get(place, 0))
            rows.append(ListPrice(row.pool_key, row.day, Tier.RESERVED, held))
        rows.append(ListPrice(row.pool_key, row.day, Tier.SPOT, price(place, spot)))
    by_place = {(p.pool_key, p.day, p.tier): p.list_price_microcredits for p in rows}
    return PriceList(tuple(rows), by_place, floor)


def reserve_cost_credits(problem: Problem, alternative: Alternative) -> int:
    """Say what one lot costs at reserve prices, whole, on any start day."""
    floor = problem.reserve_prices
    return sum([i.units_per_lot * i.days * floor[i.pool_key] for i in alternative.items])


def payment_credits(
    problem: Problem,
    listed: PriceList,
    pricing: Pricing,
    alternative: Alternative,
    start: dt.date,
    lots: int,
) -> int:
    """Say what an award pays in whole credits. Source: MODEL.md, Prices."""
    offer = alternative.offer_credits_per_lot
    if pricing is Pricing.PAY_AS_BID:
        return offer * lots
    list_cost = listed.list_cost_microcredits(alternative, start) * lots
    fair = list_cost * offer // (alternative.value_score_per_lot * PRICE_SCALE)
    return max(reserve_cost_credits(problem, alternative) * lots, min(offer * lots, fair))
