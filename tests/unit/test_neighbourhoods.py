"""Parts of a round are rounds of their own: never worse, never more than there is."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.certificate import certify
from allocation.columns import build_columns
from allocation.engine import rounding
from allocation.engine.neighbourhoods import (
    NeighbourhoodSearch,
    begin_search,
    solve_core,
    solve_part,
)
from allocation.engine.parts import part_of
from allocation.engine.question import Effort
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.search import Deadline
from allocation.model import build
from allocation.problem import Problem
from tests.reference import best_outcome
from tests.rounds import invented_round
from tests.strategies import problems


def effort(seconds: float, seed: int = 0) -> Effort:
    return Effort(seed, 2, Deadline(time.monotonic, time.monotonic() + seconds))


@settings(deadline=None, max_examples=60)
@given(problems(max_bids=6))
def test_a_part_that_is_everything_has_the_best_outcome_of_the_round(problem: Problem) -> None:
    columns = build_columns(problem)
    nothing = np.zeros(columns.count, np.int64)
    everything = np.ones(columns.count, np.bool_)
    decided = solve_part(columns, everything, nothing, effort(30)).lots
    assert rounding.is_feasible(columns, decided)
    assert rounding.value_of(columns, decided) == best_outcome(problem).value


@settings(deadline=None, max_examples=60)
@given(problems(max_bids=6), st.data())
def test_freeing_some_bids_keeps_the_others_and_is_never_worse(
    problem: Problem, data: st.DataObject
) -> None:
    columns = build_columns(problem)
    lots = rounding.serve(columns, range(columns.count))
    bids = data.draw(st.sets(st.sampled_from(range(len(problem.bids) or 1))))
    freed = np.isin(columns.bid, list(bids))
    decided = solve_part(columns, freed, lots, effort(30)).lots
    assert rounding.is_feasible(columns, decided)
    assert (decided[~freed] == lots[~freed]).all()
    assert rounding.value_of(columns, decided) >= rounding.value_of(columns, lots)


def test_a_part_has_what_the_other_awards_leave() -> None:
    columns = build_columns(invented_round(1, bid_count=40).problem)
    lots = rounding.serve(columns, range(columns.count))
    freed = columns.bid % 2 == 0
    left = part_of(columns, freed, lots).columns.limits
    kept = np.where(freed, 0, lots)
    used = np.bincount(columns.team, columns.offer * kept, len(left.credits))
    assert (left.credits + used == columns.limits.credits).all()
    assert (left.total_units <= columns.limits.total_units).all()
    assert (left.total_units >= 0).all()


def a_search(seed: int, bid_count: int, work_seconds: float) -> NeighbourhoodSearch:
    columns = build_columns(invented_round(seed, bid_count=bid_count).problem)
    relaxed = solve_relaxation(build(columns), effort(30).deadline)
    assert relaxed is not None
    bound = certify(columns, relaxed.duals, relaxed.value)
    first = rounding.serve(columns, range(columns.count))
    return begin_search(columns, first, bound, seed, work_seconds)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_search_finds_better_and_better_outcomes(seed: int) -> None:
    search = a_search(seed, bid_count=200, work_seconds=0.5)
    found = [search.lots]
    while not search.is_over:
        search.step(effort(30))
        found.append(search.lots)
    values = [rounding.value_of(search.columns, lots) for lots in found]
    assert all(rounding.is_feasible(search.columns, lots) for lots in found)
    assert all(worse <= better for worse, better in itertools.pairwise(values))
    assert values[0] < values[-1]


def test_the_core_is_decided_at_once_and_feasible() -> None:
    columns = build_columns(invented_round(1, bid_count=100).problem)
    relaxed = solve_relaxation(build(columns), effort(30).deadline)
    assert relaxed is not None
    decided = solve_core(columns, relaxed.fraction, effort(5))
    assert rounding.is_feasible(columns, decided.lots)
    assert 0 < rounding.value_of(columns, decided.lots) <= relaxed.value


def test_the_same_seed_and_work_give_the_same_outcome_whatever_the_clock_says() -> None:
    def found(seconds: float) -> list[int]:
        search = a_search(3, bid_count=120, work_seconds=60)
        for _ in range(10):
            assert not search.step(effort(seconds)).stopped_by_clock
        lots: list[int] = search.lots.tolist()
        return lots

    assert found(60) == found(120)


@settings(deadline=None, max_examples=20)
@given(problems(max_bids=6))
def test_a_neighbourhood_that_is_everything_bounds_the_round(problem: Problem) -> None:
    columns = build_columns(problem)
    relaxed = solve_relaxation(build(columns), effort(30).deadline)
    assert relaxed is not None
    bound = certify(columns, relaxed.duals, relaxed.value)
    search = begin_search(columns, np.zeros(columns.count, np.int64), bound, 0, 1.0)
    while search.bound is None and columns.count and not search.is_over:
        search.step(effort(30))
    assert search.bound is None or search.bound == best_outcome(problem).value
