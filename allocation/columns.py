"""The eligible placements of a round as arrays: the columns of the model.

A placement is an alternative at one start day. Eligible are those that fit an otherwise empty
round and their team's credits at their smallest lots and are not barred by the reserve cost; their
lots are cut to what fits alone. Here every index is decided, so that the model has no rule in it.
Nothing here knows a solver. Source: MODEL.md, Sets and symbols.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from allocation.problem import Alternative, DayUnits, PoolKey, Problem, Tier

Whole: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Limits:
    """Units of every pool and day, net of commitments; credits and least value of every team.

    Shape: `reserved_units` and `total_units` have one entry per cell, cell = pool index x days +
    day index; `credits` and `least_value` have one per team. Units: `least_value` is what a team's
    awards must reach, in value points; 0 or less demands nothing.
    """

    reserved_units: Whole
    total_units: Whole
    credits: Whole
    least_value: Whole


@dataclass(frozen=True)
class Columns:
    """Every eligible placement, ordered by bid key, alternative and start.

    Shape: `bid` to `max_lots` have one entry per placement k; `use_*` one entry per (k, cell) with
    units, ordered by k. `bid` and `team` index the problem's tuples, `start` counts days from the
    sprint's first. Units: offers and values per lot, `use_units` per lot.
    """

    problem: Problem
    limits: Limits
    bid: Whole
    team: Whole
    alternative: Whole
    start: Whole
    is_reserved: Flags
    offer: Whole
    value: Whole
    min_lots: Whole
    max_lots: Whole
    use_column: Whole
    use_cell: Whole
    use_units: Whole

    @property
    def count(self) -> int:
        """How many placements are eligible."""
        return len(self.bid)

    def only(self, chosen: Whole) -> Columns:
        """Return some of the placements, in their order, within the same limits."""
        length = np.diff(self.use_from)[chosen]
        entry = np.repeat(self.use_from[chosen], length) + count_within(length)
        return replace(
            self,
            bid=self.bid[chosen],
            team=self.team[chosen],
            alternative=self.alternative[chosen],
            start=self.start[chosen],
            is_reserved=self.is_reserved[chosen],
            offer=self.offer[chosen],
            value=self.value[chosen],
            min_lots=self.min_lots[chosen],
            max_lots=self.max_lots[chosen],
            use_column=np.repeat(np.arange(len(chosen)), length),
            use_cell=self.use_cell[entry],
            use_units=self.use_units[entry],
        )

    def demanding(self, least_value: list[int]) -> Columns:
        """Return the same placements with what every team's awards must reach, in points."""
        return replace(self, limits=replace(self.limits, least_value=_whole(least_value)))

    def start_day(self, k: int) -> dt.date:
        """Return the start day of a placement."""
        return self.problem.starts_on + dt.timedelta(days=int(self.start[k]))

    @cached_property
    def use_from(self) -> Whole:
        """Where the use of each placement begins; one entry more than there are placements."""
        return np.searchsorted(self.use_column, np.arange(self.count + 1)).astype(np.int64)

    @cached_property
    def tie_break_weight(self) -> Whole:
        """The public weight w of each placement. Source: MODEL.md, Tie-break."""
        bids, nonce = self.problem.bids, self.problem.nonce
        rows = zip(self.bid.tolist(), self.alternative.tolist(), self.start.tolist(), strict=True)
        first = self.problem.starts_on
        weights = (
            tie_break_weight(nonce, bids[b].key, number, first + dt.timedelta(days=start))
            for b, number, start in rows
        )
        return np.fromiter(weights, np.int64, self.count)


def tie_break_weight(nonce: str, bid_key: str, alternative: int, start: dt.date) -> int:
    """Return the first 3 bytes of SHA-256(`nonce|bid_key|alternative|start`) as a whole number."""
    text = f"{nonce}|{bid_key}|{alternative}|{start.isoformat()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big")


def net_limits(problem: Problem) -> Limits:
    """Say what can be handed out, after the commitments of earlier rounds (C6)."""
    gross_reserved, gross_spot = _cell_units(problem, problem.capacity)
    held_reserved, held_spot = _cell_units(problem, problem.commitments)
    return Limits(
        reserved_units=gross_reserved - held_reserved,
        total_units=gross_reserved + gross_spot - held_reserved - held_spot,
        credits=_whole([team.credits for team in problem.teams]),
        least_value=np.zeros(len(problem.teams), np.int64),
    )


def _cell_units(problem: Problem, rows: tuple[DayUnits, ...]) -> tuple[Whole, Whole]:
    pool_index = {pool.key: n for n, pool in enumerate(problem.pools)}
    reserved = np.zeros(len(problem.pools) * problem.days, np.int64)
    spot = np.zeros_like(reserved)
    for row in rows:
        cell = pool_index[row.pool_key] * problem.days + (row.day - problem.starts_on).days
        reserved[cell] = row.reserved_units
        spot[cell] = row.spot_units
    return reserved, spot


