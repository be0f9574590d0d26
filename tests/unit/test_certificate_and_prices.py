"""Prices prove a bound whatever they are, and payments keep between reserve cost and offer."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.certificate import Bound, Duals, certify, no_duals
from allocation.columns import Columns, build_columns
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.search import Deadline
from allocation.model import build
from allocation.outcome import PRICE_SCALE, Certificate, Pricing
from allocation.prices import payment_credits, price_list, reserve_cost_credits
from allocation.problem import PoolKey, Problem, Tier
from tests.builders import a_bid, a_pool, a_problem, a_team, an_alternative, an_item, day
from tests.reference import best_outcome
from tests.strategies import problems

FLOATS = st.floats(0, 500, allow_nan=False)


def drawn_bound(problem: Problem, data: st.DataObject) -> tuple[Columns, Bound]:
    columns = build_columns(problem)
    cells = len(columns.limits.total_units)
    duals = Duals(
        reserved=np.array(data.draw(st.lists(FLOATS, min_size=cells, max_size=cells))),
        total=np.array(data.draw(st.lists(FLOATS, min_size=cells, max_size=cells))),
        credits=np.array(
            data.draw(st.lists(FLOATS, min_size=len(problem.teams), max_size=len(problem.teams)))
        ),
    )
    return columns, certify(columns, duals, None)


@settings(deadline=None, max_examples=150)
@given(problems(max_bids=5), st.data())
def test_any_prices_bound_the_value_of_every_outcome(problem: Problem, data: st.DataObject) -> None:
    _, bound = drawn_bound(problem, data)
    assert bound.value >= best_outcome(problem).value


@settings(deadline=None, max_examples=300)
@given(problems(max_bids=7), st.data())
def test_no_placement_of_the_best_outcome_is_ever_ruled_out(
    problem: Problem, data: st.DataObject
) -> None:
    columns, bound = drawn_bound(problem, data)
    if data.draw(st.booleans()):
        relaxed = solve_relaxation(build(columns), Deadline(time.monotonic, time.monotonic() + 60))
        assert relaxed is not None
        bound = certify(columns, relaxed.duals, relaxed.value)
    best = best_outcome(problem)
    open_ = bound.can_reach(columns, best.value)
    places = {
        (problem.bids[b].key, a, columns.start_day(k)): k
        for k, (b, a) in enumerate(
            zip(columns.bid.tolist(), columns.alternative.tolist(), strict=True)
        )
    }
    assert all(open_[places[bid, number, start]] for bid, number, start, _ in best.choices)


def test_a_placement_with_a_loss_is_judged_at_its_smallest_lots() -> None:
    """At a price of 20 a unit, three lots of 15 lose 15, one lot only 5."""
    alternative = an_alternative(offer=15, lots=(1, 3))
    problem = a_problem(a_bid("b1", alternative), a_bid("b2", an_alternative(offer=90)))
    columns = build_columns(problem)
    duals = replace(no_duals(columns), total=np.full(len(columns.limits.total_units), 20.0))
    bound = certify(columns, duals, None)
    assert bound.can_reach(columns, bound.value - 5).tolist() == [True, True]
    assert bound.can_reach(columns, bound.value - 4).tolist() == [False, True]


def test_prices_of_nothing_bound_the_value_by_every_bid_at_its_largest() -> None:
    problem = a_problem(
        a_bid("b1", an_alternative(offer=30, lots=(1, 2))), a_bid("b2", an_alternative(offer=5))
    )
    columns = build_columns(problem)
    assert certify(columns, no_duals(columns), None).value == 65


def test_a_scale_that_is_too_coarse_is_refined() -> None:
    """Units by the hundred million are worth less than a millionth of a point each."""
    alternative = an_alternative(an_item(units=10**8), offer=100, lots=(1, 10))
    problem = a_problem(a_bid("b1", alternative), a_bid("b2", alternative))
    problem = replace(
        problem, capacity=tuple(replace(r, reserved_units=10**9) for r in problem.capacity)
    )
    columns = build_columns(problem)
    cells = len(columns.limits.total_units)
    duals = replace(no_duals(columns), reserved=np.full(cells, 1e-6 / 1.00000001))
    duals.reserved[1:] = 0
    bound = certify(columns, duals, 1000.0)
    assert bound.value <= 1002


def test_numbers_beyond_64_bits_are_still_exact() -> None:
    alternative = an_alternative(an_item(units=10**9), offer=10**12)
    problem = a_problem(a_bid("b1", alternative), teams=(a_team(credits_=10**12),))
    problem = replace(
        problem, capacity=tuple(replace(r, reserved_units=10**12) for r in problem.capacity)
    )
    columns = build_columns(problem)
    duals = replace(no_duals(columns), total=np.full(len(columns.limits.total_units), 10.0**9))
    bound = certify(columns, duals, None)
    units = 10**12 + 5
    assert bound.scaled == 10**9 * 10**6 * units * problem.days


# --- prices --------------------------------------------------------------------------------


def a_priced_problem(reserve_price_credits: int = 0) -> Problem:
    alternative = an_alternative(an_item(units=3, days=2), offer=40, value=50, lots=(1, 4))
    return a_problem(
        a_bid("b1", alternative),
        pools=(a_pool(reserve_price_credits=reserve_price_credits),),
    )


def certificate(reserved: int, total: int) -> Certificate:
    days = [day(n) for n in range(5)]
    key = PoolKey("gpu")
    return Certificate(
        scale=10**6,
        reserved_prices=tuple((key, d, reserved) for d in days),
        total_prices=tuple((key, d, total) for d in days),
    )


def test_reserved_units_cost_both_prices_and_spot_units_the_total_price() -> None:
    problem = a_priced_problem()
    listed = price_list(problem, certificate(500_000, 1_250_000))
    at = {(p.day, p.tier): p.list_price_microcredits for p in listed.prices}
    assert at[day(0), Tier.RESERVED] == 1_750_000
    assert at[day(0), Tier.SPOT] == 1_250_000
    assert len(listed.prices) == 10


def test_no_list_price_is_below_the_reserve_price() -> None:
    problem = a_priced_problem(reserve_price_credits=2)
    listed = price_list(problem, certificate(0, 1_999_999))
    assert {p.list_price_microcredits for p in listed.prices} == {2_000_000}


def test_a_place_without_units_has_no_row_and_costs_its_reserve_price() -> None:
    problem = a_priced_problem(reserve_price_credits=2)
    closed = replace(problem, capacity=problem.capacity[:2])
    listed = price_list(closed, certificate(0, 0))
    assert [p.day for p in listed.prices] == [day(0), day(0), day(1), day(1)]
    assert listed.microcredits(PoolKey("gpu"), day(4), Tier.SPOT) == 2_000_000


@pytest.mark.parametrize(
    ("total", "payment"),
    [
        (0, 0),
        (1_000_000, 9),  # list cost 2 lots x 6 units = 12 credits, x 40 / 50, rounded down
        (8_333_333, 79),  # just below what the offer would pay
        (8_333_334, 80),  # 100.000008 x 40 / 50 rounds down to the offer exactly
        (9_000_000, 80),  # never more than the offer
    ],
)
def test_an_award_pays_the_list_cost_divided_by_its_multiplier(total: int, payment: int) -> None:
    problem = a_priced_problem()
    listed = price_list(problem, certificate(0, total))
    alternative = problem.bids[0].alternatives[0]
    assert payment_credits(problem, listed, Pricing.CLEARING, alternative, day(0), 2) == payment


def test_an_award_never_pays_less_than_its_reserve_cost() -> None:
    problem = a_priced_problem(reserve_price_credits=6)
    listed = price_list(problem, certificate(0, 0))
    alternative = problem.bids[0].alternatives[0]
    assert reserve_cost_credits(problem, alternative) == 36
    assert payment_credits(problem, listed, Pricing.CLEARING, alternative, day(0), 2) == 72


def test_pay_as_bid_takes_the_offer() -> None:
    problem = a_priced_problem()
    listed = price_list(problem, certificate(0, 0))
    alternative = problem.bids[0].alternatives[0]
    assert payment_credits(problem, listed, Pricing.PAY_AS_BID, alternative, day(0), 3) == 120


def test_list_cost_is_summed_before_it_is_rounded() -> None:
    """Two days at 0.333333 are 0.666666 a unit, not twice nothing."""
    problem = a_priced_problem()
    listed = price_list(problem, certificate(0, 333_333))
    alternative = problem.bids[0].alternatives[0]
    assert listed.list_cost_microcredits(alternative, day(0)) == 6 * 333_333
    assert listed.list_cost_microcredits(alternative, day(0)) > PRICE_SCALE
