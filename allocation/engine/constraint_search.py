"""CP-SAT on the whole model: exact whole numbers, deterministic limits, ties settled.

Interleaved search makes several workers deterministic; the limit is CP-SAT's deterministic time,
the wall clock only a last guard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from allocation.columns import Whole
from allocation.engine.cpsat_models import CpModel, hint, unhint
from allocation.engine.search import Deadline, Found
from allocation.engine.variables import Terms, Variables

DETERMINISTIC_RATIO = 0.6
"""Units of deterministic time per second of wall clock that the limit is set to."""


@dataclass(frozen=True)
class Effort:
    """How hard CP-SAT may work."""

    seed: int
    workers: int
    deadline: Deadline


@dataclass(frozen=True)
class Answer:
    """What CP-SAT answers. `value` and `bound` are of the objective that was asked for."""

    values: Whole | None
    value: int
    bound: int | None
    is_proven: bool
    is_infeasible: bool
    stopped_by_clock: bool


def maximise(written: CpModel, objective: Terms, effort: Effort, start: Whole) -> Answer:
    """Maximise an objective from a start that is feasible; values are of all variables.

    The start must be feasible: CP-SAT 9.15 can end the process on a hint that is not, when several
    workers are interleaved (OR-Tools issue 5025).
    """
    written.model.maximize(written.sum_of(objective))
    hint(written, start)
    return _solve(written, objective, effort)


def has_any(written: CpModel, effort: Effort) -> Answer:
    """Find any outcome at all, or prove that there is none."""
    written.model.clear_objective()  # type: ignore[no-untyped-call]  # OR-Tools leaves it untyped
    unhint(written)
    return _solve(written, None, effort)


def _solve(written: CpModel, objective: Terms | None, effort: Effort) -> Answer:
    solver = cp_model.CpSolver()
    seconds = max(0.05, effort.deadline.seconds_left())
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.max_deterministic_time = seconds * DETERMINISTIC_RATIO
    solver.parameters.num_workers = max(2, effort.workers)
    solver.parameters.interleave_search = True
    solver.parameters.random_seed = effort.seed % 2**31
    status = solver.solve(written.model)
    is_proven = status == cp_model.OPTIMAL
    has_outcome = is_proven or status == cp_model.FEASIBLE
    stopped = status in (cp_model.FEASIBLE, cp_model.UNKNOWN)
    values = np.array(solver.response_proto.solution, np.int64) if has_outcome else None
    return Answer(
        values=values,
        value=_sum_of(objective, values),
        bound=round(solver.best_objective_bound) if has_outcome and objective is not None else None,
        is_proven=is_proven,
        is_infeasible=status == cp_model.INFEASIBLE,
        stopped_by_clock=stopped and effort.deadline.seconds_left() <= 0,
    )


def _sum_of(terms: Terms | None, values: Whole | None) -> int:
    """Add an objective up in whole numbers of any size."""
    if terms is None or values is None:
        return 0
    chosen = values[terms.variable].tolist()
    return sum(c * v for c, v in zip(terms.coefficient.tolist(), chosen, strict=True))


def improve(written: CpModel, variables: Variables, lots: Whole, effort: Effort) -> Found:
    """Search for a better outcome and a bound from the best one so far."""
    objective = variables.objective(variables.columns.value)
    answer = maximise(written, objective, effort, variables.values_of(lots))
    found = None if answer.values is None else variables.lots_of(answer.values)
    return Found(found, answer.bound, answer.stopped_by_clock)