def build_columns(problem: Problem) -> Columns:
    """List the eligible placements of a round, whatever order its parts came in."""
    limits = net_limits(problem)
    profiles = _profiles(problem)
    placement = _every_start(profiles)
    alternative, start = placement.alternative, placement.start
    column, cell, units = _spread(profiles, placement)
    reserved = np.minimum(limits.reserved_units, limits.total_units)
    limit = np.where(
        profiles.is_reserved[alternative][column], reserved[cell], limits.total_units[cell]
    )
    lots = _most_lots(limit // units, column, len(start))
    affordable = profiles.credits[alternative] // profiles.offer[alternative]
    most = np.minimum.reduce([lots, affordable, profiles.max_lots[alternative]])
    eligible = (most >= profiles.min_lots[alternative]) & ~profiles.is_barred[alternative]
    kept = eligible[column]
    chosen = alternative[eligible]
    return Columns(
        problem=problem,
        limits=limits,
        bid=profiles.bid[chosen],
        team=profiles.team[chosen],
        alternative=profiles.number[chosen],
        start=start[eligible],
        is_reserved=profiles.is_reserved[chosen],
        offer=profiles.offer[chosen],
        value=profiles.value[chosen],
        min_lots=profiles.min_lots[chosen],
        max_lots=most[eligible],
        use_column=(np.cumsum(eligible) - 1)[column[kept]],
        use_cell=cell[kept],
        use_units=units[kept],
    )


@dataclass(frozen=True)
class _Profiles:
    """Every alternative as it would stand if it began on day 0.

    Shape: `bid` to `last_start` have one entry per alternative; `cell` and `units` are its use,
    one entry per (alternative, pool, day), and `begin` says where each alternative's use begins.
    """

    bid: Whole
    team: Whole
    number: Whole
    is_reserved: Flags
    is_barred: Flags
    offer: Whole
    value: Whole
    min_lots: Whole
    max_lots: Whole
    credits: Whole
    first_start: Whole
    last_start: Whole
    begin: Whole
    cell: Whole
    units: Whole


@dataclass(frozen=True)
class _Placements:
    """Shape: one entry per placement, eligible or not."""

    alternative: Whole
    start: Whole


def _profiles(problem: Problem) -> _Profiles:
    listed = [(b, bid, a) for b, bid in enumerate(problem.bids) for a in bid.alternatives]
    team_index = {team.key: n for n, team in enumerate(problem.teams)}
    team = _whole([team_index[bid.team_key] for _, bid, _ in listed])
    begin, cell, units = _merged_use(problem, [a for _, _, a in listed])
    first = problem.starts_on
    return _Profiles(
        bid=_whole([b for b, _, _ in listed]),
        team=team,
        number=_whole([a.number for _, _, a in listed]),
        is_reserved=np.array([a.tier is Tier.RESERVED for _, _, a in listed], np.bool_),
        is_barred=np.array([_is_barred(a, problem.reserve_prices) for _, _, a in listed], np.bool_),
        offer=_whole([a.offer_credits_per_lot for _, _, a in listed]),
        value=_whole([a.value_score_per_lot for _, _, a in listed]),
        min_lots=_whole([a.min_lots for _, _, a in listed]),
        max_lots=_whole([a.max_lots for _, _, a in listed]),
        credits=_whole([team.credits for team in problem.teams])[team],
        first_start=_whole([(a.earliest_start - first).days for _, _, a in listed]),
        last_start=_whole([(a.latest_start - first).days for _, _, a in listed]),
        begin=begin,
        cell=cell,
        units=units,
    )


def _whole(values: list[int]) -> Whole:
    return np.array(values, np.int64)


def _is_barred(alternative: Alternative, prices: Mapping[PoolKey, int]) -> bool:
    """Say whether the offer is below the reserve cost; in whole numbers of any size."""
    reserve_cost = sum(
        item.units_per_lot * item.days * prices[item.pool_key] for item in alternative.items
    )
    return alternative.offer_credits_per_lot < reserve_cost


def _merged_use(problem: Problem, alternatives: list[Alternative]) -> tuple[Whole, Whole, Whole]:
    """Add up the items of every alternative per pool and day, as if it began on day 0."""
    pool_index = {pool.key: n for n, pool in enumerate(problem.pools)}
    items = [
        (n, pool_index[i.pool_key] * problem.days + i.offset_days, i.days, i.units_per_lot)
        for n, alternative in enumerate(alternatives)
        for i in alternative.items
    ]
    owner, first_cell, days, units = np.array(items, np.int64).reshape(len(items), 4).T
    entry = np.repeat(np.arange(len(items)), days)
    cell = first_cell[entry] + count_within(days)
    size = max(1, len(problem.pools) * problem.days)
    keys, place = np.unique(owner[entry] * size + cell, return_inverse=True)
    summed = np.zeros(len(keys), np.int64)
    np.add.at(summed, place, units[entry])
    begin = np.searchsorted(keys // size, np.arange(len(alternatives) + 1)).astype(np.int64)
    return begin, keys % size, summed


def count_within(lengths: Whole) -> Whole:
    """Return 0, 1, … within each group, for groups of the given lengths laid end to end."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _every_start(profiles: _Profiles) -> _Placements:
    width = profiles.last_start - profiles.first_start + 1
    alternative = np.repeat(np.arange(len(width)), width)
    start = profiles.first_start[alternative] + count_within(width)
    return _Placements(alternative, start)


def _spread(profiles: _Profiles, placements: _Placements) -> tuple[Whole, Whole, Whole]:
    """Return the use of every placement: its number, the cell, the units per lot."""
    length = np.diff(profiles.begin)[placements.alternative]
    column = np.repeat(np.arange(len(length)), length)
    entry = profiles.begin[placements.alternative][column] + count_within(length)
    return column, profiles.cell[entry] + placements.start[column], profiles.units[entry]


def _most_lots(lots: Whole, column: Whole, count: int) -> Whole:
    """Return the fewest lots over the cells of each placement: what fits alone."""
    most = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(most, column, lots)
    return most
