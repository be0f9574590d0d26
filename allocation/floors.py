"""Fairness floors: what every team that bids is to get at least, and how far an outcome misses it.

A floor is a part of what a team's bids alone would be worth on its slice of every pool. Whole
numbers and fractions only; what a slice is worth is solved in engine/floor_search.py, and what it
is worth at most follows here from the certificate's prices. Nothing here knows a solver.
Source: MODEL.md, Floors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from allocation.certificate import Bound
from allocation.columns import Columns
from allocation.outcome import FloorReport, TeamFloor
from allocation.problem import Problem, exact_text


@dataclass(frozen=True)
class Floors:
    """The least value that every team is to get. Shape: one floor per team of the problem.

    Units: value points. A shortfall is the part of a floor that is missed, from 0 to 1.
    """

    points: tuple[int, ...]

    def largest_shortfall(self, values: Sequence[int]) -> Fraction:
        """Return the largest part of a floor that awards worth so much per team miss."""
        pairs = zip(self.points, values, strict=True)
        return max((Fraction(f - value, f) for f, value in pairs if f > value), default=Fraction(0))

    def least_values(self, shortfall: Fraction) -> list[int]:
        """Return what every team must get so that no shortfall is larger than this one."""
        return [math.ceil((1 - shortfall) * floor) for floor in self.points]

    def least_values_below(self, shortfall: Fraction) -> list[int]:
        """Return what every team must get so that every shortfall is smaller than this one."""
        return [math.floor((1 - shortfall) * floor) + 1 if floor else 0 for floor in self.points]


@dataclass(frozen=True)
class Fairness:
    """What is known of a round's floors. Units: value points.

    `is_proven` says that no outcome has a smaller largest shortfall; `value_without_floors` is the
    largest value found where the floors demand nothing.
    """

    floors: Floors
    is_proven: bool
    value_without_floors: int


def slice_share(problem: Problem, team: int) -> Fraction:
    """Return a team's part of every pool: its credits among all credits."""
    supply_credits = sum(t.credits for t in problem.teams)
    return Fraction(problem.teams[team].credits, supply_credits) if supply_credits else Fraction(0)


def slice_ceilings(columns: Columns, bound: Bound) -> list[Fraction]:
    """Return what the bids of every team can be worth on its slice at most, by weak duality.

    The smaller of what the certificate's prices say and what its bids are worth in full. Units:
    value points. Source: MODEL.md, Floors.
    """
    problem, certificate = columns.problem, bound.certificate
    prices = dict(certificate.credit_prices)
    credit_worth = [prices.get(team.key, 0) * team.credits for team in problem.teams]
    units_worth = bound.scaled - sum(credit_worth) - sum(bound.surplus.tolist())
    surplus, in_full = _by_team(problem, bound.surplus.tolist()), _worth_in_full(columns)
    ceilings = []
    for team in range(len(problem.teams)):
        scaled = units_worth * slice_share(problem, team) + credit_worth[team] + surplus[team]
        ceilings.append(min(Fraction(scaled) / certificate.scale, Fraction(in_full[team])))
    return ceilings


def _worth_in_full(columns: Columns) -> list[int]:
    """Return what the eligible bids of every team are worth, each at its largest value."""
    largest = np.zeros(len(columns.problem.bids), np.int64)
    np.maximum.at(largest, columns.bid, columns.value * columns.max_lots)
    return _by_team(columns.problem, largest.tolist())


def _by_team(problem: Problem, per_bid: list[int]) -> list[int]:
    index = {team.key: n for n, team in enumerate(problem.teams)}
    sums = [0] * len(problem.teams)
    for bid, amount in zip(problem.bids, per_bid, strict=True):
        sums[index[bid.team_key]] += amount
    return sums


def floors_of_ceilings(columns: Columns, bound: Bound) -> Floors:
    """Return floors that are certainly high enough, where nobody could solve for the right ones."""
    ratio = columns.problem.floor_ratio
    return Floors(tuple(math.floor(ratio * worth) for worth in slice_ceilings(columns, bound)))


def floor_report(
    problem: Problem, fairness: Fairness, values: Sequence[int], value: int
) -> FloorReport:
    """Say how the floors of a round were met, team by team, and what they cost."""
    bidding = {bid.team_key for bid in problem.bids}
    teams = tuple(
        TeamFloor(team.key, floor, worth, max(0, floor - worth))
        for team, floor, worth in zip(problem.teams, fairness.floors.points, values, strict=True)
        if team.key in bidding
    )
    shortfall = fairness.floors.largest_shortfall(values)
    without = max(value, fairness.value_without_floors)
    return FloorReport(
        ratio=exact_text(problem.floor_ratio),
        shortfall_ratio=float(shortfall),
        is_proven=fairness.is_proven or not shortfall,
        teams=teams,
        value_without_floors=without,
        price_of_fairness=without - value,
    )
