"""Branch and bound by HiGHS and by SCIP: strong where the LP is tight.

HiGHS finds good outcomes fast; SCIP, which can be stopped from outside, is asked for proofs.
"""

from __future__ import annotations

import datetime as dt
from itertools import zip_longest

import numpy as np
from ortools.math_opt.python import mathopt
from ortools.util.python.solve_interrupter import SolveInterrupter

from allocation.engine.mathopt_models import add_cut, mixed_integer_program
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.search import safe_floor
from allocation.engine.variables import Terms

ITERATION_SECONDS = 1.0e-4
ITERATION_ROW_SECONDS = 7e-8
NODE_SECONDS = 2e-3
CALL_SECONDS = 5e-3
"""What a simplex iteration, a row of it, a node and a call cost on a usual machine, about."""
FEWEST_CUT_HARD, MOST_CUT_HARD = 800, 2_500
"""Placements between which SCIP is asked for more cuts: smaller rounds are proven without them in
less time, and what they cost on larger ones was not measured."""


def ask_highs(question: Question, effort: Effort) -> Answer:
    """Search for the best outcome and a bound with HiGHS, until proven or the deadline."""
    parameters = _parameters(effort)
    parameters.highs.string_options["parallel"] = "off"
    return _ask(question, mathopt.SolverType.HIGHS, parameters)


def ask_highs_briefly(question: Question, effort: Effort) -> Answer:
    """Ask about a small part of a round: what HiGHS prepares for long searches does not pay."""
    parameters = _parameters(effort)
    parameters.highs.string_options["parallel"] = "off"
    parameters.highs.string_options["presolve"] = "off"
    parameters.highs.bool_options["mip_detect_symmetry"] = False
    return _ask(question, mathopt.SolverType.HIGHS, parameters)


def ask_scip(
    question: Question, effort: Effort, interrupter: SolveInterrupter | None = None
) -> Answer:
    """Prove with SCIP that nothing is better than the start, until proven, stopped or too late."""
    parameters = _parameters(effort)
    parameters.presolve = mathopt.Emphasis.HIGH
    parameters.heuristics = mathopt.Emphasis.OFF
    if FEWEST_CUT_HARD <= question.model.columns.count <= MOST_CUT_HARD:
        parameters.cuts = mathopt.Emphasis.HIGH
    return _ask(question, mathopt.SolverType.GSCIP, parameters, interrupter)


def ask_scip_plainly(question: Question, effort: Effort) -> Answer:
    """Ask SCIP about a small round that has a good start: cuts and heuristics do not pay."""
    parameters = _parameters(effort)
    parameters.heuristics = mathopt.Emphasis.OFF
    parameters.cuts = mathopt.Emphasis.OFF
    return _ask(question, mathopt.SolverType.GSCIP, parameters)


def _ask(
    question: Question,
    solver: mathopt.SolverType,
    parameters: mathopt.SolveParameters,
    interrupter: SolveInterrupter | None = None,
) -> Answer:
    program = mixed_integer_program(question.model, question.variables)
    variables = list(program.variables())
    _narrow(program, variables, question)
    _set_objective(program, variables, question)
    start = mathopt.ModelSolveParameters(solution_hints=_hints(program, question))
    try:
        result = mathopt.solve(
            program, solver, params=parameters, model_params=start, interrupter=interrupter
        )
    except Exception as error:  # noqa: BLE001  # MathOpt raises what comes; no answer is one too
        return Answer(None, None, is_proven=False, stopped_by_clock=False, failure=repr(error))
    return _answer(question, result, variables, program.get_num_linear_constraints())


def _answer(
    question: Question, result: mathopt.SolveResult, variables: list[mathopt.Variable], rows: int
) -> Answer:
    termination, lots = result.termination, None
    if result.has_primal_feasible_solution():
        values = np.rint(result.variable_values(variables)).astype(np.int64)
        lots = question.variables.lots_of(values)
    is_proven = termination.reason in (mathopt.TerminationReason.OPTIMAL, *INFEASIBLE)
    return Answer(
        lots=lots,
        bound=safe_floor(termination.objective_bounds.dual_bound),
        is_proven=is_proven,
        stopped_by_clock=not is_proven and termination.limit is not mathopt.Limit.NODE,
        work_seconds=_work_seconds(result.solve_stats, rows),
    )


INFEASIBLE = (
    mathopt.TerminationReason.INFEASIBLE,
    mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED,
)
"""Every variable is bounded, so that the second can only mean the first."""


def _work_seconds(stats: mathopt.SolveStats, rows: int) -> float:
    per_iteration = ITERATION_SECONDS + ITERATION_ROW_SECONDS * rows
    iterations = int(stats.simplex_iterations) * per_iteration
    return CALL_SECONDS + iterations + NODE_SECONDS * max(1, int(stats.node_count))


def _parameters(effort: Effort) -> mathopt.SolveParameters:
    return mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=max(0.05, effort.deadline.seconds_left())),
        node_limit=effort.most_nodes,
        random_seed=effort.seed % 2**31,
        relative_gap_tolerance=0.0,
        absolute_gap_tolerance=0.0,
    )


def _hints(program: mathopt.Model, question: Question) -> list[mathopt.SolutionHint]:
    """Hand over the start, so that the search for better outcomes begins near it."""
    if question.start is None:
        return []
    values = question.variables.values_of(question.start).astype(float).tolist()
    hinted = dict(zip_longest(program.variables(), values, fillvalue=0.0))
    return [mathopt.SolutionHint(variable_values=hinted)]


def _narrow(program: mathopt.Model, variables: list[mathopt.Variable], question: Question) -> None:
    for n in question.closed_choices():
        variables[n].upper_bound = 0.0
    for terms, least in question.requirements:
        program.add_linear_constraint(_sum(variables, terms) >= least)
    for known in question.known_choices:
        terms, least = question.other_choice(known)
        program.add_linear_constraint(_sum(variables, terms) >= least)
    for cut in question.cuts:
        add_cut(program, variables, cut)


def _set_objective(
    program: mathopt.Model, variables: list[mathopt.Variable], question: Question
) -> None:
    """Maximise the objective; one more half of a point for any placement that is wanted."""
    if question.objective is None:
        program.maximize(0.0)
        return
    objective = _sum(variables, question.objective) * question.scale
    if question.wanted is not None:
        has_wanted = program.add_binary_variable()
        wanted = [variables[n] for n in question.wanted_choices()]
        program.add_linear_constraint(has_wanted <= mathopt.fast_sum(wanted))
        objective += has_wanted
    program.maximize(objective)


def _sum(variables: list[mathopt.Variable], terms: Terms) -> mathopt.LinearExpression:
    pairs = zip(terms.variable.tolist(), terms.coefficient.tolist(), strict=True)
    return mathopt.fast_sum([float(c) * variables[n] for n, c in pairs if c])
