"""The two rules that every round is compared with: who is served, with what, in which order."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from allocation.baselines import density_greedy, first_come, value_of
from allocation.outcome import Placed
from allocation.problem import Bid, Problem, Tier
from tests.builders import (
    a_bid,
    a_pool,
    a_problem,
    a_team,
    an_alternative,
    an_item,
    day,
    some_units,
)
from tests.reference import best_outcome
from tests.strategies import problems

ROUNDS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

VALUES = st.integers(1, 10**12) | st.integers(10**12 - 9, 10**12) | st.integers(1, 3)
UNITS = st.integers(1, 10**9) | st.integers(10**9 - 9, 10**9) | st.integers(1, 3)


def at(minute: int, offset_hours: int = 0) -> dt.datetime:
    zone = dt.timezone(dt.timedelta(hours=offset_hours))
    return dt.datetime(2026, 2, 20, 9, minute, tzinfo=zone)


def served(placed: tuple[Placed, ...]) -> list[str]:
    return [award.bid_key for award in placed]


def for_one_unit(*bids: Bid) -> Problem:
    return a_problem(*bids, capacity=[some_units(reserved=1)])


def test_first_come_serves_the_earlier_bid_whatever_its_key() -> None:
    problem = for_one_unit(a_bid("a", submitted_at=at(2)), a_bid("b", submitted_at=at(1)))
    assert served(first_come(problem)) == ["b"]


def test_first_come_compares_instants_and_not_clock_faces() -> None:
    early = a_bid("z", submitted_at=at(30, offset_hours=2))
    problem = for_one_unit(a_bid("a", submitted_at=at(0)), early)
    assert served(first_come(problem)) == ["z"]


def test_first_come_serves_a_bid_without_a_time_last() -> None:
    problem = for_one_unit(a_bid("a"), a_bid("b", submitted_at=at(59)))
    assert served(first_come(problem)) == ["b"]


def test_bids_of_the_same_instant_are_served_by_key() -> None:
    problem = for_one_unit(a_bid("b", submitted_at=at(1)), a_bid("a", submitted_at=at(1)))
    assert served(first_come(problem)) == ["a"]


def test_density_greedy_serves_the_most_value_per_unit_and_day() -> None:
    long = a_bid("a", an_alternative(an_item(days=2), offer=30))
    short = a_bid("b", an_alternative(an_item(), offer=20))
    capacity = [some_units(on=number, reserved=1) for number in range(2)]
    problem = a_problem(long, short, capacity=capacity)
    assert served(density_greedy(problem)) == ["b"]


def test_density_is_of_the_value_score_and_not_of_the_offer() -> None:
    problem = for_one_unit(
        a_bid("a", an_alternative(offer=50, value=10)), a_bid("b", an_alternative(offer=11))
    )
    assert served(density_greedy(problem)) == ["b"]


def test_density_is_of_the_alternative_with_the_lowest_number_even_if_it_never_wins() -> None:
    never = an_alternative(an_item(units=1000), offer=1, number=1)
    rich = an_alternative(offer=900, number=2)
    problem = for_one_unit(a_bid("a", rich, never), a_bid("b", an_alternative(offer=2)))
    assert served(density_greedy(problem)) == ["b"]


def test_densities_that_floats_cannot_tell_apart_are_told_apart() -> None:
    close = a_bid("a", an_alternative(an_item(units=3), offer=10**12 - 1))
    above = a_bid("b", an_alternative(an_item(units=3), offer=10**12))
    problem = a_problem(
        close, above, capacity=[some_units(reserved=3)], teams=[a_team("red", 10**12)]
    )
    assert served(density_greedy(problem)) == ["b"]


@ROUNDS
@given(st.tuples(VALUES, UNITS), st.tuples(VALUES, UNITS))
@example((10**12, 10**9), (10**12 - 999, 10**9 - 1))
@example((1, 10**9), (1, 10**9 - 1))
def test_whole_densities_stand_in_the_order_of_the_fractions(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    bids = [
        a_bid(key, an_alternative(an_item(units=units), offer=1, value=value))
        for key, (value, units) in (("a", one), ("b", other))
    ]
    one_credit = a_problem(*bids, capacity=[some_units(reserved=10**9)], teams=[a_team("red", 1)])
    denser = "b" if Fraction(*other) > Fraction(*one) else "a"
    assert served(density_greedy(one_credit)) == [denser]


def test_a_bid_takes_its_first_alternative_that_fits_at_the_earliest_start() -> None:
    too_big = an_alternative(an_item(units=9), number=1)
    later = an_alternative(an_item(units=2), number=2, starts=(0, 4))
    spare = an_alternative(number=3)
    capacity = [some_units(on=0, reserved=1), *(some_units(on=n, reserved=2) for n in (2, 3))]
    problem = a_problem(a_bid("a", spare, later, too_big), capacity=capacity)
    assert first_come(problem) == (Placed(problem.bids[0].key, 2, day(2), 1),)


def test_a_bid_takes_the_most_lots_that_fit_in_units_and_credits() -> None:
    wide = an_alternative(an_item(units=2), offer=10, lots=(1, 9))
    by_units = a_problem(a_bid("a", wide), capacity=[some_units(reserved=7)])
    by_credits = a_problem(
        a_bid("a", wide), capacity=[some_units(reserved=99)], teams=[a_team("red", 25)]
    )
    assert [first_come(problem)[0].lots for problem in (by_units, by_credits)] == [3, 2]


def test_a_start_that_fits_fewer_than_the_smallest_lots_does_not_fit() -> None:
    alternative = an_alternative(lots=(2, 3), starts=(0, 1))
    capacity = [some_units(on=0, reserved=1), some_units(on=1, reserved=2)]
    problem = a_problem(a_bid("a", alternative), capacity=capacity)
    assert [(award.start, award.lots) for award in first_come(problem)] == [(day(1), 2)]


def test_credits_of_a_team_are_spent_once() -> None:
    problem = a_problem(a_bid("a"), a_bid("b"), teams=[a_team("red", 199)])
    assert served(first_come(problem)) == ["a"]


def test_spot_may_use_reserved_units_and_reserved_may_not_use_spot_units() -> None:
    reserved = a_bid("b", an_alternative(an_item(units=3)))
    spot = a_bid("a", an_alternative(an_item(units=3), tier=Tier.SPOT))
    capacity = [some_units(reserved=2, spot=1)]
    assert served(first_come(a_problem(spot, reserved, capacity=capacity))) == ["a"]


def test_commitments_are_taken_off_first() -> None:
    problem = a_problem(
        a_bid("a"), capacity=[some_units(reserved=1)], commitments=[some_units(reserved=1)]
    )
    assert first_come(problem) == density_greedy(problem) == ()


def test_an_alternative_below_its_reserve_cost_never_wins() -> None:
    problem = a_problem(
        a_bid("a", an_alternative(offer=2)), pools=[a_pool(reserve_price_credits=3)]
    )
    assert first_come(problem) == density_greedy(problem) == ()


def test_items_of_one_pool_and_day_add_up() -> None:
    twice = an_alternative(an_item(units=2, days=3), an_item(units=2, offset=1))
    capacity = [some_units(on=n, reserved=3) for n in range(3)]
    assert first_come(a_problem(a_bid("a", twice), capacity=capacity)) == ()


@ROUNDS
@given(problems())
def test_no_baseline_is_worth_more_than_the_best_outcome(problem: Problem) -> None:
    best = best_outcome(problem).value
    for rule in (first_come, density_greedy):
        assert value_of(problem, rule(problem)) <= best


@ROUNDS
@given(problems())
def test_the_order_of_the_bids_changes_nothing(problem: Problem) -> None:
    backwards = Problem(
        round_key=problem.round_key,
        starts_on=problem.starts_on,
        days=problem.days,
        pools=problem.pools[::-1],
        capacity=problem.capacity[::-1],
        teams=problem.teams[::-1],
        bids=problem.bids[::-1],
        commitments=problem.commitments[::-1],
    )
    assert first_come(problem) == first_come(backwards)
    assert density_greedy(problem) == density_greedy(backwards)
