"""Times of solvers, stages that are left out, and solvers that do not end in time."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortools.math_opt.python import mathopt

from allocation.engine import constraint_search, finding, portfolio, rounding, settling
from allocation.engine.draws import Draws
from allocation.problem import Problem
from bench import ablations
from bench.generator import Shape, generate
from bench.ours import measure_ours
from bench.overtime import Notes, most_seconds
from bench.peers import measure_peer
from bench.processes import measure
from bench.solver_seconds import SolverCalls, union_seconds, watched_solvers
from bench.tasks import ABLATIONS, SOLVERS, RoundSource, Task
from broker.solving import ONE_THREAD

SHAPE = Shape("granular", 40, 4, 5, 4)
SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=8)


def a_task(side: str, limit_seconds: float = 0.3) -> Task:
    return Task(RoundSource("granular-40-1", SHAPE, 1), side, limit_seconds)


def a_problem() -> Problem:
    return generate(SHAPE, 1)


# --- seconds outside the solvers ---------------------------------------------------------------


@given(SPANS)
def test_two_solvers_at_once_count_once(spans: list[tuple[int, int]]) -> None:
    covered = {second for began, length in spans for second in range(began, began + length)}
    together = union_seconds([(began, began + length) for began, length in spans])
    assert together == len(covered)


def test_only_what_lies_between_two_moments_counts() -> None:
    calls = SolverCalls(time.monotonic, [(0.0, 4.0), (6.0, 9.0)])
    assert calls.seconds_between(3.0, 7.0) == 2.0


def test_every_call_of_a_solver_is_noted_and_none_afterwards() -> None:
    plain = mathopt.solve
    model = mathopt.Model()
    model.maximize(model.add_variable(lb=0, ub=1))
    with watched_solvers() as calls:
        mathopt.solve(model, mathopt.SolverType.GLOP)
        assert len(calls.finished) == 1
    assert mathopt.solve is plain


def test_seconds_inside_and_outside_the_solvers_are_told_of_a_run() -> None:
    facts = measure_ours(a_problem(), a_task("engine"), lambda _: None)
    assert 0 < facts["solver_seconds"] < facts["seconds"]
    assert facts["writing_seconds"] >= 0


# --- stages left out ---------------------------------------------------------------------------


def test_every_stage_that_is_named_can_be_left_out() -> None:
    assert set(ABLATIONS) == set(ablations.STAGES)


@pytest.mark.parametrize("side", ABLATIONS)
def test_without_any_one_stage_the_outcome_still_passes_the_judge(side: str) -> None:
    facts = measure_ours(a_problem(), a_task(side), lambda _: None)
    assert not facts["status"].startswith("refused")
    assert facts["is_feasible"]


def test_a_stage_that_is_left_out_is_back_afterwards() -> None:
    before = {name: vars(m).copy() for name, m in engine_modules()}
    kinds = vars(Draws)["kinds"]
    for side in ABLATIONS:
        with ablations.left_out(side):
            pass
    assert {name: vars(m) for name, m in engine_modules()} == before
    assert vars(Draws)["kinds"] is kinds
    assert portfolio.break_ties is settling.break_ties


def engine_modules() -> list[tuple[str, object]]:
    named = [(n, m) for n, m in sys.modules.items() if n.startswith("allocation.engine")]
    return sorted(named, key=lambda pair: pair[0])


def test_what_is_left_out_finds_nothing_wherever_the_engine_holds_it() -> None:
    kept = finding.branch_and_bound
    with ablations.left_out("without-cp-sat"):
        assert constraint_search.ask_cpsat(*[None] * 2) is ablations.NOTHING  # type: ignore[arg-type]  # unread
    with ablations.left_out("without-branch-and-bound"):
        assert finding.branch_and_bound is not kept
    with ablations.left_out("without-shaken-orders"):
        assert not list(rounding.shaken_orders(*[None] * 4))  # type: ignore[arg-type]  # unread


# --- solvers that do not keep their limit --------------------------------------------------------


def test_a_solver_may_take_a_fifth_more_than_its_limit() -> None:
    assert most_seconds(60) == pytest.approx(72)


LATE = """
import sys, time
from bench.overtime import hard_limit
with hard_limit(0.2, lambda: print("so far", flush=True)):
    time.sleep(float(sys.argv[1]))
print("done")
"""


@pytest.mark.parametrize(("sleeps", "says", "code"), [(30, "so far\n", 4), (0, "done\n", 0)])
def test_what_takes_too_long_is_ended_and_told_before(sleeps: int, says: str, code: int) -> None:
    words = [sys.executable, "-c", LATE, str(sleeps)]
    run = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
    assert (run.stdout, run.returncode) == (says, code)


def test_the_log_of_scip_tells_value_and_bound() -> None:
    notes = Notes()
    notes.read_log([" time | node  |  dualbound   | primalbound  |  gap   "])
    notes.read_log([" 0.1s |     1 | 1.500000e+03 |      --      |    Inf "])
    assert (notes.value, notes.bound) == (None, 1500.0)
    notes.read_log(["  0.9s|     1 | 1.348822e+03 | 1.276970e+03 |   5.63%", "presolving:", ""])
    assert (notes.value, notes.bound) == (1276.97, 1348.822)


def test_the_best_bound_that_was_told_stays() -> None:
    notes = Notes()
    notes.take(np.array([1]), 7.0)
    notes.take(np.array([2]), 9.0)
    assert notes.bound == 7.0


@pytest.mark.parametrize("side", SOLVERS)
def test_every_peer_answers_on_the_plain_model(side: str) -> None:
    facts = measure_peer(a_problem(), a_task(side), lambda _: None)
    assert facts["value"] is None or facts["value"] <= facts["bound"]
    assert facts["seconds"] < 10


def test_a_measurement_is_started_with_one_thread_for_linear_algebra_as_the_engine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    says = "import json, os; print(json.dumps({'threads': os.environ['OPENBLAS_NUM_THREADS']}))"
    monkeypatch.setattr("bench.processes.CHILD", (sys.executable, "-c", says))
    assert measure(a_task("engine")) == {"threads": ONE_THREAD["OPENBLAS_NUM_THREADS"]}
