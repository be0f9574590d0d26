"""The raw peers: what each solver, and each simple rule, does with the plain model alone.

The plain model is MODEL.md's C1 to C5 over all eligible placements, without hints, components,
prices or anything else of the portfolio. Solvers keep their defaults, but for the time limit, the
seed, and a gap of zero, so that none stops early. What they answer is rounded to whole lots and
checked in whole numbers; an outcome that breaks a row has no value. Building the model is not
counted as time of the solver. A solver that does not end within its limit and a fifth is ended
with its process; then the best outcome and bound count that it told on its way (of SCIP: that its
log claims).
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

from allocation.columns import Columns, Whole, build_columns
from allocation.engine.mathopt_models import mixed_integer_program
from allocation.engine.variables import Rows, Variables, lay_out
from allocation.model import Block, Model, build
from allocation.problem import Problem
from bench.memory import peak_megabytes
from bench.overtime import Notes, hard_limit, most_seconds
from bench.tasks import Facts, Task


@dataclass(frozen=True)
class _Plain:
    """The plain model of a round."""

    model: Model
    variables: Variables

    @property
    def columns(self) -> Columns:
        """Return the placements."""
        return self.model.columns

    def rows(self) -> list[Rows]:
        """Return the rows of C1 to C5."""
        blocks = [self.variables.rows_of(block) for block in self.model.blocks]
        return [*blocks, self.variables.add_lots_ranges()]


@dataclass(frozen=True)
class _Answer:
    """What a solver said. Shape: the values of all variables, or None.

    `claimed_value` is the value of an outcome that it had no time to hand over.
    """

    values: Whole | None
    bound: float
    status: str
    seconds: float
    claimed_value: float | None = None


@dataclass(frozen=True)
class _Trial:
    """One solver at work: its task, what it tells, and who hears of it if it must be ended."""

    task: Task
    notes: Notes
    say: Callable[[_Answer], None]

    def limited(self) -> AbstractContextManager[None]:
        """Hold the solver to its limit and a fifth."""
        return hard_limit(most_seconds(self.task.limit_seconds), self.say_so_far)

    def say_so_far(self) -> None:
        """Tell what is known when the solver is ended."""
        seconds, notes = most_seconds(self.task.limit_seconds), self.notes
        status = f"ended after {seconds:g} s"
        self.say(_Answer(notes.values, notes.bound, status, seconds, notes.value))


_Solve = Callable[[_Plain, _Trial], _Answer]
Say = Callable[[Facts], None]


def measure_peer(problem: Problem, task: Task, say: Say) -> Facts:
    """Let one solver work on the plain model of a round."""
    began = time.monotonic()
    model = build(build_columns(problem))
    plain = _Plain(model, lay_out(model))
    known = {**_size(plain), "build_seconds": round(time.monotonic() - began, 3)}

    def say_so_far(answer: _Answer) -> None:
        say({**known, "peak_mb": peak_megabytes(), **_judged(plain, answer)})

    answer = _SOLVERS[task.side](plain, _Trial(task, Notes(), say_so_far))
    return {**known, **_judged(plain, answer)}


def _size(plain: _Plain) -> Facts:
    rows = plain.rows()
    return {
        "placements": plain.columns.count,
        "variables": plain.variables.count,
        "rows": sum(len(block.upper) for block in rows),
        "nonzeros": sum(len(block.terms.variable) for block in rows),
    }


def _judged(plain: _Plain, answer: _Answer) -> Facts:
    """Believe nothing that whole numbers do not confirm."""
    lots = None if answer.values is None else plain.variables.lots_of(answer.values)
    is_sound = lots is not None and holds(plain.model, lots)
    is_broken = lots is not None and not is_sound
    claimed = answer.claimed_value
    value = None if lots is not None or claimed is None else round(claimed)
    if lots is not None and is_sound:
        value = int((plain.columns.value * lots).sum())
    return {
        "value": value,
        "bound": _whole_bound(answer.bound),
        "seconds": round(answer.seconds, 3),
        "status": f"{answer.status}, breaks a row" if is_broken else answer.status,
    }


def _whole_bound(bound: float) -> int | None:
    """Round a bound down to whole points, but never below what it may mean."""
    return math.floor(bound + 1e-6 + abs(bound) * 1e-9) if math.isfinite(bound) else None


def holds(model: Model, lots: Whole) -> bool:
    """Check lots per placement against every row of the plain model in whole numbers."""
    columns, chosen = model.columns, lots > 0
    if (lots[chosen] < columns.min_lots[chosen]).any() or (lots > columns.max_lots).any():
        return False
    return bool((lots >= 0).all()) and all(_block_holds(block, lots) for block in model.blocks)


def _block_holds(block: Block, lots: Whole) -> bool:
    terms = lots if block.of_lots else (lots > 0).astype(np.int64)
    used = np.zeros(len(block.upper), np.int64)
    np.add.at(used, block.row, block.coefficient * terms[block.column])
    return bool((used <= block.upper).all())


# --- HiGHS and SCIP through MathOpt ------------------------------------------------------------


def _ask_highs(plain: _Plain, trial: _Trial) -> _Answer:
    """Ask HiGHS, which tells nothing on its way and keeps its limit well."""
    program = mixed_integer_program(plain.model, plain.variables)
    return _ask_mathopt(program, trial, mathopt.SolverType.HIGHS)


def _ask_scip(plain: _Plain, trial: _Trial) -> _Answer:
    """Ask SCIP and read its log, which changes nothing; to be called back would change its path."""
    program = mixed_integer_program(plain.model, plain.variables)
    return _ask_mathopt(program, trial, mathopt.SolverType.GSCIP, trial.notes.read_log)


def _rounded(values: list[float]) -> Whole:
    rounded: Whole = np.rint(np.array(values)).astype(np.int64)
    return rounded


def _ask_mathopt(
    program: mathopt.Model,
    trial: _Trial,
    solver: mathopt.SolverType,
    read_log: Callable[[Sequence[str]], None] | None = None,
) -> _Answer:
    parameters = mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=trial.task.limit_seconds),
        random_seed=trial.task.seed,
        relative_gap_tolerance=0.0,
        absolute_gap_tolerance=0.0,
    )
    began = time.monotonic()
    with trial.limited():
        result = mathopt.solve(program, solver, params=parameters, msg_cb=read_log)
    seconds = time.monotonic() - began
    values = None
    if result.has_primal_feasible_solution():
        values = _rounded(result.variable_values(list(program.variables())))
    bound = result.termination.objective_bounds.dual_bound
    return _Answer(values, bound, result.termination.reason.name.lower(), seconds)


# --- CP-SAT ------------------------------------------------------------------------------------


def _ask_cpsat_2(plain: _Plain, trial: _Trial) -> _Answer:
    return _ask_cpsat(plain, trial, 2)


def _ask_cpsat_8(plain: _Plain, trial: _Trial) -> _Answer:
    return _ask_cpsat(plain, trial, 8)


class _Listener(cp_model.CpSolverSolutionCallback):
    """Hears of every better outcome that CP-SAT finds."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes

    def on_solution_callback(self) -> None:
        """Note the outcome."""
        told = np.array(self.response_proto.solution, np.int64)
        self._notes.take(told, self.best_objective_bound)


