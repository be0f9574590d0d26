"""Branch and bound by HiGHS: strong where the LP is tight."""

from __future__ import annotations

import datetime as dt

import numpy as np
from ortools.math_opt.python import mathopt

from allocation.engine.mathopt_models import mixed_integer_program
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.search import safe_floor
from allocation.engine.variables import Terms


def ask_highs(question: Question, effort: Effort) -> Answer:
    """Search for the best outcome and a bound, until proven or the deadline."""
    program = mixed_integer_program(question.model, question.variables)
    variables = list(program.variables())
    _narrow(program, variables, question)
    program.maximize(_sum(variables, question.objective) if question.objective else 0.0)
    start = mathopt.ModelSolveParameters(solution_hints=_hints(variables, question))
    try:
        result = mathopt.solve(
            program, mathopt.SolverType.HIGHS, params=_parameters(effort), model_params=start
        )
    except Exception as error:  # noqa: BLE001  # MathOpt raises what comes; no answer is one too
        return Answer(None, None, is_proven=False, stopped_by_clock=False, failure=repr(error))
    reason = result.termination.reason
    lots = None
    if result.has_primal_feasible_solution():
        values = np.rint(result.variable_values(variables)).astype(np.int64)
        lots = question.variables.lots_of(values)
    return Answer(
        lots=lots,
        bound=safe_floor(result.termination.objective_bounds.dual_bound),
        is_proven=reason in (mathopt.TerminationReason.OPTIMAL, *INFEASIBLE),
        stopped_by_clock=reason not in (mathopt.TerminationReason.OPTIMAL, *INFEASIBLE),
    )


INFEASIBLE = (
    mathopt.TerminationReason.INFEASIBLE,
    mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED,
)
"""Every variable is bounded, so that the second can only mean the first."""


def _parameters(effort: Effort) -> mathopt.SolveParameters:
    parameters = mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=max(0.05, effort.deadline.seconds_left())),
        node_limit=effort.most_nodes,
        random_seed=effort.seed % 2**31,
        relative_gap_tolerance=0.0,
        absolute_gap_tolerance=0.0,
    )
    parameters.highs.string_options["parallel"] = "off"
    return parameters


def _hints(variables: list[mathopt.Variable], question: Question) -> list[mathopt.SolutionHint]:
    """Hand over the start, so that the search for better outcomes begins near it."""
    if question.start is None:
        return []
    values = question.variables.values_of(question.start).astype(float).tolist()
    return [mathopt.SolutionHint(variable_values=dict(zip(variables, values, strict=True)))]


def _narrow(program: mathopt.Model, variables: list[mathopt.Variable], question: Question) -> None:
    for k in question.closed_placements():
        variables[k].upper_bound = 0.0
    for terms, least in question.requirements:
        program.add_linear_constraint(_sum(variables, terms) >= least)
    for known in question.known_choices:
        terms, least = question.other_choice(known)
        program.add_linear_constraint(_sum(variables, terms) >= least)


def _sum(variables: list[mathopt.Variable], terms: Terms) -> mathopt.LinearExpression:
    pairs = zip(terms.variable.tolist(), terms.coefficient.tolist(), strict=True)
    return mathopt.fast_sum([float(c) * variables[n] for n, c in pairs if c])
