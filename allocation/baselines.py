"""Two simple rules that a round is compared with: first come, and value per unit.

They stand for the queue and for the committee's rule of thumb; an outcome is never worth less.
Nothing here knows a solver. Source: FORMATS, Baselines. Read judge.py for who compares.

Shape: days are whole numbers from the first day of the sprint, so that a run of days is a slice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise

from allocation.outcome import Placed
from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    DayUnits,
    Item,
    PoolKey,
    Problem,
    TeamKey,
    Tier,
)


def first_come(problem: Problem) -> tuple[Placed, ...]:
    """Serve bids in the order in which they came in; those without a time come last."""
    return _serve(problem, sorted(problem.bids, key=_arrival))


def density_greedy(problem: Problem) -> tuple[Placed, ...]:
    """Serve bids by the value score per unit and day of their first alternative, best first."""
    unit_days = {bid.key: _unit_days(bid.alternatives[0]) for bid in problem.bids}
    finest = max(unit_days.values(), default=1) ** 2

    def falling_density(bid: Bid) -> tuple[int, BidKey]:
        """Return whole parts of 1 / finest: two densities that differ are at least one apart."""
        value_score = bid.alternatives[0].value_score_per_lot
        return -(value_score * finest // unit_days[bid.key]), bid.key

    return _serve(problem, sorted(problem.bids, key=falling_density))


def value_of(problem: Problem, placed: Iterable[Placed]) -> int:
    """Add up value score times lots over what is served. Units: value points."""
    scores = {
        (bid.key, alternative.number): alternative.value_score_per_lot
        for bid in problem.bids
        for alternative in bid.alternatives
    }
    return sum(scores[p.bid_key, p.alternative] * p.lots for p in placed)


def _arrival(bid: Bid) -> tuple[bool, dt.datetime, str]:
    no_time = dt.datetime.max.replace(tzinfo=dt.UTC)
    return bid.submitted_at is None, bid.submitted_at or no_time, bid.key


def _unit_days(alternative: Alternative) -> int:
    return sum([item.units_per_lot * item.days for item in alternative.items])


def _serve(problem: Problem, bids: Iterable[Bid]) -> tuple[Placed, ...]:
    left = _Left(problem)
    served = [placed for bid in bids if (placed := left.serve(bid))]
    return tuple(sorted(served, key=lambda placed: placed.bid_key))


class _Left:
    """What is left of units and credits while bids are served one after the other."""

    def __init__(self, problem: Problem) -> None:
        self.starts_on = problem.starts_on
        self.reserve_prices = problem.reserve_prices
        self.credits: dict[TeamKey, int] = {team.key: team.credits for team in problem.teams}
        self.reserved: dict[PoolKey, list[int]] = {p.key: [0] * problem.days for p in problem.pools}
        self.total: dict[PoolKey, list[int]] = {p.key: [0] * problem.days for p in problem.pools}
        self._add(problem.capacity, 1)
        self._add(problem.commitments, -1)

    def _add(self, rows: Iterable[DayUnits], sign: int) -> None:
        for row in rows:
            day = (row.day - self.starts_on).days
            self.reserved[row.pool_key][day] += sign * row.reserved_units
            self.total[row.pool_key][day] += sign * (row.reserved_units + row.spot_units)

    def serve(self, bid: Bid) -> Placed | None:
        """Give the bid its first alternative that fits, or nothing."""
        for alternative in bid.alternatives:
            placed = self._place(bid, alternative)
            if placed:
                return placed
        return None

    def _is_barred(self, alternative: Alternative) -> bool:
        reserve_costs_credits = [
            item.units_per_lot * item.days * self.reserve_prices[item.pool_key]
            for item in alternative.items
        ]
        return alternative.offer_credits_per_lot < sum(reserve_costs_credits)

    def _place(self, bid: Bid, alternative: Alternative) -> Placed | None:
        affordable = self.credits[bid.team_key] // alternative.offer_credits_per_lot
        most = min(alternative.max_lots, affordable)
        if most < alternative.min_lots or self._is_barred(alternative):
            return None
        runs = _runs(alternative.items)
        first = (alternative.earliest_start - self.starts_on).days
        last = (alternative.latest_start - self.starts_on).days
        for day in range(first, last + 1):
            lots = self._lots_that_fit(alternative, runs, day, most)
            if lots:
                self._take(bid, alternative, runs, day, lots)
                start = self.starts_on + dt.timedelta(days=day)
                return Placed(bid.key, alternative.number, start, lots)
        return None

    def _lots_that_fit(
        self, alternative: Alternative, runs: tuple[Item, ...], day: int, most: int
    ) -> int:
        """Return the most lots that fit at this start; 0 if fewer than the smallest."""
        for run in runs:
            first = day + run.offset_days
            end = first + run.days
            room = min(self.total[run.pool_key][first:end])
            if alternative.tier is Tier.RESERVED:
                room = min(room, *self.reserved[run.pool_key][first:end])
            most = min(most, room // run.units_per_lot)
            if most < alternative.min_lots:
                return 0
        return most

    def _take(
        self, bid: Bid, alternative: Alternative, runs: tuple[Item, ...], day: int, lots: int
    ) -> None:
        self.credits[bid.team_key] -= alternative.offer_credits_per_lot * lots
        for run in runs:
            first, units = day + run.offset_days, run.units_per_lot * lots
            for taken in range(first, first + run.days):
                self.total[run.pool_key][taken] -= units
                if alternative.tier is Tier.RESERVED:
                    self.reserved[run.pool_key][taken] -= units


def _runs(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return what one lot takes, day by day from the start: items on one pool and day add up."""
    pools = {item.pool_key for item in items}
    if len(pools) == len(items):
        return items
    return tuple(
        run
        for pool_key in sorted(pools)
        for run in _pool_runs(pool_key, [item for item in items if item.pool_key == pool_key])
    )


def _pool_runs(pool_key: PoolKey, items: list[Item]) -> Iterable[Item]:
    ends = {item.offset_days + item.days for item in items}
    edges = sorted(ends | {item.offset_days for item in items})
    for first, end in pairwise(edges):
        units = sum(
            item.units_per_lot
            for item in items
            if item.offset_days <= first and end <= item.offset_days + item.days
        )
        if units:
            yield Item(pool_key, first, end - first, units)
