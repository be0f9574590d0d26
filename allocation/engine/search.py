"""What the solvers share: an incumbent, a deadline, and how far a solver's bound is believed.

A solver's word is never taken: its outcome is rounded to whole lots, checked in integers, repaired
if need be; its bound is rounded towards safety.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from allocation.columns import Columns, Whole
from allocation.engine import rounding
from allocation.engine.variables import lay_out
from allocation.model import Model

Clock = Callable[[], float]
EXACT_FLOAT = 2**53
FLOAT_RATIO = 1e-9
"""How far a floating-point bound may be off, as a part of it."""
CLAIM_RATIO = 2 * FLOAT_RATIO
LARGEST_TRUSTED_SUM = 2**31
"""Above this sum of coefficients of a row a single solver's proof is not believed.

OR-Tools 9.15 has a presolve flaw there (issue 5293), and floating-point solvers break rows.
"""


@dataclass(frozen=True)
class Deadline:
    """A moment on a clock that counts seconds."""

    clock: Clock
    at: float

    def seconds_left(self) -> float:
        """Return how many seconds are left, at least 0."""
        return max(0.0, self.at - self.clock())

    def share(self, ratio: float) -> Deadline:
        """Return an earlier deadline: so much of the time that is left."""
        return self.within(ratio * self.seconds_left())

    def within(self, seconds: float) -> Deadline:
        """Return a deadline so many seconds from now, or this one if it comes first."""
        return Deadline(self.clock, min(self.at, self.clock() + seconds))


@dataclass
class Incumbent:
    """The best outcome so far, the best bound so far, and who proved what."""

    columns: Columns
    certified_bound: int
    lots: Whole
    bounds: dict[str, int] = field(default_factory=dict)
    trusts_one_solver: bool = True

    @property
    def value(self) -> int:
        """The value of the best outcome, in points."""
        return rounding.value_of(self.columns, self.lots)

    @property
    def bound(self) -> int:
        """The best bound that is believed, in points.

        A claim below the value is refuted by it. Where one solver is not trusted, the smallest
        claim counts only if another comes as close as floating point can tell; the certificate
        needs nobody beside it.
        """
        claims = sorted(c for c in [*self.bounds.values(), self.certified_bound] if c >= self.value)
        if self.trusts_one_solver or len(claims) == 1 or claims[1] <= claims[0] + self.slack:
            return claims[0]
        return min(claims[1], self.certified_bound)

    @property
    def slack(self) -> int:
        """How far apart two claims may be and still say the same, in points."""
        return 0 if self.trusts_one_solver else int(self.value * CLAIM_RATIO)

    @property
    def provers(self) -> tuple[str, ...]:
        """The solvers that claim that nothing is worth more than the best outcome."""
        value = self.value
        return tuple(s for s, c in self.bounds.items() if value <= c <= value + self.slack)

    @property
    def is_proven(self) -> bool:
        """Say whether nothing better can exist."""
        return self.value == self.bound

    def offer(self, lots: Whole | None) -> None:
        """Take a better outcome; what breaks a row in whole numbers is repaired first.

        What misses a floor even then is left out.
        """
        if lots is None:
            return
        if not rounding.is_feasible(self.columns, lots):
            lots = rounding.repaired(self.columns, lots)
            if not rounding.is_feasible(self.columns, lots):
                return
        if rounding.value_of(self.columns, lots) > self.value:
            self.lots = lots

    def demand(self, columns: Columns, lots: Whole) -> None:
        """Go on with an outcome that meets stricter limits; what was a bound still is one."""
        self.columns, self.lots = columns, lots

    def learn(self, solver: str, lots: Whole | None, bound: int | None) -> None:
        """Take what a solver found: an outcome, a bound in points, or neither."""
        self.offer(lots)
        if bound is not None:
            self.bounds[solver] = min(bound, self.bounds.get(solver, bound))


def safe_floor(bound: float) -> int | None:
    """Round a solver's floating-point bound down, but never below what it may mean."""
    if not math.isfinite(bound) or abs(bound) > EXACT_FLOAT:
        return None
    return math.floor(bound + 1e-6 + abs(bound) * FLOAT_RATIO)


def largest_row_sum(model: Model) -> int:
    """Return the largest sum of coefficients times most values over all rows and the objective.

    Coefficients count by their size, whatever their sign, and every number of lots that is a
    choice of its own counts.
    """
    variables = lay_out(model)
    rows = [variables.rows_of(block) for block in model.blocks]
    points = variables.objective(model.columns.value)
    sums = [float((points.coefficient * variables.upper[points.variable]).sum())]
    for each in rows:
        most = each.terms.coefficient * variables.upper[each.terms.variable]
        sums.append(float(np.bincount(each.row, np.abs(most).astype(float), minlength=1).max()))
    return int(max(sums))
