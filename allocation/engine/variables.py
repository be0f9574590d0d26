"""How the model's terms become solver variables: a choice per placement, lots where they vary.

Variables 0 … n-1 are the choices x[k]. A placement whose lots may vary has a whole variable y[k]
behind them; one with fixed lots has none, its lots are max · x[k]. Nothing here knows a solver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.columns import Columns, Whole
from allocation.model import Block, Model


@dataclass(frozen=True)
class Terms:
    """A sparse row or matrix over solver variables. Shape: equally long arrays."""

    variable: Whole
    coefficient: Whole

    def sum_of(self, values: Whole) -> int:
        """Add up coefficient × value, in whole numbers of any size."""
        chosen = values[self.variable].tolist()
        return sum(c * v for c, v in zip(self.coefficient.tolist(), chosen, strict=True))


@dataclass(frozen=True)
class Rows:
    """Rows Σ coefficient × variable ≤ upper. Shape: `row` and `terms` are ordered by row."""

    names: tuple[str, ...]
    upper: Whole
    row: Whole
    terms: Terms


@dataclass(frozen=True)
class Variables:
    """The layout of one model's variables.

    Shape: `varying` lists the placements with lots of their own, `place` says for every placement
    where its lots stand in `varying`, or -1.
    """

    columns: Columns
    varying: Whole
    place: Whole

    @property
    def count(self) -> int:
        """How many variables there are."""
        return self.columns.count + len(self.varying)

    def lots_terms(self, column: Whole, coefficient: Whole) -> Terms:
        """Turn coefficients of lots into coefficients of variables."""
        varies = self.place[column] >= 0
        fixed = coefficient * self.columns.max_lots[column]
        return Terms(
            np.where(varies, self.columns.count + self.place[column], column),
            np.where(varies, coefficient, fixed),
        )

    def rows_of(self, block: Block) -> Rows:
        """Turn a block of the model into rows over variables."""
        terms = Terms(block.column, block.coefficient)
        if block.of_lots:
            terms = self.lots_terms(block.column, block.coefficient)
        return Rows(block.names, block.upper, block.row, terms)

    def add_lots_ranges(self) -> Rows:
        """(C5) Keep lots in range where they vary: min · x[k] ≤ y[k] ≤ max · x[k]."""
        columns, varying = self.columns, self.varying
        one, row = np.ones_like(varying), np.arange(2 * len(varying))
        lots = columns.count + np.arange(len(varying))
        names = tuple(f"C5{side}[{k}]" for side in ("min", "max") for k in varying.tolist())
        return Rows(
            names=names,
            upper=np.zeros(2 * len(varying), np.int64),
            row=np.repeat(row, 2),
            terms=Terms(
                np.tile(np.stack([varying, lots], 1).ravel(), 2),
                np.concatenate(
                    [
                        np.stack([columns.min_lots[varying], -one], 1).ravel(),
                        np.stack([-columns.max_lots[varying], one], 1).ravel(),
                    ]
                ),
            ),
        )

    def objective(self, per_lot: Whole) -> Terms:
        """Return the terms of Σ per_lot[k] · lots[k] over all placements."""
        return self.lots_terms(np.arange(self.columns.count), per_lot)

    def values_of(self, lots: Whole) -> Whole:
        """Return the value of every variable for the given lots of every placement."""
        return np.concatenate([(lots > 0).astype(np.int64), lots[self.varying]])

    def lots_of(self, values: Whole) -> Whole:
        """Return the lots of every placement for the given values of the variables."""
        chosen = values[: self.columns.count] > 0
        lots = np.where(chosen, self.columns.max_lots, 0)
        lots[self.varying] = np.where(chosen[self.varying], values[self.columns.count :], 0)
        return lots


def lay_out(model: Model) -> Variables:
    """Decide which placements need lots of their own."""
    columns = model.columns
    varying = np.flatnonzero(columns.min_lots < columns.max_lots)
    place = np.full(columns.count, -1, np.int64)
    place[varying] = np.arange(len(varying))
    return Variables(columns, varying, place)
