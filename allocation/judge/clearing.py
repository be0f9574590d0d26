"""That the report says truly how well the prices clear: two counts, and what the gap is made of.

The counts are at list prices. What the gap is made of is at the certificate's prices, and adds up
exactly: weak duality, read as an equation. Source: MODEL.md, Prices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from allocation.errors import Violation
from allocation.judge.case import Case, Holding
from allocation.judge.certificate import (
    day_prices,
    is_scale,
    prices_by_tier,
    surplus_of,
    worth,
)
from allocation.judge.ground import Ask, Days, cost_per_lot, running_sums
from allocation.outcome import PRICE_SCALE, Certificate, Reason
from allocation.problem import TeamKey, Tier

ABOUT_CREDITS = (Reason.INSUFFICIENT_CREDITS, Reason.CREDITS_SPENT)


def check_clearing(case: Case) -> Iterator[Violation]:
    """Find counts and sums about the prices that are not those of this outcome."""
    said = case.outcome.report.clearing
    if said is None or not is_scale(case.outcome.certificate.scale):
        return
    book = _Book(case)
    for name, right in book.reckoned.items():
        if getattr(said, name) != right:
            yield Violation(
                "clearing",
                f"The report's clearing says {getattr(said, name)} as {name.replace('_', ' ')}; "
                f"recomputed it is {right}.",
            )
    yield from _check_sum(case, book)


def _check_sum(case: Case, book: _Book) -> Iterator[Violation]:
    """Find a gap that is not made of what the prices leave over."""
    report, reckoned = case.outcome.report, book.reckoned
    parts = ("regret", "winners_loss", "capacity_left", "credits_left")
    over = sum(reckoned[name] for name in parts)
    gap = (report.certified_bound - report.value) * book.certificate.scale
    if over != gap + reckoned["rounded_off"]:
        yield Violation(
            "clearing-sum",
            f"What the prices leave over is {over} of 1/{book.certificate.scale} points; certified "
            f"bound less value, with what was rounded off, is {gap + reckoned['rounded_off']}.",
        )


@dataclass(frozen=True)
class _Book:
    """An outcome at the certificate's prices. Units: 1 / scale points."""

    case: Case

    @property
    def certificate(self) -> Certificate:
        """The prices."""
        return self.case.outcome.certificate

    @cached_property
    def reckoned(self) -> Mapping[str, int]:
        """What the report must say, by the names of its fields."""
        case, ground = self.case, self.case.ground
        gains = [self._gain(holding) for holding in case.holdings]
        could_gain = sum(self._could_gain(asks) for asks in ground.asks.values())
        room, left = ground.room, case.room_left
        reserved, total = day_prices(ground, self.certificate)
        all_units = worth(reserved, room.reserved) + worth(total, room.total)
        bound = all_units + self._purse(ground.credits) + could_gain
        return {
            "winners_capped": sum(1 for holding in case.holdings if _is_capped(case, holding)),
            "losers_above_list_cost": sum(1 for _ in _losers_above(case)),
            "regret": could_gain - sum(max(0, gain) for gain in gains),
            "winners_loss": sum(max(0, -gain) for gain in gains),
            "capacity_left": worth(reserved, left.reserved) + worth(total, left.total),
            "credits_left": self._purse(case.credits_left),
            "rounded_off": bound % self.certificate.scale,
        }

    @cached_property
    def _sums(self) -> Mapping[Tier, Days]:
        by_tier = prices_by_tier(self.case.ground, self.certificate)
        return {tier: running_sums(days) for tier, days in by_tier.items()}

    @cached_property
    def _credit_prices(self) -> Mapping[TeamKey, int]:
        return dict.fromkeys(self.case.ground.credits, 0) | dict(self.certificate.credit_prices)

    def _purse(self, credits_: Mapping[TeamKey, int]) -> int:
        return sum(self._credit_prices[team_key] * count for team_key, count in credits_.items())

    def _could_gain(self, asks: tuple[Ask, ...]) -> int:
        """Return the most that a bid could gain, over its eligible placements."""
        ground, scale = self.case.ground, self.certificate.scale
        return max(
            0,
            *(
                surplus_of(ground, a, self._sums[a.tier], scale, self._credit_prices[a.team_key])
                for a in asks
            ),
        )

    def _gain(self, holding: Holding) -> int:
        """Return what an award is worth beyond the prices; below zero where it is worth less."""
        ask = holding.ask
        credit_price = self._credit_prices[ask.team_key] * ask.offer_credits
        cost = cost_per_lot(ask, self._sums[ask.tier], holding.start) + credit_price
        return holding.award.lots * (self.certificate.scale * ask.value_score - cost)


# --- at list prices --------------------------------------------------------------------------


def _list_cost(case: Case, ask: Ask, start: int) -> int:
    return cost_per_lot(ask, case.list_price_sums[ask.tier], start)


def _is_capped(case: Case, holding: Holding) -> bool:
    """Whether an award's list cost is above what it is worth, so that it pays its offer."""
    ask = holding.ask
    return _list_cost(case, ask, holding.start) > PRICE_SCALE * ask.value_score


def _losers_above(case: Case) -> Iterator[str]:
    """Yield the bids that lost with more than their list cost, but for want of credits."""
    for decline in case.outcome.declines:
        if decline.reason not in ABOUT_CREDITS and any(
            _list_cost(case, ask, start) < PRICE_SCALE * ask.value_score
            for ask in case.ground.asks.get(decline.bid_key, ())
            for start, _ in case.ground.eligible[ask.bid_key, ask.number]
        ):
            yield decline.bid_key
