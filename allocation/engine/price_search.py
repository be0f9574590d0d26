"""Prices for large rounds, long before the LP is solved: subgradient steps on the dual.

The dual of the relaxation has few variables, a price per pool, day and team, and for given prices
every bid answers at once with its best placement. Each step moves prices towards what is asked
for too much; the best prices seen prove a bound within a fraction of a percent of the LP. A fixed
number of steps, so that the clock decides nothing. Nothing here knows a solver.
Source: MODEL.md, Certificate; Polyak's step with momentum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocation.certificate import Duals, no_duals
from allocation.columns import Columns
from allocation.model import Model

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

STEPS = 400
FIRST_GAP_RATIO = 0.15
"""How far below the first bound the first target stands."""
PATIENCE_STEPS = 10
"""After so many steps without a better bound the target comes closer."""
CLOSER_RATIO = 0.7
MOMENTUM_RATIO = 0.7


@dataclass(frozen=True)
class _Runs:
    """The use of every placement, cut into runs of cells that it uses alike.

    Over sums of prices from the first cell on, a run costs one subtraction. The sums lie end to
    end: those of spot use, then those of reserved use, each with a 0 before it.

    Units: `use` is at the placement's most lots.
    """

    placement: Places
    begin: Places
    end: Places
    use: Floats


@dataclass(frozen=True)
class _Dual:
    """The dual function. Shape: `limits` and prices are reserved cells, all cells, teams.

    `offer` and `worth` are of each placement at its most lots, `team` is its team; `first` says
    where the placements of each bid begin, `bid` to which of these bids each belongs.
    """

    cells: int
    limits: Floats
    runs: _Runs
    team: Places
    offer: Floats
    worth: Floats
    first: Places
    bid: Places

    def answer(self, prices: Floats) -> tuple[float, Floats]:
        """Return the bound that prices prove, and what is left of every limit at these prices."""
        gain = self.worth - self._cost(prices)
        best = np.maximum.reduceat(gain, self.first)
        used = self._used(self._first_best(gain, best))
        bound = float((self.limits * prices).sum() + best[best > 0].sum())
        return bound, self.limits - used

    def _cost(self, prices: Floats) -> Floats:
        """Return what every placement costs: spot use the total price, reserved use both."""
        reserved, total, credit = np.split(prices, [self.cells, 2 * self.cells])
        sums = np.zeros(2 * self.cells + 2)
        np.cumsum(total, out=sums[1 : self.cells + 1])
        np.cumsum(reserved + total, out=sums[self.cells + 2 :])
        paid = self.runs.use * (sums[self.runs.end] - sums[self.runs.begin])
        cost = np.bincount(self.runs.placement, paid, len(self.worth))
        return cost + self.offer * credit[self.team]

    def _used(self, wanted: Places) -> Floats:
        """Return what these placements use of every limit."""
        is_wanted = np.zeros(len(self.worth), np.bool_)
        is_wanted[wanted] = True
        run = np.flatnonzero(is_wanted[self.runs.placement])
        use, size = self.runs.use[run], 2 * self.cells + 2
        begun = np.bincount(self.runs.begin[run], use, size)
        used = np.cumsum(begun - np.bincount(self.runs.end[run], use, size))
        spot, reserved = used[: self.cells], used[self.cells + 1 : -1]
        teams = len(self.limits) - 2 * self.cells
        spent = np.bincount(self.team[wanted], self.offer[wanted], teams)
        return np.concatenate([reserved, spot + reserved, spent])

    def _first_best(self, gain: Floats, best: Floats) -> Places:
        """List for every bid that gains anything the first of its best placements."""
        at = np.flatnonzero((gain > 0) & (gain == best[self.bid]))
        return at[np.diff(self.bid[at], prepend=-1) > 0]


def _dual(model: Model) -> _Dual:
    columns = model.columns
    starts_bid = np.diff(columns.bid, prepend=-1) > 0
    return _Dual(
        cells=len(columns.limits.total_units),
        limits=_limits(columns),
        runs=_cut_runs(columns),
        team=columns.team,
        offer=(columns.offer * columns.max_lots).astype(float),
        worth=model.largest_value.astype(float),
        first=np.flatnonzero(starts_bid),
        bid=np.cumsum(starts_bid) - 1,
    )


def _cut_runs(columns: Columns) -> _Runs:
    column, cell, units = columns.use_column, columns.use_cell, columns.use_units
    goes_on = (np.diff(column) == 0) & (np.diff(cell) == 1) & (np.diff(units) == 0)
    first = np.flatnonzero(np.append(True, ~goes_on))
    length = np.diff(np.append(first, len(column)))
    placement = column[first]
    begin = cell[first] + columns.is_reserved[placement] * (len(columns.limits.total_units) + 1)
    return _Runs(
        placement=placement,
        begin=begin,
        end=begin + length,
        use=(units[first] * columns.max_lots[placement]).astype(float),
    )


def _limits(columns: Columns) -> Floats:
    limits = columns.limits
    return np.concatenate([limits.reserved_units, limits.total_units, limits.credits]).astype(float)


def search_prices(model: Model) -> Duals:
    """Return prices that prove a bound close to the relaxation's. Units: value points."""
    if not model.columns.count:
        return no_duals(model.columns)
    dual = _dual(model)
    per_unit = np.where(dual.limits > 0, 1 / np.maximum(dual.limits, 1), 0.0)
    prices = best_prices = np.zeros(len(dual.limits))
    best, left = dual.answer(prices)
    gap, waited, direction = FIRST_GAP_RATIO * best, 0, np.zeros(len(prices))
    bound = best
    for _ in range(STEPS):
        direction = MOMENTUM_RATIO * direction + left * per_unit
        step = (bound - best + gap) / max(float((direction**2).sum()), 1e-12)
        prices = np.maximum(0.0, prices - step * direction * per_unit)
        bound, left = dual.answer(prices)
        waited += 1
        if bound < best:
            best, best_prices, waited = bound, prices, 0
        elif waited > PATIENCE_STEPS:
            gap, waited, prices = CLOSER_RATIO * gap, 0, best_prices
            direction = np.zeros(len(prices))
            bound, left = dual.answer(prices)
    cells = len(model.columns.limits.total_units)
    return Duals(best_prices[:cells], best_prices[cells : 2 * cells], best_prices[2 * cells :])
