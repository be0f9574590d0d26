"""Statuses of solvers that never come on good days: no answer claims more than it may.

Most are provoked: no time, no nodes, sums that cannot be reached, numbers beyond a solver's range.
Only what cannot be provoked is played, at the solver's border.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

from allocation.columns import build_columns
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.constraint_search import ask_cpsat
from allocation.engine.portfolio import allocate
from allocation.engine.question import Ask, Effort, Question
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.search import Deadline
from allocation.engine.variables import Terms, lay_out
from allocation.judge import check_outcome
from allocation.model import build
from allocation.options import Options
from allocation.outcome import Outcome, Status
from allocation.problem import Problem
from tests.rounds import invented_round

EASY = invented_round(seed=3, bid_count=12).problem
HARD = invented_round(seed=7, bid_count=60).problem
BOTH = pytest.mark.parametrize("ask", [ask_highs, ask_cpsat])


def a_question(problem: Problem = HARD) -> Question:
    model = build(build_columns(problem))
    variables = lay_out(model)
    objective = variables.objective(model.columns.value)
    nothing = np.zeros(model.columns.count, np.int64)
    every = np.ones(model.columns.count, np.bool_)
    return Question(model, variables, objective, nothing, every)


def effort(seconds: float = 10, most_nodes: int | None = None) -> Effort:
    return Effort(0, 2, Deadline(time.monotonic, time.monotonic() + seconds), most_nodes)


@BOTH
def test_without_time_nothing_is_proven_and_what_is_found_is_an_outcome(ask: Ask) -> None:
    question = a_question()
    answer = ask(question, effort(seconds=0))
    assert not answer.is_proven
    assert answer.stopped_by_clock
    assert answer.lots is None or question.accepts(answer.lots)


def test_without_nodes_branch_and_bound_proves_nothing() -> None:
    assert not ask_highs(a_question(), effort(most_nodes=0)).is_proven


@BOTH
def test_a_sum_that_cannot_be_reached_is_proven_to_have_no_outcome(ask: Ask) -> None:
    question = a_question()
    one = Terms(np.array([0]), np.array([1]))
    answer = ask(question.requiring(one, 2), effort())
    assert (answer.lots, answer.is_proven, answer.failure) == (None, True, "")


def test_numbers_beyond_the_range_of_cp_sat_are_no_answer_and_say_so() -> None:
    huge = Terms(np.array([0, 1, 2]), np.full(3, 2**62))
    answer = ask_cpsat(a_question().requiring(huge, 1), effort())
    assert (answer.lots, answer.bound, answer.is_proven) == (None, None, False)
    assert "not valid" in answer.failure


def break_mathopt(*_: object, **__: object) -> mathopt.SolveResult:
    raise RuntimeError("the solver broke down")


def test_a_solver_that_raises_is_no_answer_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mathopt, "solve", break_mathopt)
    answer = ask_highs(a_question(), effort())
    assert (answer.lots, answer.bound, answer.is_proven) == (None, None, False)
    assert "the solver broke down" in answer.failure


def test_a_relaxation_that_raises_or_has_no_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(build_columns(HARD))
    assert solve_relaxation(model, effort(seconds=0).deadline) is None
    monkeypatch.setattr(mathopt, "solve", break_mathopt)
    assert solve_relaxation(model, effort().deadline) is None


# --- the whole engine ----------------------------------------------------------------------


def allocated(problem: Problem, seconds: float = 5) -> Outcome:
    options = Options(time_limit_seconds=seconds)
    return allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)


def assert_labelled(problem: Problem, outcome: Outcome) -> None:
    assert check_outcome(problem, outcome) == ()
    assert outcome.report.value >= outcome.report.baselines.density_greedy
    assert (outcome.report.status is Status.OPTIMAL) == (
        outcome.report.value == outcome.report.bound
    )


def test_the_engine_does_without_mathopt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mathopt, "solve", break_mathopt)
    outcome = allocated(HARD, seconds=3)
    assert_labelled(HARD, outcome)
    assert "GLOP" not in outcome.report.solver["names"]
    assert any("the solver broke down" in f for f in outcome.report.solver["failures"])


@pytest.mark.parametrize("problem", [EASY, HARD], ids=["easy", "hard"])
@pytest.mark.parametrize("status", [cp_model.UNKNOWN, cp_model.MODEL_INVALID, cp_model.INFEASIBLE])
def test_the_engine_believes_no_absurd_status(
    monkeypatch: pytest.MonkeyPatch, status: Any, problem: Problem
) -> None:
    """That nothing is feasible is absurd: there is an outcome already."""
    monkeypatch.setattr(cp_model.CpSolver, "solve", lambda *_: status)
    outcome = allocated(problem, seconds=2)
    assert_labelled(problem, outcome)
    assert "CP-SAT" not in outcome.report.solver["names"]


def test_the_best_outcome_is_kept_before_cp_sat_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Outcome] = []

    def die(*_: object) -> cp_model.CpSolverStatus:
        raise MemoryError

    monkeypatch.setattr(cp_model.CpSolver, "solve", die)
    with pytest.raises(MemoryError):
        allocate(HARD, Options(5.0), time.monotonic, lambda _: None, kept.append)
    values = [outcome.report.value for outcome in kept]
    assert len(values) > 1
    assert values[0] < values[-1]
    assert all(check_outcome(HARD, outcome) == () for outcome in kept)
