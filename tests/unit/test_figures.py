"""Sums that can be checked by hand: fairness, scarcity, use."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from allocation.figures import TeamFigures, figures_of, jain_index
from allocation.options import Options
from allocation.outcome import Certificate
from allocation.problem import PoolKey, TeamKey
from tests.builders import FIRST_DAY
from tests.markets import a_scarce_problem, better_baseline

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def a_team_with(purse: int, value: int) -> TeamFigures:
    return TeamFigures(TeamKey("t"), purse, 1, 1, value, 0)


def test_jains_index_is_one_where_all_get_the_same_for_a_credit() -> None:
    assert jain_index([a_team_with(10, 20), a_team_with(30, 60)]) == 1_000_000


def test_jains_index_of_one_winner_among_four_is_a_quarter() -> None:
    assert jain_index([a_team_with(10, 20), *[a_team_with(10, 0)] * 3]) == 250_000


def test_there_is_no_fairness_where_nobody_won_or_could_pay() -> None:
    assert jain_index([a_team_with(10, 0)]) is None
    assert jain_index([a_team_with(0, 5)]) is None


def test_one_more_reserved_unit_relieves_both_limits_of_its_days() -> None:
    problem = a_scarce_problem()
    outcome = better_baseline(problem, Options(), lambda _: None)
    pool = problem.pools[0].key
    second = FIRST_DAY + dt.timedelta(days=1)
    certificate = Certificate(
        scale=2,
        reserved_prices=((pool, second, 3),),
        total_prices=((pool, FIRST_DAY, 1), (pool, second, 4)),
    )
    found = figures_of(problem, replace(outcome, certificate=certificate), AT)
    figures = {one.pool_key: one for one in found.pools}[PoolKey(pool)]

    assert figures.spot_scarcity == 2_500_000
    assert figures.reserved_scarcity == 4_000_000
    assert figures.scarcest_on == second


def test_the_wait_is_the_median_from_submission_to_answer() -> None:
    problem = a_scarce_problem()
    hours = (5, 3, 1)
    bids = tuple(
        replace(bid, submitted_at=AT - dt.timedelta(hours=hour))
        for bid, hour in zip(problem.bids, hours, strict=False)
    )
    asked = replace(problem, bids=bids)
    outcome = better_baseline(asked, Options(), lambda _: None)
    middle = sorted(hours[: len(bids)])[len(bids) // 2]

    assert len(bids) % 2
    assert figures_of(asked, outcome, AT).wait_minutes == middle * 60
