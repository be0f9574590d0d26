"""The shortest vector within half-spaces, by one dual active-set method; it knows no market.

Half-spaces that are broken are made active one at a time; one whose multiplier would fall below
zero is let go. Each step makes the vector longer, so that none is made twice. Only numpy; no
solver. Source: Goldfarb and Idnani 1983, for a plain norm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
DEPENDENT = 1e-14
"""A row of length 1 of which less than this is left, squared, depends on the active ones."""
FRESH_STEPS = 40
"""After so many changes the inverse is computed anew."""


@dataclass
class Shortest:
    """The shortest vector on or above every active row: row · vector ≥ least.

    Shape: `rows` has one active row a line, `least` and `multipliers` one entry each; `inverse` is
    that of rows · rowsᵀ. `names` says what each active row is.
    """

    size: int
    names: list[int] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        """Begin at zero, which nothing holds."""
        self.vector: Floats = np.zeros(self.size)
        self.rows: Floats = np.zeros((0, self.size))
        self.least: Floats = np.zeros(0)
        self.multipliers: Floats = np.zeros(0)
        self.inverse: Floats = np.zeros((0, 0))

    def lift(self, name: int, row: Floats, least: float) -> bool:
        """Bring the vector up to a row that it breaks; False where no vector keeps them all."""
        multiplier = 0.0
        while True:
            slide = self.inverse @ (self.rows @ row)
            direction = row - self.rows.T @ slide
            free = float(direction @ row)
            full = (least - float(row @ self.vector)) / free if free > DEPENDENT else np.inf
            falling = np.flatnonzero(slide > 0)
            ratios = self.multipliers[falling] / slide[falling]
            partial = float(ratios.min(initial=np.inf))
            step = min(full, partial)
            if step == np.inf:
                return False
            self.multipliers = self.multipliers - step * slide
            multiplier += step
            if free > DEPENDENT:
                self.vector = self.vector + step * direction
            if full <= partial:
                self._hold(name, row, least, multiplier, slide, free)
                return True
            self._let_go(int(falling[ratios.argmin()]))

    def _hold(
        self, name: int, row: Floats, least: float, multiplier: float, slide: Floats, free: float
    ) -> None:
        corner = np.outer(slide, slide) / free
        edge = -slide[:, None] / free
        self.inverse = np.block([[self.inverse + corner, edge], [edge.T, np.array([[1 / free]])]])
        self.rows = np.vstack([self.rows, row])
        self.least = np.append(self.least, least)
        self.multipliers = np.append(self.multipliers, multiplier)
        self.names.append(name)
        self._freshen()

    def _let_go(self, place: int) -> None:
        kept = np.arange(len(self.names)) != place
        column = self.inverse[kept, place]
        reduced = self.inverse[np.ix_(kept, kept)]
        self.inverse = reduced - np.outer(column, column) / self.inverse[place, place]
        self.rows, self.least = self.rows[kept], self.least[kept]
        self.multipliers = self.multipliers[kept]
        del self.names[place]
        self._freshen()

    def _freshen(self) -> None:
        """Now and then compute anew what has gathered small errors."""
        self.changes += 1
        if self.changes % FRESH_STEPS == 0 and self.names:
            self.inverse = np.asarray(np.linalg.inv(self.rows @ self.rows.T), np.float64)
