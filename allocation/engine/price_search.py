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
class _Dual:
    """The dual function. Shape: `rows` are reserved cells, then all cells, then teams.

    `use` holds, for every entry (row, column), the units or credits at the placement's most lots.
    """

    limits: Floats
    row: Places
    column: Places
    use: Floats
    worth: Floats
    first: Places
    length: Places

    def answer(self, prices: Floats) -> tuple[float, Floats]:
        """Return the bound that prices prove, and what is left of every limit at these prices."""
        cost = np.bincount(self.column, self.use * prices[self.row], len(self.worth))
        gain = self.worth - cost
        best = np.maximum.reduceat(gain, self.first)
        wanted = self._first_best(gain, best)
        used = np.bincount(self.row, self.use * wanted[self.column], len(self.limits))
        bound = float((self.limits * prices).sum() + best[best > 0].sum())
        return bound, self.limits - used

    def _first_best(self, gain: Floats, best: Floats) -> Floats:
        """Mark for every bid that gains anything the first of its best placements."""
        is_best = gain == np.repeat(np.where(best > 0, best, np.inf), self.length)
        at = np.flatnonzero(is_best)
        bids, first = np.unique(np.searchsorted(self.first, at, side="right"), return_index=True)
        wanted = np.zeros(len(gain))
        wanted[at[first[: len(bids)]]] = 1.0
        return wanted


def _dual(model: Model) -> _Dual:
    columns = model.columns
    cells = len(columns.limits.total_units)
    held = columns.is_reserved[columns.use_column]
    row = [columns.use_cell[held], cells + columns.use_cell, 2 * cells + columns.team]
    column = [columns.use_column[held], columns.use_column, np.arange(columns.count)]
    amount = [columns.use_units[held], columns.use_units, columns.offer]
    place = np.concatenate(column)
    first = np.flatnonzero(np.diff(columns.bid, prepend=-1))
    return _Dual(
        limits=_limits(columns),
        row=np.concatenate(row),
        column=place,
        use=(np.concatenate(amount) * columns.max_lots[place]).astype(float),
        worth=model.largest_value.astype(float),
        first=first,
        length=np.diff(np.append(first, columns.count)),
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
