"""The relaxation bounds every round, and its rounded prices prove almost the same."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from allocation.certificate import Duals, certify
from allocation.columns import build_columns
from allocation.engine import rounding
from allocation.engine.price_search import _dual, search_prices
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.search import Deadline
from allocation.model import build
from allocation.problem import Problem
from tests.builders import a_bid, a_problem, an_alternative, an_item
from tests.reference import best_outcome
from tests.rounds import invented_round
from tests.strategies import problems

LAWS = settings(deadline=None, max_examples=150)


def soon(seconds: float = 60) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds)


def with_units(problem: Problem, factor: int) -> Problem:
    """Count units in smaller ones: nothing is worth more or less for it."""
    return replace(
        problem,
        capacity=tuple(
            replace(
                row,
                reserved_units=row.reserved_units * factor,
                spot_units=row.spot_units * factor,
            )
            for row in problem.capacity
        ),
        commitments=(),
        bids=tuple(
            replace(
                bid,
                alternatives=tuple(
                    replace(
                        a,
                        items=tuple(
                            replace(i, units_per_lot=i.units_per_lot * factor) for i in a.items
                        ),
                    )
                    for a in bid.alternatives
                ),
            )
            for bid in problem.bids
        ),
    )


@LAWS
@given(problems(), st.sampled_from([1, 1, 10**3, 10**7]))
def test_the_certificate_stays_within_a_thousandth_of_the_relaxation(
    problem: Problem, factor: int
) -> None:
    problem = with_units(problem, factor)
    columns = build_columns(problem)
    relaxed = solve_relaxation(build(columns), soon())
    assert relaxed is not None
    bound = certify(columns, relaxed.duals, relaxed.value)
    assert bound.value <= relaxed.value * 1.001 + 1
    assert bound.scaled >= relaxed.value * bound.certificate.scale * (1 - 1e-9)


@LAWS
@given(problems(max_bids=6))
def test_the_relaxation_is_worth_at_least_the_best_outcome(problem: Problem) -> None:
    relaxed = solve_relaxation(build(build_columns(problem)), soon())
    assert relaxed is not None
    assert relaxed.value >= best_outcome(problem).value - 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_prices_found_without_an_lp_prove_a_bound_close_to_it(seed: int) -> None:
    columns = build_columns(invented_round(seed, bid_count=150).problem)
    model = build(columns)
    relaxed = solve_relaxation(model, soon())
    assert relaxed is not None
    bound = certify(columns, search_prices(model), None)
    assert relaxed.value - 1 <= bound.value <= relaxed.value * 1.005


@LAWS
@given(problems(), st.integers(0, 2**32 - 1))
@example(a_problem(a_bid("a", an_alternative(an_item(days=2), an_item()))), 1)
def test_the_search_for_prices_counts_what_the_certificate_counts(
    problem: Problem, seed: int
) -> None:
    model = build(build_columns(problem))
    columns = model.columns
    assume(columns.count)
    dual = _dual(model)
    prices = np.random.default_rng(seed).integers(0, 200, len(dual.limits)) / 64
    bound, left = dual.answer(prices)
    exact = certify(columns, Duals(*np.split(prices, [dual.cells, 2 * dual.cells])), None)
    assert bound * exact.certificate.scale == exact.scaled
    lots = np.zeros(columns.count, np.int64)
    for first, placements in enumerate(np.split(np.arange(columns.count), dual.first[1:])):
        best = placements[np.argmax(exact.gain[placements])]
        lots[best] = columns.max_lots[best] * (exact.gain[best] > 0)
        assert dual.bid[placements].tolist() == [first] * len(placements)
    rest = rounding.left_of(columns, lots)
    exactly = np.concatenate([rest.reserved_units, rest.total_units, rest.credits])
    assert left.tolist() == exactly.tolist()


def test_a_relaxation_that_is_stopped_has_no_answer() -> None:
    columns = build_columns(invented_round(1, bid_count=2_000).problem)
    assert solve_relaxation(build(columns), soon(0)) is None


def test_a_round_without_bids_is_worth_nothing() -> None:
    columns = build_columns(a_problem())
    relaxed = solve_relaxation(build(columns), soon())
    assert relaxed is not None
    assert certify(columns, relaxed.duals, relaxed.value).value == 0
