"""All optimal prices of the relaxation at once, told from any one optimum of it.

By complementary slackness: a row with room left has no price, a placement that is awarded in part
gains exactly what its bid gains, and no other placement gains more. Nothing here knows a solver.
Read list_prices.py for which of these prices are published. Source: MODEL.md, Prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from allocation.columns import Columns, Flags, Whole
from allocation.engine.fixed_point import Row
from allocation.engine.shortest import Floats

AWARDED = 1e-9
"""A smaller part of a placement, or of a row's capacity, is noise."""
TINY = 1e-9
"""A row that is shorter, where prices count by capacity, has no terms."""
BROKEN = 1e-11
"""What a bid gains too much counts from this part of its value on."""


@dataclass(frozen=True)
class PriceFace:
    """All optimal prices of the relaxation. Shape: prices are reserved cells, all cells, teams."""

    columns: Columns
    fraction: Floats

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.columns.limits.total_units)

    @cached_property
    def capacity(self) -> Whole:
        """What every price is the price of."""
        limits = self.columns.limits
        return np.concatenate([limits.reserved_units, limits.total_units, limits.credits])

    @cached_property
    def root(self) -> Floats:
        """The square root of what the prices that may be above 0 are the prices of."""
        return np.asarray(np.sqrt(self.capacity[self.priced]), np.float64)

    @cached_property
    def value(self) -> Whole:
        """The value of every placement at its most lots."""
        return self.columns.value * self.columns.max_lots

    @cached_property
    def priced(self) -> Whole:
        """The prices that may be above 0: those of capacity that is used up."""
        columns = self.columns
        lots = columns.max_lots * self.fraction
        used = (columns.use_units * lots[columns.use_column]).astype(float)
        is_held = columns.is_reserved[columns.use_column]
        total = np.bincount(columns.use_cell, used, self.cells)
        held = np.bincount(columns.use_cell[is_held], used[is_held], self.cells)
        spent = np.bincount(columns.team, columns.offer * lots, len(columns.limits.credits))
        is_full = np.concatenate([held, total, spent]) >= self.capacity * (1 - AWARDED)
        return np.flatnonzero(is_full & (self.capacity > 0))

    @cached_property
    def pivot(self) -> Whole:
        """For every placement the one that says what its bid gains; -1 where it gains nothing."""
        columns = self.columns
        served = np.bincount(columns.bid, self.fraction, len(columns.problem.bids))
        order = np.argsort(self.fraction, kind="stable")
        largest = np.full(len(served), -1)
        largest[columns.bid[order]] = order
        largest[served < 1 - AWARDED] = -1
        return largest[columns.bid]

    @cached_property
    def exact(self) -> Whole:
        """The placements that gain exactly what their bid gains, but for the pivots."""
        is_pivot = self.pivot == np.arange(self.columns.count)
        return np.flatnonzero((self.fraction > AWARDED) & ~is_pivot)

    def gains(self, prices: Floats) -> Floats:
        """Return what every placement gains at its most lots."""
        columns, cells = self.columns, self.cells
        reserved, total, credit = np.split(prices, [cells, 2 * cells])
        price = total[columns.use_cell]
        price = price + reserved[columns.use_cell] * columns.is_reserved[columns.use_column]
        cost = np.add.reduceat(price * columns.use_units, columns.use_from[:-1])
        cost = cost + credit[columns.team] * columns.offer
        return np.asarray(self.value - cost * columns.max_lots, np.float64)

    def worth(self, prices: Floats) -> float:
        """Return the bound that prices prove, in value points."""
        surplus = np.zeros(len(self.columns.problem.bids))
        np.maximum.at(surplus, self.columns.bid, self.gains(prices))
        return float(self.capacity @ prices + surplus.sum())

    def row(self, name: int) -> Row:
        """Return what optimal prices keep: Σ coefficient × price ≥ least.

        `name` is a placement: it gains at most what its bid gains, and a pivot at least nothing.
        Below 0 it is a price, counted from the end: that is at least 0.
        """
        if name < 0:
            return Row({name + len(self.capacity): 1}, 0)
        pivot = int(self.pivot[name])
        if pivot == name:
            return Row({i: -c for i, c in self._use(name).items()}, -int(self.value[name]))
        if pivot < 0:
            return Row(self._use(name), int(self.value[name]))
        terms, other = self._use(name), self._use(pivot)
        both = {i: terms.get(i, 0) - other.get(i, 0) for i in sorted(terms.keys() | other.keys())}
        return Row(
            {i: c for i, c in both.items() if c}, int(self.value[name]) - int(self.value[pivot])
        )

    def _use(self, k: int) -> dict[int, int]:
        """Return what a placement uses at its most lots, by price; without those that are 0."""
        columns, lots = self.columns, int(self.columns.max_lots[k])
        entry = slice(columns.use_from[k], columns.use_from[k + 1])
        units = (columns.use_units[entry] * lots).tolist()
        cell = columns.use_cell[entry].tolist()
        use = {c + self.cells: u for c, u in zip(cell, units, strict=True)}
        if columns.is_reserved[k]:
            use |= dict(zip(cell, units, strict=True))
        use[2 * self.cells + int(columns.team[k])] = int(columns.offer[k]) * lots
        return {i: u for i, u in use.items() if self._is_priced[i]}

    @cached_property
    def _is_priced(self) -> Flags:
        is_priced = np.zeros(len(self.capacity), np.bool_)
        is_priced[self.priced] = True
        return is_priced

    @cached_property
    def _length(self) -> Floats:
        """About how long the row of every placement is, where prices count by capacity."""
        columns = self.columns
        weight = np.zeros(len(self.capacity))
        weight[self.priced] = 1 / self.capacity[self.priced]
        reserved, total, credit = np.split(weight, [self.cells, 2 * self.cells])
        per_unit = total[columns.use_cell]
        per_unit = per_unit + reserved[columns.use_cell] * columns.is_reserved[columns.use_column]
        square = np.add.reduceat(per_unit * columns.use_units**2.0, columns.use_from[:-1])
        square = square + credit[columns.team] * columns.offer**2.0
        own = np.sqrt(square) * columns.max_lots
        return np.asarray(own + np.where(self.pivot >= 0, own[self.pivot], 0.0) + TINY)

    @cached_property
    def _slack(self) -> Floats:
        """How much noise a gain may have."""
        value = self.value.astype(float)
        return BROKEN * (value + np.where(self.pivot >= 0, value[self.pivot], 0.0) + 1)

    def worst(self, prices: Floats) -> int | None:
        """Name the row that prices break most, by its length; None where they keep them all."""
        gain = self.gains(prices)
        of_bid = np.where(self.pivot >= 0, gain[self.pivot], 0.0)
        is_pivot = self.pivot == np.arange(len(gain))
        excess = np.where(is_pivot, -gain, gain - of_bid)
        excess[self.exact] = 0.0
        broken = np.where(excess > self._slack, excess / self._length, 0.0)
        below = -prices * np.sqrt(self.capacity)
        below[-prices <= BROKEN * prices.max(initial=0.0)] = 0.0
        k, i = int(broken.argmax()), int(below.argmax())
        if max(broken[k], below[i]) <= 0:
            return None
        return k if broken[k] >= below[i] else i - len(below)
