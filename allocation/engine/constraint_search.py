"""CP-SAT: exact whole numbers, however large. Importing this module costs half a second.

Interleaved search makes several workers deterministic; the limit is CP-SAT's deterministic time,
the wall clock only a last guard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from allocation.columns import Whole
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.variables import Rows, Terms

DETERMINISTIC_RATIO = 0.6
"""Units of deterministic time per second of work on a usual machine."""


def ask_cpsat(question: Question, effort: Effort) -> Answer:
    """Search for the best outcome and a bound, until proven, the limit or the deadline.

    The start must be feasible: CP-SAT 9.15 can end the process on a hint that is not, when several
    workers are interleaved (OR-Tools issue 5025).
    """
    written = _write(question)
    solver = _solver(effort)
    status = solver.solve(written.model)
    lots = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        values = np.array(solver.response_proto.solution, np.int64)
        lots = question.variables.lots_of(values[: question.variables.count])
    has_bound = lots is not None and question.objective is not None
    is_proven = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
    return Answer(
        lots=lots,
        bound=round(solver.best_objective_bound) if has_bound else None,
        is_proven=is_proven,
        stopped_by_clock=not is_proven and effort.deadline.seconds_left() <= 0,
        failure="The model is not valid." if status == cp_model.MODEL_INVALID else "",
    )


def _solver(effort: Effort) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.05, effort.deadline.seconds_left())
    if effort.work_seconds is not None:
        solver.parameters.max_deterministic_time = effort.work_seconds * DETERMINISTIC_RATIO
    solver.parameters.num_workers = max(2, effort.workers)
    solver.parameters.interleave_search = True
    solver.parameters.random_seed = effort.seed % 2**31
    # The flaw of issue 5293 lies in this step of the presolve: large sums wrap, rows are enforced
    # that should not be, and a wrong optimum is certified.
    solver.parameters.presolve_inclusion_work_limit = 0
    return solver


@dataclass(frozen=True)
class _Written:
    """A CP-SAT model with its variables in the order of `Variables`."""

    model: cp_model.CpModel
    variables: list[cp_model.IntVar]

    def sum_of(self, terms: Terms) -> cp_model.LinearExprT:
        """Return Σ coefficient × variable."""
        chosen = [self.variables[n] for n in terms.variable.tolist()]
        return cp_model.LinearExpr.weighted_sum(chosen, terms.coefficient.tolist())

    def require(self, terms: Terms, least: int) -> None:
        """Keep only what reaches a sum."""
        self.model.add(self.sum_of(terms) >= least)


def _write(question: Question) -> _Written:
    """Write the rows of C1 to C5, then what narrows the question, then the objective."""
    model, variables = question.model, question.variables
    cp = cp_model.CpModel()
    most = variables.upper.tolist()
    written = _Written(cp, [cp.new_int_var(0, upper, "") for upper in most])
    for rows in (*map(variables.rows_of, model.blocks), variables.add_lots_ranges()):
        _add_rows(written, rows)
    _narrow(written, question)
    _set_objective(written, question)
    if question.start is not None:
        start = variables.values_of(question.start).tolist()
        for variable, value in zip(written.variables, start, strict=False):
            cp.add_hint(variable, value)
    return written


def _set_objective(written: _Written, question: Question) -> None:
    """Maximise the objective; one more half of a point for any placement that is wanted."""
    if question.objective is None:
        return
    chosen = [written.variables[n] for n in question.objective.variable.tolist()]
    coefficients = (question.objective.coefficient * question.scale).tolist()
    if question.wanted is not None:
        has_wanted = written.model.new_bool_var("")
        wanted = [written.variables[n] for n in question.wanted_choices()]
        written.model.add(has_wanted <= cp_model.LinearExpr.sum(wanted))
        chosen, coefficients = [*chosen, has_wanted], [*coefficients, 1]
    written.model.maximize(cp_model.LinearExpr.weighted_sum(chosen, coefficients))


def _add_rows(written: _Written, rows: Rows) -> None:
    ends = np.searchsorted(rows.row, np.arange(len(rows.upper) + 1)).tolist()
    for n, upper in enumerate(rows.upper.tolist()):
        part = slice(ends[n], ends[n + 1])
        terms = Terms(rows.terms.variable[part], rows.terms.coefficient[part])
        written.model.add(written.sum_of(terms) <= upper)


def _narrow(written: _Written, question: Question) -> None:
    for n in question.closed_choices():
        written.model.add(written.variables[n] == 0)
    for terms, least in question.requirements:
        written.require(terms, least)
    for known in question.known_choices:
        written.require(*question.other_choice(known))
    if question.known_lots is not None:
        _require_other_lots(written, question, question.known_lots)


def _require_other_lots(written: _Written, question: Question, known: Whole) -> None:
    """Keep only outcomes in which some award has more or fewer lots than a known one."""
    cp, columns, variables = written.model, question.model.columns, question.variables
    is_same = (variables.values_of(known)[: len(variables.choice)] > 0) & (variables.size > 0)
    differs = [~written.variables[n] for n in np.flatnonzero(is_same).tolist()]
    for place, k in enumerate(variables.varying.tolist()):
        if not known[k]:
            continue
        amount = written.variables[len(variables.choice) + place]
        held, most = int(known[k]), int(columns.max_lots[k])
        more, fewer = cp.new_bool_var(""), cp.new_bool_var("")
        cp.add(amount >= (held + 1) * more)
        cp.add(amount <= most - (most - held + 1) * fewer)
        differs.extend([more, fewer])
    cp.add(sum(differs) >= 1)
