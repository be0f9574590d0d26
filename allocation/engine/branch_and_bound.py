"""Branch and bound by HiGHS on the whole model: strong where the LP is tight."""

from __future__ import annotations

import datetime as dt

import numpy as np
from ortools.math_opt.python import mathopt

from allocation.engine import mathopt_models
from allocation.engine.search import Deadline, Found, safe_floor
from allocation.engine.variables import Variables
from allocation.model import Model


def solve_mip(model: Model, variables: Variables, seed: int, deadline: Deadline) -> Found:
    """Search for the best outcome and a bound, until proven or the deadline."""
    seconds = deadline.seconds_left()
    program = mathopt_models.mixed_integer_program(model, variables)
    parameters = mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=max(0.05, seconds)),
        random_seed=seed % 2**31,
        relative_gap_tolerance=0.0,
        absolute_gap_tolerance=0.0,
    )
    parameters.highs.string_options["parallel"] = "off"
    result = mathopt.solve(program, mathopt.SolverType.HIGHS, params=parameters)
    lots = None
    if result.has_primal_feasible_solution():
        values = np.rint(result.variable_values(list(program.variables()))).astype(np.int64)
        lots = variables.lots_of(values)
    reason = result.termination.reason
    return Found(
        lots=lots,
        bound=safe_floor(result.termination.objective_bounds.dual_bound),
        stopped_by_clock=reason is not mathopt.TerminationReason.OPTIMAL,
    )
