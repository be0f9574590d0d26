"""Diving decides a part of a round by relaxations alone: it fits, and leaves nothing that fits."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.columns import Columns, Whole, build_columns
from allocation.engine import rounding
from allocation.engine.diving import dive
from allocation.engine.parts import part_of
from allocation.engine.question import Effort
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.search import Deadline
from allocation.model import build
from allocation.problem import Problem
from tests.rounds import invented_round
from tests.strategies import problems


def effort(seconds: float) -> Effort:
    return Effort(0, 1, Deadline(time.monotonic, time.monotonic() + seconds))


def everything(columns: Columns) -> tuple[np.ndarray, Whole]:
    return np.ones(columns.count, np.bool_), np.zeros(columns.count, np.int64)


@settings(deadline=None, max_examples=80)
@given(problems(max_bids=6), st.data())
def test_diving_fits_and_keeps_what_the_other_bids_have(
    problem: Problem, data: st.DataObject
) -> None:
    columns = build_columns(problem)
    lots = rounding.serve(columns, range(columns.count))
    bids = data.draw(st.sets(st.sampled_from(range(len(problem.bids) or 1))))
    freed = np.isin(columns.bid, list(bids))
    decided = dive(columns, freed, lots, effort(30)).lots
    assert (decided[~freed] == lots[~freed]).all()
    assert rounding.left_of(columns, decided).total_units.min(initial=0) >= 0
    if not problem.floor_ratio:
        assert rounding.is_feasible(columns, decided)


@settings(deadline=None, max_examples=60)
@given(problems(max_bids=6))
def test_after_diving_no_bid_without_an_award_fits(problem: Problem) -> None:
    columns = build_columns(problem)
    every, nothing = everything(columns)
    decided = dive(columns, every, nothing, effort(30)).lots
    unserved = ~np.isin(columns.bid, columns.bid[decided > 0])
    assert not part_of(columns, unserved, decided).columns.count


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_diving_finds_more_than_serving_in_the_order_of_bids(seed: int) -> None:
    columns = build_columns(invented_round(seed, bid_count=120).problem)
    relaxed = solve_relaxation(build(columns), effort(30).deadline)
    assert relaxed is not None
    every, nothing = everything(columns)
    in_order = rounding.value_of(columns, rounding.serve(columns, range(columns.count)))
    for fraction in (None, relaxed.fraction):
        decided = dive(columns, every, nothing, effort(30), fraction)
        assert in_order < rounding.value_of(columns, decided.lots) <= relaxed.value
        assert decided.answer.work_seconds > 0


def test_diving_ends_at_its_deadline_with_what_it_has() -> None:
    columns = build_columns(invented_round(4, bid_count=120).problem)
    every, nothing = everything(columns)
    decided = dive(columns, every, nothing, effort(0))
    assert rounding.is_feasible(columns, decided.lots)
    assert decided.answer.stopped_by_clock