def _ask_cpsat(plain: _Plain, trial: _Trial, workers: int) -> _Answer:
    model = _cpsat_model(plain)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = trial.task.limit_seconds
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = trial.task.seed
    began = time.monotonic()
    with trial.limited():
        status = solver.solve(model, _Listener(trial.notes))
    seconds = time.monotonic() - began
    is_found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    values = np.array(solver.response_proto.solution, np.int64) if is_found else None
    bound = solver.best_objective_bound if is_found else math.inf
    return _Answer(values, bound, solver.status_name(status).lower(), seconds)


def _cpsat_model(plain: _Plain) -> cp_model.CpModel:
    model, columns = cp_model.CpModel(), plain.columns
    variables = [model.new_int_var(0, upper, "") for upper in plain.variables.upper.tolist()]
    for rows in plain.rows():
        _add_rows(model, variables, rows)
    objective = plain.variables.objective(columns.value)
    chosen = [variables[n] for n in objective.variable.tolist()]
    model.maximize(cp_model.LinearExpr.weighted_sum(chosen, objective.coefficient.tolist()))
    return model


def _add_rows(model: cp_model.CpModel, variables: list[cp_model.IntVar], rows: Rows) -> None:
    order = np.argsort(rows.row, kind="stable")
    ends = np.searchsorted(rows.row[order], np.arange(len(rows.upper) + 1)).tolist()
    terms = rows.terms.variable[order].tolist(), rows.terms.coefficient[order].tolist()
    for n, upper in enumerate(rows.upper.tolist()):
        part = slice(ends[n], ends[n + 1])
        chosen = [variables[v] for v in terms[0][part]]
        model.add(cp_model.LinearExpr.weighted_sum(chosen, terms[1][part]) <= upper)


_SOLVERS: dict[str, _Solve] = {
    "highs": _ask_highs,
    "scip": _ask_scip,
    "cp-sat-2": _ask_cpsat_2,
    "cp-sat-8": _ask_cpsat_8,
}
