"""A proof beside the search: the same as if it were asked alone, and it ends when it is told to."""

from __future__ import annotations

import time

import numpy as np
import pytest

from allocation.columns import build_columns
from allocation.engine import branch_and_bound, rounding
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.prover import Prover
from allocation.engine.question import Effort, Question
from allocation.engine.search import Deadline
from allocation.engine.variables import lay_out
from allocation.model import build
from allocation.problem import Problem
from bench.generator import default_shape, generate
from tests.rounds import invented_round


def question(problem: Problem) -> Question:
    model = build(build_columns(problem))
    variables = lay_out(model)
    objective = variables.objective(model.columns.value)
    start = rounding.serve(model.columns, range(model.columns.count))
    every = np.ones(model.columns.count, np.bool_)
    return Question(model, variables, objective, start, every)


def effort(seconds: float) -> Effort:
    return Effort(0, 2, Deadline(time.monotonic, time.monotonic() + seconds))


@pytest.mark.parametrize("fewest_cut_hard", [0, 800])
def test_what_is_proven_beside_is_what_is_proven_alone(
    fewest_cut_hard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branch_and_bound, "FEWEST_CUT_HARD", fewest_cut_hard)
    asked = question(invented_round(2, bid_count=25).problem)
    prover = Prover()
    assert not prover.is_asked
    prover.ask(asked, effort(30))
    assert prover.is_asked
    taken = prover.take(30)
    assert taken is not None
    _, answer = taken
    alone = ask_highs(asked, effort(30))
    assert answer.is_proven
    assert alone.is_proven
    assert answer.bound == alone.bound
    assert not prover.is_asked


def test_a_proof_ends_when_it_is_told_to_and_says_what_it_knows() -> None:
    asked = question(generate(default_shape("coarse", 500), 1))
    prover = Prover()
    prover.ask(asked, effort(60))
    prover.stop()
    began = time.monotonic()
    taken = prover.take(30)
    assert time.monotonic() - began < 25
    assert taken is not None
    assert not taken[1].is_proven


def test_nothing_is_taken_where_nothing_was_asked() -> None:
    assert Prover().take(0) is None


def test_something_wanted_decides_between_equals_only() -> None:
    asked = question(invented_round(4, bid_count=20).problem)
    best = ask_highs(asked, effort(30))
    assert best.lots is not None
    columns = asked.model.columns
    served = np.isin(columns.bid, columns.bid[best.lots > 0])
    for wanted in (~served, served):
        answer = ask_highs(asked.wanting(wanted), effort(30))
        assert answer.lots is not None
        assert rounding.value_of(columns, answer.lots) == best.bound
        has_wanted = bool((answer.lots > 0)[wanted].any())
        assert answer.bound == 2 * (best.bound or 0) + has_wanted
