"""That the certificate proves its bound: weak duality, by multiplying and adding up.

Units: prices are whole numbers of 1 / scale value points. Source: FORMATS, certificate.json.
"""

from __future__ import annotations

from collections.abc import Iterator

from allocation.errors import Violation
from allocation.judge.case import Case
from allocation.judge.decisions import check_order
from allocation.judge.ground import Ask, Days, Ground, cost_per_lot, running_sums
from allocation.outcome import PRICE_SCALE, Certificate
from allocation.problem import Tier


def check_certificate(case: Case) -> Iterator[Violation]:
    """Find a scale or an entry that makes the certificate prove nothing."""
    certificate = case.outcome.certificate
    if not is_scale(certificate.scale):
        yield Violation(
            "certificate-scale",
            f"The certificate's scale is {certificate.scale}; it must be a power of ten, at least "
            f"{PRICE_SCALE}.",
        )
    for table in ("reserved_prices", "total_prices"):
        rows = getattr(certificate, table)
        yield from check_order(f"the certificate's {table}", [row[:2] for row in rows])
        for pool_key, day, n in rows:
            is_known = pool_key in case.ground.room.total and case.ground.has_day(day)
            yield from _check_entry(f"{table} of {pool_key} on {day}", n, is_known=is_known)
    teams = certificate.credit_prices
    yield from check_order("the certificate's credit_prices", [team_key for team_key, _ in teams])
    for team_key, n in teams:
        is_known = team_key in case.ground.credits
        yield from _check_entry(f"credit_prices of {team_key}", n, is_known=is_known)


def _check_entry(entry: str, n: int, *, is_known: bool) -> Iterator[Violation]:
    if not is_known:
        yield Violation("certificate-unknown", f"The certificate's {entry} is not in this round.")
    if n < 0:
        yield Violation("certificate-negative", f"The certificate's {entry} is {n}, below 0.")


def is_scale(scale: int) -> bool:
    """Whether it is a power of ten, and fine enough for list prices."""
    power = PRICE_SCALE
    while power < scale:
        power *= 10
    return power == scale


def certified_bound(ground: Ground, certificate: Certificate) -> int:
    """Return what no feasible outcome can exceed, given these prices. Units: value points."""
    return scaled_bound(ground, certificate) // certificate.scale


def scaled_bound(ground: Ground, certificate: Certificate) -> int:
    """Return the same bound before it is rounded. Units: value points times the scale."""
    reserved, total = day_prices(ground, certificate)
    scaled = worth(reserved, ground.room.reserved) + worth(total, ground.room.total)
    credit_prices = dict.fromkeys(ground.credits, 0) | dict(certificate.credit_prices)
    scaled += sum(credit_prices[team_key] * units for team_key, units in ground.credits.items())
    sums = {tier: running_sums(d) for tier, d in prices_by_tier(ground, certificate).items()}
    for asks in ground.asks.values():
        surplus = (
            surplus_of(ground, ask, sums[ask.tier], certificate.scale, credit_prices[ask.team_key])
            for ask in asks
        )
        scaled += max(0, *surplus)
    return scaled


def prices_by_tier(ground: Ground, certificate: Certificate) -> dict[Tier, Days]:
    """Return what a unit costs: spot use the total price, reserved use both prices."""
    reserved, total = day_prices(ground, certificate)
    both = {
        pool: [a + b for a, b in zip(reserved[pool], total[pool], strict=True)] for pool in total
    }
    return {Tier.RESERVED: both, Tier.SPOT: total}


def day_prices(ground: Ground, certificate: Certificate) -> tuple[Days, Days]:
    """Return the reserved and the total price of every day, in 1 / scale points."""
    reserved, total = ground.blank(), ground.blank()
    for prices, rows in (
        (reserved, certificate.reserved_prices),
        (total, certificate.total_prices),
    ):
        for pool_key, day, n in rows:
            if pool_key in prices and ground.has_day(day):
                prices[pool_key][ground.number_of(day)] = n
    return reserved, total


def worth(prices: Days, units: Days) -> int:
    """Return what units are worth at these prices."""
    return sum(
        price * unit_count
        for pool, on_days in prices.items()
        for price, unit_count in zip(on_days, units[pool], strict=True)
    )


def surplus_of(ground: Ground, ask: Ask, sums: Days, scale: int, credit_price: int) -> int:
    """Return the most that an ask could gain at these prices, over its eligible placements."""
    before_use = scale * ask.value_score - credit_price * ask.offer_credits
    surpluses = [
        lots * (before_use - cost_per_lot(ask, sums, start))
        for start, lots in ground.eligible[ask.bid_key, ask.number]
    ]
    return max(surpluses, default=0)
