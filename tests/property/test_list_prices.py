"""The rule for list prices names one price vector, however the relaxation was solved."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.math_opt.python import mathopt

from allocation.certificate import Duals
from allocation.columns import Columns, build_columns
from allocation.engine.list_prices import Priced, settle_prices
from allocation.engine.portfolio import allocate
from allocation.engine.price_face import PriceFace
from allocation.engine.relaxation import NAMED, Algorithm, Relaxation, solve_relaxation
from allocation.engine.search import Deadline
from allocation.engine.smallest_prices import find_smallest
from allocation.model import Model, build
from allocation.options import Options
from allocation.outcome import PriceRule
from allocation.prices import price_list
from allocation.problem import Problem, Tier
from bench.generator import Shape, generate
from tests.builders import a_bid, a_problem, an_alternative, an_item
from tests.rounds import invented_round
from tests.strategies import problems

SIMPLEX, BARRIER = mathopt.LPAlgorithm.DUAL_SIMPLEX, mathopt.LPAlgorithm.BARRIER
ALGORITHMS = {
    "GLOP, primal simplex": Algorithm(mathopt.SolverType.GLOP, mathopt.LPAlgorithm.PRIMAL_SIMPLEX),
    "HiGHS, dual simplex": Algorithm(mathopt.SolverType.HIGHS, SIMPLEX),
    "HiGHS, interior points": Algorithm(mathopt.SolverType.HIGHS, BARRIER),
    "PDLP": Algorithm(mathopt.SolverType.PDLP, None),
}
LAWS = settings(deadline=None, max_examples=60)


def soon(seconds: float = 60) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds)


def solved(model: Model, algorithm: Algorithm = NAMED) -> Relaxation:
    relaxed = solve_relaxation(model, soon(), algorithm)
    assert relaxed is not None
    return relaxed


def priced(model: Model, algorithm: Algorithm = NAMED) -> Priced:
    return settle_prices(model, solved(model, algorithm), soon())


def smallest(model: Model, relaxed: Relaxation) -> Duals:
    """Return the prices of the rule before they are rounded."""
    columns = model.columns
    if not columns.count:
        return relaxed.duals
    face = PriceFace(columns, relaxed.fraction)
    found = find_smallest(face, relaxed.value, lambda: False)
    assert found is not None
    return Duals(*np.split(found, [face.cells, 2 * face.cells]))


def size(columns: Columns, duals: Duals) -> float:
    """Add up capacity × price²."""
    limits = columns.limits
    return float(
        limits.reserved_units @ duals.reserved**2
        + limits.total_units @ duals.total**2
        + limits.credits @ duals.credits**2
    )


def worth(columns: Columns, duals: Duals) -> float:
    """Say what prices prove, before they are rounded."""
    face = PriceFace(columns, np.zeros(columns.count))
    return face.worth(np.concatenate([duals.reserved, duals.total, duals.credits]))


@LAWS
@given(problems(), st.sampled_from(sorted(ALGORITHMS)))
def test_whoever_solves_the_relaxation_the_certificate_is_the_same(
    problem: Problem, name: str
) -> None:
    model = build(build_columns(problem))
    mine, other = priced(model), priced(model, ALGORITHMS[name])
    assert mine.rule is other.rule is PriceRule.SMALLEST
    assert mine.bound.certificate == other.bound.certificate


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("family", ["granular", "coarse", "bundle-heavy"])
def test_rounds_with_whole_classes_of_equal_bids_have_one_price_list(
    family: str, seed: int, name: str
) -> None:
    drawn = generate(Shape(family, 30, 4, 6, 5), seed)
    twins = tuple(replace(bid, key=f"{bid.key}-twin") for bid in drawn.bids)
    problem = replace(drawn, bids=(*drawn.bids, *twins))
    model = build(build_columns(problem))
    mine, other = priced(model), priced(model, ALGORITHMS[name])
    assert mine.rule is other.rule is PriceRule.SMALLEST
    listed = price_list(problem, mine.bound.certificate).prices
    assert listed == price_list(problem, other.bound.certificate).prices


@LAWS
@given(problems(), st.sampled_from(sorted(ALGORITHMS)), st.floats(0, 1))
def test_no_optimal_prices_are_smaller(problem: Problem, name: str, share: float) -> None:
    model = build(build_columns(problem))
    relaxed, other = solved(model), solved(model, ALGORITHMS[name]).duals
    mine = smallest(model, relaxed)
    if worth(model.columns, other) > relaxed.value + 1e-7 * max(1, relaxed.value):
        return  # an algorithm of first order: close to optimal, not optimal
    between = Duals(
        *(
            share * getattr(mine, kind) + (1 - share) * getattr(other, kind)
            for kind in ("reserved", "total", "credits")
        )
    )
    assert size(model.columns, between) >= size(model.columns, mine) * (1 - 1e-5)


@LAWS
@given(problems())
def test_the_bound_is_the_relaxations_optimum_in_whole_points(problem: Problem) -> None:
    model = build(build_columns(problem))
    relaxed = solved(model)
    assert settle_prices(model, relaxed, soon()).bound.value == int(relaxed.value + 1e-6)


@LAWS
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_price(problem: Problem, random: object) -> None:
    parts = {
        name: tuple(random.sample(list(rows), len(rows)))  # type: ignore[attr-defined]  # hypothesis names no type
        for name in ("pools", "capacity", "teams", "bids", "commitments")
        if (rows := getattr(problem, name))
    }
    shuffled = replace(problem, **parts)
    mine, other = (priced(build(build_columns(p))) for p in (problem, shuffled))
    assert mine.bound.certificate == other.bound.certificate


def a_scarce_round(units: int, days: int, offer: int) -> Problem:
    """Two equal bids, spot, for all units of every day: any split of the offer is optimal."""
    wide = an_alternative(
        an_item(units=units, days=days), offer=offer, tier=Tier.SPOT, starts=(0, 0)
    )
    problem = a_problem(a_bid("b1", wide), a_bid("b2", wide), days=days)
    calendar = (replace(r, reserved_units=0, spot_units=units) for r in problem.capacity)
    return replace(problem, capacity=tuple(calendar))


def test_equal_days_cost_the_same() -> None:
    """An offer of 90 for 10 units on each of 3 days: 3 a unit and day, whatever simplex says."""
    problem = a_scarce_round(units=10, days=3, offer=90)
    found = priced(build(build_columns(problem)))
    listed = price_list(problem, found.bound.certificate).prices
    assert [p.list_price_microcredits for p in listed] == [3_000_000] * 3


def test_prices_are_correct_in_every_digit_of_a_float() -> None:
    """One over 7 x 128: what floating-point noise adds would show in the last digits."""
    problem = a_scarce_round(units=128, days=7, offer=1)
    model = build(build_columns(problem))
    found = smallest(model, solved(model))
    assert found.total.tolist() == [float(Fraction(1, 7 * 128))] * 7


def test_an_optimum_that_is_no_corner_is_told_apart() -> None:
    problem = invented_round(2, bid_count=60).problem
    model = build(build_columns(problem))
    relaxed = solved(model)
    halved = PriceFace(model.columns, relaxed.fraction / 2)
    assert find_smallest(halved, relaxed.value, lambda: False) is None


def test_without_time_the_named_algorithm_prices_and_says_so() -> None:
    problem = invented_round(2, bid_count=60).problem
    model = build(build_columns(problem))
    relaxed = solved(model)
    late = settle_prices(model, relaxed, soon(0))
    assert late.rule is PriceRule.SIMPLEX
    assert late.stopped_by_clock
    assert late.bound is late.guide
    assert late.guides is relaxed.duals


def test_without_an_optimum_prices_are_searched_for() -> None:
    model = build(build_columns(invented_round(2, bid_count=60).problem))
    found = settle_prices(model, None, soon())
    assert found.rule is PriceRule.SEARCH
    assert found.stopped_by_clock


def test_neither_seed_nor_workers_nor_time_change_a_list_price() -> None:
    """An unproven round: its awards may differ, its prices may not."""
    problem = generate(Shape("granular", 120, 6, 10, 5), 3)
    runs = (Options(1.0, 0, 1), Options(2.0, 7, 2), Options(1.5, 99, 1))
    outcomes = [
        allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)
        for options in runs
    ]
    assert len({outcome.prices for outcome in outcomes}) == 1
    assert len({outcome.certificate for outcome in outcomes}) == 1
