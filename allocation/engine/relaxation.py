"""The LP relaxation: an upper bound, what it would award, and what every unit is worth to it.

Solved by one named algorithm with fixed parameters on the canonically ordered problem, so that
nothing but the round's content moves the prices.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from ortools.math_opt.python import mathopt

from allocation.certificate import Duals, no_duals
from allocation.columns import Columns
from allocation.engine import mathopt_models
from allocation.engine.search import Deadline
from allocation.model import Model, build

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Algorithm:
    """Who solves the relaxation, and how."""

    solver: mathopt.SolverType
    method: mathopt.LPAlgorithm | None

    @property
    def name(self) -> str:
        """The solver's name, for the report."""
        return "HiGHS" if self.solver is mathopt.SolverType.HIGHS else str(self.solver.name)


NAMED = Algorithm(mathopt.SolverType.GLOP, mathopt.LPAlgorithm.DUAL_SIMPLEX)
"""The one whose duals are the prices where the rule for them cannot be followed."""
INTERIOR = Algorithm(mathopt.SolverType.HIGHS, mathopt.LPAlgorithm.BARRIER)
"""An interior point brought to a corner; it takes less time where there are many rows."""
FEWEST_PLACEMENTS = 10_000
FEWEST_ROWS, MOST_ROWS = 300, 2_500
"""Rounds of more placements and so many rows of units and credits are left to it.

With more rows the rule for prices may not be followed, and the named algorithm would be asked anew.
"""


@dataclass(frozen=True)
class Relaxation:
    """The relaxation's optimum. Shape: `fraction` has one entry per placement, of its most lots.

    `iterations` are those of the simplex that it took.
    """

    value: float
    fraction: Floats
    duals: Duals
    algorithm: Algorithm = NAMED
    iterations: int = 0


def fastest_algorithm(model: Model) -> Algorithm:
    """Choose by size who solves the relaxation; the list prices are the same either way."""
    rows = sum(len(block.upper) for block in (model.reserved, model.total, model.credits))
    is_large = model.columns.count > FEWEST_PLACEMENTS and FEWEST_ROWS <= rows <= MOST_ROWS
    return INTERIOR if is_large else NAMED


def solve_relaxation(
    model: Model, deadline: Deadline, algorithm: Algorithm = NAMED
) -> Relaxation | None:
    """Solve the LP relaxation; None where the deadline comes first."""
    columns = model.columns
    if not columns.count:
        return Relaxation(0.0, np.zeros(0), no_duals(columns), algorithm)
    program = mathopt_models.relaxation(model)
    result = _solve(program, deadline, algorithm)
    if result is None:
        return None
    fraction = np.array(result.variable_values(list(program.variables())))
    duals = np.array(result.dual_values(list(program.linear_constraints())))
    return Relaxation(
        value=result.objective_value(),
        fraction=fraction,
        duals=_by_place(model, duals),
        algorithm=algorithm,
        iterations=int(result.solve_stats.simplex_iterations),
    )


def slice_worth(columns: Columns, share: Fraction, deadline: Deadline) -> float | None:
    """Return the relaxation's optimum on so much of every pool and day, with all credits.

    None where the deadline comes first. Units: value points.
    """
    if not columns.count:
        return 0.0
    result = _solve(mathopt_models.slice_relaxation(build(columns), share), deadline, NAMED)
    return None if result is None else result.objective_value()


def _solve(
    program: mathopt.Model, deadline: Deadline, algorithm: Algorithm
) -> mathopt.SolveResult | None:
    seconds = deadline.seconds_left()
    if not seconds:
        return None
    parameters = mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=seconds),
        lp_algorithm=algorithm.method,
        threads=None if algorithm.solver is mathopt.SolverType.HIGHS else 1,
    )
    try:
        result = mathopt.solve(program, algorithm.solver, params=parameters)
    except Exception:  # noqa: BLE001  # MathOpt raises what comes; the prices are searched for then
        return None
    is_solved = result.termination.reason is mathopt.TerminationReason.OPTIMAL
    return result if is_solved else None


def _by_place(model: Model, duals: Floats) -> Duals:
    """Sort the duals of the rows, which stand in the order of the blocks, into places."""
    columns = model.columns
    prices = no_duals(columns)
    first = len(model.bids.upper)
    for block, target in (
        (model.reserved, prices.reserved),
        (model.total, prices.total),
        (model.credits, prices.credits),
    ):
        target[block.place] = duals[first : first + len(block.upper)]
        first += len(block.upper)
    return prices
