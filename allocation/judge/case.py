"""An outcome laid beside its round: who holds what, what is left, what a unit costs.

Awards that name something unknown are left out here; decisions.py and feasibility.py report them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from allocation.judge.ground import Ask, Days, Ground, Room, running_sums, survey
from allocation.outcome import PRICE_SCALE, Award, Outcome, Status
from allocation.problem import Problem, TeamKey, Tier


@dataclass(frozen=True)
class Holding:
    """An award with the ask that it grants; `start` is the number of its start day."""

    award: Award
    ask: Ask
    start: int

    @property
    def offer_credits(self) -> int:
        """What the whole award would cost at its offer."""
        return self.ask.offer_credits * self.award.lots


@dataclass(frozen=True)
class Case:
    """A round and the outcome that is judged."""

    ground: Ground
    outcome: Outcome
    holdings: tuple[Holding, ...]

    @property
    def is_proven(self) -> bool:
        """Whether the outcome claims to be the best there is."""
        return self.outcome.report.status is Status.OPTIMAL

    @property
    def is_settled(self) -> bool:
        """Whether it claims that nothing is better by the goals of its round."""
        contest = self.outcome.report.contest
        return self.is_proven or (contest is not None and contest.is_best)

    @cached_property
    def room_left(self) -> Room:
        """What is left of the units after the awards; below zero where they take too much."""
        room = self.ground.room.copy()
        for holding in self.holdings:
            _take(room, holding)
        return room

    @cached_property
    def credits_left(self) -> dict[TeamKey, int]:
        """What is left of the credits after the offers of the awards."""
        left = dict(self.ground.credits)
        for holding in self.holdings:
            left[holding.ask.team_key] -= holding.offer_credits
        return left

    @cached_property
    def list_prices(self) -> dict[Tier, Days]:
        """The published prices in millionths; the reserve price where there is nothing to price."""
        problem = self.ground.problem
        prices = {
            tier: {
                p.key: [p.reserve_price_credits * PRICE_SCALE] * problem.days for p in problem.pools
            }
            for tier in Tier
        }
        for row in self.outcome.prices:
            if row.pool_key in prices[row.tier] and self.ground.has_day(row.day):
                day = self.ground.number_of(row.day)
                prices[row.tier][row.pool_key][day] = row.list_price_microcredits
        return prices

    @cached_property
    def list_price_sums(self) -> dict[Tier, Days]:
        """The published prices as running sums."""
        return {tier: running_sums(days) for tier, days in self.list_prices.items()}


def open_case(problem: Problem, outcome: Outcome) -> Case:
    """Lay an outcome beside its round."""
    ground = survey(problem)
    found = (holding_of(ground, award) for award in outcome.awards)
    return Case(ground, outcome, tuple(holding for holding in found if holding))


def holding_of(ground: Ground, award: Award) -> Holding | None:
    """Return an award with the ask that it grants; None if there is no such ask."""
    start = ground.number_of(award.start)
    for ask in ground.asks.get(award.bid_key, ()):
        if ask.number == award.alternative and start in ask.starts:
            return Holding(award, ask, start)
    return None


def _take(room: Room, holding: Holding) -> None:
    for run in holding.ask.runs:
        units = run.units * holding.award.lots
        for day in range(holding.start + run.first, holding.start + run.end):
            room.total[run.pool_key][day] -= units
            if holding.ask.tier is Tier.RESERVED:
                room.reserved[run.pool_key][day] -= units
