"""Rounds of large numbers, in which raw solvers certify wrong optima: the engine never does.

OR-Tools 9.15 enforces rows that it should not where Boolean coefficients add up to more than 2³¹
(issue 5293), and floating-point solvers call outcomes best that miss the best by a tenth or break a
row by a unit. The rounds of `MISJUDGED` were found by comparing CP-SAT, asked as its defaults have
it, with brute force.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.columns import build_columns
from allocation.engine.constraint_search import ask_cpsat
from allocation.engine.portfolio import allocate
from allocation.engine.question import Effort, Question
from allocation.engine.search import LARGEST_TRUSTED_SUM, Deadline, largest_row_sum
from allocation.engine.variables import lay_out
from allocation.judge import check_outcome
from allocation.model import build
from allocation.options import Options
from allocation.outcome import Outcome, Status
from allocation.problem import Alternative, DayUnits, Item, Problem, Team, Tier
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item, some_units
from tests.property.test_engine import FEWER_ROUNDS
from tests.reference import best_outcome
from tests.strategies import problems

POOLS = ("gpu", "expert")
UNITS = 10**9
MISJUDGED = {82: 235, 298: 184, 356: 197, 551: 168, 918: 254}
"""Seeds of rounds of giants, and the values that CP-SAT 9.15 certifies, each too small."""
MISSED_BY_HIGHS = 142
"""A seed of a mixed round of which HiGHS calls an outcome best that misses the best by 13 %."""


def allocated(problem: Problem) -> Outcome:
    return allocate(problem, Options(), time.monotonic, lambda _: None, lambda _: None)


def a_round_of_giants(seed: int) -> Problem:
    """Return a round in which nearly all bids fit: few small values, units close to the limit."""
    chance = random.Random(seed)  # noqa: S311  # invented demand, no secret
    bids = []
    for number in range(chance.randint(6, 9)):
        alternatives = [_giant(chance, a + 1) for a in range(chance.choice([1, 2, 3]))]
        bids.append(a_bid(f"b{number}", *alternatives))
    demand = {pool: sum(_most_units(bid.alternatives, pool) for bid in bids) for pool in POOLS}
    capacity = [
        some_units(pool, spot=max(1, units - chance.randint(1, UNITS)))
        for pool, units in demand.items()
    ]
    return a_problem(*bids, capacity=capacity, days=1, teams=[a_team("red", 10**12)])


def _giant(chance: random.Random, number: int) -> Alternative:
    pools = chance.sample(POOLS, chance.choice([1, 1, 2]))
    offer = chance.randint(1, 50)
    items = [an_item(pool, units=chance.randint(UNITS // 3, UNITS)) for pool in pools]
    return an_alternative(*items, number=number, tier=Tier.SPOT, offer=offer)


def _most_units(alternatives: tuple[Alternative, ...], pool: str) -> int:
    units = [i.units_per_lot for a in alternatives for i in a.items if i.pool_key == pool]
    return max(units, default=0)


def a_mixed_round(seed: int) -> Problem:
    """Return a round of giants of both tiers, with lots, and with offers tiny and close to 10⁹."""
    chance = random.Random(seed)  # noqa: S311  # invented demand, no secret
    bids = []
    for number in range(chance.randint(5, 8)):
        alternatives = [_mixed(chance, a + 1) for a in range(chance.randint(1, 3))]
        bids.append(a_bid(f"b{number}", *alternatives, team=chance.choice(["red", "blue"])))
    capacity = [
        some_units(
            pool, day, reserved=chance.randint(UNITS // 2, 2 * UNITS), spot=chance.randint(0, UNITS)
        )
        for pool in POOLS
        for day in range(2)
    ]
    teams = [a_team(key, chance.randint(5 * 10**8, 6 * 10**9)) for key in ("red", "blue")]
    return a_problem(*bids, capacity=capacity, days=2, teams=teams)


def _mixed(chance: random.Random, number: int) -> Alternative:
    pools = chance.sample(POOLS, chance.randint(1, 2))
    lots = chance.choice([(1, 1), (1, 1), (1, 2), (2, 3)])
    tier = chance.choice(list(Tier))
    offer = chance.choice([chance.randint(1, 50), chance.randint(5 * 10**8, 10**9)])
    items = [
        an_item(pool, units=chance.randint(UNITS // 5, UNITS) // lots[1], days=chance.randint(1, 2))
        for pool in pools
    ]
    return an_alternative(*items, number=number, tier=tier, offer=offer, lots=lots)


def assert_right(problem: Problem, *, is_proven: bool = True) -> None:
    outcome, best = allocated(problem), best_outcome(problem)
    assert check_outcome(problem, outcome) == ()
    assert outcome.report.value == best.value <= outcome.report.bound
    assert outcome.report.status is Status.OPTIMAL or not is_proven


@pytest.mark.parametrize("seed", MISJUDGED)
def test_rounds_that_cp_sat_misjudges_are_solved_and_proven_right(seed: int) -> None:
    problem = a_round_of_giants(seed)
    assert largest_row_sum(build(build_columns(problem))) > LARGEST_TRUSTED_SUM
    assert best_outcome(problem).value > MISJUDGED[seed]
    assert_right(problem)


@pytest.mark.parametrize("seed", MISJUDGED)
def test_cp_sat_is_asked_so_that_it_does_not_misjudge_them(seed: int) -> None:
    problem = a_round_of_giants(seed)
    model = build(build_columns(problem))
    variables = lay_out(model)
    objective = variables.objective(model.columns.value)
    every = np.ones(model.columns.count, np.bool_)
    effort = Effort(0, 2, Deadline(time.monotonic, time.monotonic() + 10))
    answer = ask_cpsat(Question(model, variables, objective, None, every), effort)
    assert answer.is_proven
    assert answer.bound == best_outcome(problem).value


@pytest.mark.parametrize("seed", [MISSED_BY_HIGHS, *range(12)])
def test_rounds_of_huge_units_and_offers_are_solved_right(seed: int) -> None:
    assert_right(a_mixed_round(seed), is_proven=seed != MISSED_BY_HIGHS)


@FEWER_ROUNDS
@given(problems(), st.sampled_from([10**5, 10**8 - 1]), st.integers(-2, 2))
def test_huge_units_never_make_an_outcome_break_a_rule_or_a_bound(
    problem: Problem, factor: int, spare_units: int
) -> None:
    """One unit more or less than what fits exactly: floating point does not see the difference.

    The value is right; where only one solver can prove it, the round stays unproven.
    """
    assert_right(with_large_units(problem, factor, spare_units), is_proven=False)


def with_large_units(problem: Problem, factor: int, spare_units: int) -> Problem:
    def large_row(row: DayUnits) -> DayUnits:
        reserved = max(0, row.reserved_units * factor + spare_units)
        return DayUnits(row.pool_key, row.day, reserved, row.spot_units * factor)

    def large_items(alternative: Alternative) -> Alternative:
        items = [
            Item(i.pool_key, i.offset_days, i.days, i.units_per_lot * factor + 1)
            for i in alternative.items
        ]
        offer = alternative.offer_credits_per_lot * 10**10
        return replace(alternative, items=tuple(items), offer_credits_per_lot=offer)

    return replace(
        problem,
        pools=tuple(replace(pool, reserve_price_credits=0) for pool in problem.pools),
        capacity=tuple(map(large_row, problem.capacity)),
        commitments=(),
        teams=tuple(Team(team.key, team.credits * 10**10) for team in problem.teams),
        bids=tuple(
            replace(bid, alternatives=tuple(map(large_items, bid.alternatives)))
            for bid in problem.bids
        ),
    )


@FEWER_ROUNDS
@given(problems(max_bids=6), st.sampled_from([10**9 + 7, 10**11]))
def test_values_close_to_their_limit_are_added_up_exactly(problem: Problem, factor: int) -> None:
    assert_right(with_large_values(problem, factor))


def with_large_values(problem: Problem, factor: int) -> Problem:
    """Multiply the value scores, and tell them apart by a point."""
    return replace(
        problem,
        bids=tuple(
            replace(
                bid,
                alternatives=tuple(
                    replace(a, value_score_per_lot=a.value_score_per_lot * factor + place)
                    for a in bid.alternatives
                ),
            )
            for place, bid in enumerate(problem.bids)
        ),
    )
