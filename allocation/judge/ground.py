"""The round as the judge reads it: days as numbers, units as lists, alternatives as asks.

It is worked out from the problem alone, before any outcome is looked at. Read case.py next.
Shape: days count from the first day of the sprint, so that a run of days is a slice of a list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from allocation.problem import Alternative, Bid, BidKey, Item, PoolKey, Problem, TeamKey, Tier

Days = dict[PoolKey, list[int]]
"""Per pool one whole number for each day of the sprint."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one lot uses of a pool on each day from `first` until before `end` after the start."""

    pool_key: PoolKey
    first: int
    end: int
    units: int


@dataclass(frozen=True, slots=True)
class Ask:
    """An alternative as the judge reads it. Units: offer, score and reserve cost are per lot."""

    bid_key: BidKey
    team_key: TeamKey
    number: int
    tier: Tier
    offer_credits: int
    value_score: int
    reserve_cost_credits: int
    min_lots: int
    max_lots: int
    starts: range
    runs: tuple[Run, ...]

    def __str__(self) -> str:
        return f"alternative {self.number} of bid {self.bid_key}"

    @property
    def is_barred(self) -> bool:
        """Whether the offer is below the reserve cost, so that it cannot win."""
        return self.offer_credits < self.reserve_cost_credits

    @property
    def is_bundle(self) -> bool:
        """Whether it needs units of more than one pool at once."""
        return len({run.pool_key for run in self.runs}) > 1


@dataclass(frozen=True)
class Room:
    """The units that are there to take. Spot may use all of them, reserved awards only some."""

    reserved: Days
    total: Days

    def open_to(self, tier: Tier) -> Days:
        """Return what an award of this tier could take at most."""
        return self.total if tier is Tier.SPOT else self._open_to_reserved

    @cached_property
    def _open_to_reserved(self) -> Days:
        return {
            pool: list(map(min, units, self.total[pool])) for pool, units in self.reserved.items()
        }

    def copy(self) -> Room:
        """Return the same room, to take from."""
        return Room(
            {pool: list(units) for pool, units in self.reserved.items()},
            {pool: list(units) for pool, units in self.total.items()},
        )


@dataclass(frozen=True)
class Ground:
    """A round before the outcome: what is asked for, and what there is, net of commitments."""

    problem: Problem
    asks: dict[BidKey, tuple[Ask, ...]]
    credits: dict[TeamKey, int]
    room: Room

    def day(self, number: int) -> dt.date:
        """Return the date of a numbered day."""
        return self.problem.starts_on + dt.timedelta(days=number)

    def number_of(self, day: dt.date) -> int:
        """Return the number of a date; outside 0..days-1 if it is not in the sprint."""
        return (day - self.problem.starts_on).days

    def has_day(self, day: dt.date) -> bool:
        """Whether a date lies in the sprint."""
        return 0 <= self.number_of(day) < self.problem.days

    def blank(self) -> Days:
        """Return a zero for each pool and day."""
        return {pool.key: [0] * self.problem.days for pool in self.problem.pools}

    @cached_property
    def eligible(self) -> dict[tuple[BidKey, int], tuple[tuple[int, int], ...]]:
        """The eligible placements of each ask: start, and the most lots that fit alone."""
        return {
            (ask.bid_key, ask.number): tuple(eligible_placements(self, ask))
            for asks in self.asks.values()
            for ask in asks
        }


def survey(problem: Problem) -> Ground:
    """Work out what the judge needs to know of a round."""
    reserve_prices = {pool.key: pool.reserve_price_credits for pool in problem.pools}
    return Ground(
        problem=problem,
        asks={
            bid.key: tuple(_ask(problem, bid, a, reserve_prices) for a in bid.alternatives)
            for bid in problem.bids
        },
        credits={team.key: team.credits for team in problem.teams},
        room=_net_room(problem),
    )


def most_lots(ask: Ask, days: Days, start: int) -> int:
    """Return how many of its lots fit into these units when an ask starts on this day."""
    most = ask.max_lots
    for run in ask.runs:
        open_units = min(days[run.pool_key][start + run.first : start + run.end])
        most = min(most, open_units // run.units)
    return most


def eligible_placements(ground: Ground, ask: Ask) -> Iterator[tuple[int, int]]:
    """Yield the placements of an ask that could win: start, and the most lots that fit alone."""
    affordable = min(ask.max_lots, ground.credits[ask.team_key] // ask.offer_credits)
    if ask.is_barred or affordable < ask.min_lots:
        return
    days = ground.room.open_to(ask.tier)
    for start in ask.starts:
        lots = most_lots(ask, days, start)
        if lots >= ask.min_lots:
            yield start, min(lots, affordable)


def _ask(
    problem: Problem, bid: Bid, alternative: Alternative, reserve_prices: dict[PoolKey, int]
) -> Ask:
    items = alternative.items
    first = (alternative.earliest_start - problem.starts_on).days
    last = (alternative.latest_start - problem.starts_on).days
    return Ask(
        bid_key=bid.key,
        team_key=bid.team_key,
        number=alternative.number,
        tier=alternative.tier,
        offer_credits=alternative.offer_credits_per_lot,
        value_score=alternative.value_score_per_lot,
        reserve_cost_credits=sum(
            [item.units_per_lot * item.days * reserve_prices[item.pool_key] for item in items]
        ),
        min_lots=alternative.min_lots,
        max_lots=alternative.max_lots,
        starts=range(first, last + 1),
        runs=tuple(_runs(items)),
    )


def _runs(items: tuple[Item, ...]) -> Iterator[Run]:
    """Cut the items of an ask at their edges and add up what lies on one pool and day."""
    by_pool: dict[PoolKey, list[Item]] = {}
    for item in items:
        by_pool.setdefault(item.pool_key, []).append(item)
    for pool_key, of_pool in by_pool.items():
        edges = {edge for i in of_pool for edge in (i.offset_days, i.offset_days + i.days)}
        for first, end in pairwise(sorted(edges)):
            units = sum(
                i.units_per_lot for i in of_pool if i.offset_days <= first < i.offset_days + i.days
            )
            if units:
                yield Run(pool_key, first, end, units)


def _net_room(problem: Problem) -> Room:
    reserved: Days = {pool.key: [0] * problem.days for pool in problem.pools}
    total: Days = {pool.key: [0] * problem.days for pool in problem.pools}
    for sign, rows in ((1, problem.capacity), (-1, problem.commitments)):
        for row in rows:
            day = (row.day - problem.starts_on).days
            reserved[row.pool_key][day] += sign * row.reserved_units
            total[row.pool_key][day] += sign * (row.reserved_units + row.spot_units)
    return Room(reserved, total)


def running_sums(days: Days) -> Days:
    """Return sums from the first day on, so that a run of days costs one subtraction."""
    return {pool: list(_sums(numbers)) for pool, numbers in days.items()}


def cost_per_lot(ask: Ask, sums: Days, start: int) -> int:
    """Return what one lot costs at prices given as running sums, over all its pools and days."""
    cost = 0
    for run in ask.runs:
        of_pool = sums[run.pool_key]
        cost += run.units * (of_pool[start + run.end] - of_pool[start + run.first])
    return cost


def _sums(numbers: Iterable[int]) -> Iterator[int]:
    so_far = 0
    yield so_far
    for number in numbers:
        so_far += number
        yield so_far
