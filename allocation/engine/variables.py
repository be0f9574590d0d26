"""How the model's terms become solver variables: a choice per placement and number of lots.

A placement that may have few different numbers of lots is one choice for each of them, of which C1
allows one: solvers then see at once which awards exclude each other. Where there are many, it is
one choice x[k] and a whole variable y[k] for its lots. Nothing here knows a solver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.columns import Columns, Flags, Whole, count_within
from allocation.model import Block, Model

MOST_SIZES = 8
"""A placement with more different numbers of lots has a variable for them."""


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
class Cut:
    """An inequality Σ coefficient × variable ≤ most that every outcome obeys."""

    terms: Terms
    most: int


@dataclass(frozen=True)
class Variables:
    """The layout of one model's variables: first all choices, then the lots that vary much.

    Shape: `choice` has the placement of every choice, ordered, and `size` its lots, 0 where a
    variable says how many; `first` has the first choice of every placement and one entry more.
    `varying` lists the placements with lots of their own, `place` says for every placement where
    its lots stand in `varying`, or -1.
    """

    columns: Columns
    choice: Whole
    size: Whole
    first: Whole
    varying: Whole
    place: Whole

    @property
    def count(self) -> int:
        """How many variables there are."""
        return len(self.choice) + len(self.varying)

    @property
    def upper(self) -> Whole:
        """The largest value of every variable; the least is 0."""
        most = self.columns.max_lots[self.varying]
        return np.concatenate([np.ones(len(self.choice), np.int64), most])

    def choices_of(self, placements: Flags) -> Whole:
        """List the choices of some placements."""
        return np.flatnonzero(placements[self.choice])

    def choice_terms(self, column: Whole, coefficient: Whole) -> Terms:
        """Turn coefficients of x, whatever the lots, into coefficients of variables."""
        entry, choice = self._spread(column)
        return Terms(choice, coefficient[entry])

    def lots_terms(self, column: Whole, coefficient: Whole) -> Terms:
        """Turn coefficients of lots into coefficients of variables."""
        entry, choice = self._spread(column)
        return self._of_lots(column[entry], choice, coefficient[entry])

    def _of_lots(self, column: Whole, choice: Whole, coefficient: Whole) -> Terms:
        varies = self.place[column] >= 0
        return Terms(
            np.where(varies, len(self.choice) + self.place[column], choice),
            np.where(varies, coefficient, coefficient * self.size[choice]),
        )

    def _spread(self, column: Whole) -> tuple[Whole, Whole]:
        """Return every choice of every listed placement, and which entry of the list it is of."""
        length = self.first[column + 1] - self.first[column]
        entry = np.repeat(np.arange(len(column)), length)
        return entry, self.first[column][entry] + count_within(length)

    def rows_of(self, block: Block) -> Rows:
        """Turn a block of the model into rows over variables."""
        entry, choice = self._spread(block.column)
        terms = Terms(choice, block.coefficient[entry])
        if block.of_lots:
            terms = self._of_lots(block.column[entry], choice, block.coefficient[entry])
        return Rows(block.names, block.upper, block.row[entry], terms)

    def add_lots_ranges(self) -> Rows:
        """(C5) Keep lots in range where they vary: min · x[k] ≤ y[k] ≤ max · x[k]."""
        columns, varying = self.columns, self.varying
        one, row = np.ones_like(varying), np.arange(2 * len(varying))
        lots, choice = len(self.choice) + np.arange(len(varying)), self.first[varying]
        names = tuple(f"C5{side}[{k}]" for side in ("min", "max") for k in varying.tolist())
        return Rows(
            names=names,
            upper=np.zeros(2 * len(varying), np.int64),
            row=np.repeat(row, 2),
            terms=Terms(
                np.tile(np.stack([choice, lots], 1).ravel(), 2),
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

    def weighing(self, per_placement: Whole) -> Terms:
        """Return the terms of Σ per_placement[k] · x[k] over all placements."""
        return self.choice_terms(np.arange(self.columns.count), per_placement)

    def values_of(self, lots: Whole) -> Whole:
        """Return the value of every variable for the given lots of every placement."""
        held = lots[self.choice]
        is_chosen = (held > 0) & ((self.size == 0) | (self.size == held))
        return np.concatenate([is_chosen.astype(np.int64), lots[self.varying]])

    def lots_of(self, values: Whole) -> Whole:
        """Return the lots of every placement for the given values of the variables."""
        chosen = np.flatnonzero(values[: len(self.choice)] > 0)
        lots = np.zeros(self.columns.count, np.int64)
        lots[self.choice[chosen]] = self.size[chosen]
        is_varied = values[self.first[self.varying]] > 0
        lots[self.varying] = np.where(is_varied, values[len(self.choice) :], 0)
        return lots


def lay_out(model: Model) -> Variables:
    """Decide which placements are a choice for every number of lots."""
    columns = model.columns
    sizes = columns.max_lots - columns.min_lots + 1
    varying = np.flatnonzero(sizes > MOST_SIZES)
    place = np.full(columns.count, -1, np.int64)
    place[varying] = np.arange(len(varying))
    length = np.where(place < 0, sizes, 1)
    choice = np.repeat(np.arange(columns.count), length)
    size = np.where(place[choice] < 0, columns.min_lots[choice] + count_within(length), 0)
    first = np.concatenate([[0], np.cumsum(length)])
    return Variables(columns, choice, size, first, varying, place)
