"""How fast the bundled solvers solve the LP relaxation: the yardstick for times on large rounds.

The relaxation is the engine's own (a fraction per placement). Two times are taken: what the
solver says that it needed, and the whole call with the hand-over of the model. The yardstick is
the smaller one, of the fastest solver that came to the optimum.
"""

from __future__ import annotations

import datetime as dt
import time

from ortools.math_opt.python import mathopt

from allocation.columns import build_columns
from allocation.engine.mathopt_models import relaxation
from allocation.model import build
from allocation.problem import Problem
from bench.tasks import WORKERS, Facts, Task

_Solver = mathopt.SolverType
_Algorithm = mathopt.LPAlgorithm
_CHOICES: dict[str, tuple[mathopt.SolverType, mathopt.LPAlgorithm | None, int | None]] = {
    "glop-primal": (_Solver.GLOP, _Algorithm.PRIMAL_SIMPLEX, 1),
    "glop-dual": (_Solver.GLOP, _Algorithm.DUAL_SIMPLEX, 1),
    "pdlp": (_Solver.PDLP, None, WORKERS),
    "highs-lp": (_Solver.HIGHS, None, None),
    "highs-ipm": (_Solver.HIGHS, _Algorithm.BARRIER, None),
}
"""Solver, algorithm and threads; HiGHS refuses a number of threads."""


def measure_relaxation(problem: Problem, task: Task) -> Facts:
    """Solve the LP relaxation of a round once."""
    began = time.monotonic()
    program = relaxation(build(build_columns(problem)))
    built = time.monotonic()
    solver, algorithm, threads = _CHOICES[task.side]
    parameters = mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=task.limit_seconds),
        lp_algorithm=algorithm,
        threads=threads,
    )
    result = mathopt.solve(program, solver, params=parameters)
    call_seconds = time.monotonic() - built
    is_optimal = result.termination.reason is mathopt.TerminationReason.OPTIMAL
    own_seconds = result.solve_time().total_seconds() or call_seconds
    return {
        "relaxed_value": result.objective_value() if is_optimal else None,
        "seconds": round(min(own_seconds, call_seconds), 4),
        "call_seconds": round(call_seconds, 4),
        "build_seconds": round(built - began, 3),
        "status": result.termination.reason.name.lower(),
    }
