"""That the list prices are those of the certificate, and every payment what the prices say.

Units: list prices are whole millionths of a credit; payments are whole credits, rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator

from allocation.errors import Violation
from allocation.judge.case import Case, Holding
from allocation.judge.certificate import is_scale, prices_by_tier
from allocation.judge.decisions import check_order
from allocation.judge.ground import cost_per_lot
from allocation.outcome import PRICE_SCALE, ListPrice, Pricing
from allocation.problem import PoolKey, Tier

Place = tuple[PoolKey, int, Tier]


def check_list_prices(case: Case) -> Iterator[Violation]:
    """Find prices that are missing, that belong to no units, or that the certificate denies."""
    rows = case.outcome.prices
    yield from check_order("prices", [(r.pool_key, r.day, r.tier.value) for r in rows])
    published = {(r.pool_key, case.ground.number_of(r.day), r.tier): r for r in rows}
    expected = dict(_expected_prices(case))
    for place, row in published.items():
        if place not in expected:
            yield Violation("price-unknown", f"{_named(case, place)} has no units to price.")
        elif expected[place] not in (None, row.list_price_microcredits):
            yield _wrong_price(case, place, row, expected[place])
    for place in expected:
        if place not in published:
            yield Violation("price-missing", f"{_named(case, place)} has units but no price.")


def _named(case: Case, place: Place) -> str:
    pool_key, day, tier = place
    return f"Pool {pool_key} on {case.ground.day(day)} as {tier.value}"


def _wrong_price(case: Case, place: Place, row: ListPrice, price: int | None) -> Violation:
    return Violation(
        "list-price",
        f"{_named(case, place)} is listed at {row.list_price_microcredits} millionths of a "
        f"credit; the certificate and the reserve price make it {price}.",
    )


def _expected_prices(case: Case) -> Iterator[tuple[Place, int | None]]:
    """Yield the price of every place with gross units; None where the certificate has no scale."""
    problem, certificate = case.ground.problem, case.outcome.certificate
    by_tier = prices_by_tier(case.ground, certificate)
    least = {pool.key: pool.reserve_price_credits * PRICE_SCALE for pool in problem.pools}
    for row in problem.capacity:
        day = case.ground.number_of(row.day)
        for tier in Tier if row.reserved_units else (Tier.SPOT,):
            scaled = by_tier[tier][row.pool_key][day] * PRICE_SCALE
            exact = is_scale(certificate.scale)
            price = max(least[row.pool_key], scaled // certificate.scale) if exact else None
            yield (row.pool_key, day, tier), price


def check_payments(case: Case) -> Iterator[Violation]:
    """Find awards that pay something else than the published prices say."""
    for holding in case.holdings:
        payment = _payment_credits(case, holding)
        if holding.award.payment_credits != payment:
            yield Violation(
                "payment",
                f"The award of {holding.ask} pays {holding.award.payment_credits} credits; by "
                f"{case.outcome.report.pricing.value} pricing it is {payment}.",
            )


def _payment_credits(case: Case, holding: Holding) -> int:
    """Return the list price divided by the multiplier, at most the offer, at least the reserve."""
    if case.outcome.report.pricing is Pricing.PAY_AS_BID:
        return holding.offer_credits
    ask, lots = holding.ask, holding.award.lots
    list_cost = lots * cost_per_lot(ask, case.list_price_sums[ask.tier], holding.start)
    at_list = list_cost * ask.offer_credits // (PRICE_SCALE * ask.value_score)
    return max(ask.reserve_cost_credits * lots, min(holding.offer_credits, at_list))
