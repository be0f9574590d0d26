"""Serving placements one after the other gives each what still fits, whatever stood before."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation.columns import Columns, Whole, build_columns
from allocation.engine import rounding
from allocation.problem import Problem
from tests.strategies import problems

LAWS = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


def served_by_trial(columns: Columns, order: list[int], lots: Whole) -> Whole:
    """Serve by trying every number of lots, the most first, and keeping the first that stands."""
    for k in order:
        same_bid = (columns.bid == columns.bid[k]) & (np.arange(columns.count) != k)
        least = max(int(columns.min_lots[k]), int(lots[k]) + 1)
        for more in range(int(columns.max_lots[k]), least - 1, -1):
            tried = np.where(np.arange(columns.count) == k, more, lots)
            if not lots[same_bid].any() and rounding.is_feasible(columns, tried):
                lots = tried
                break
    return lots


@LAWS
@given(problems(), st.randoms(use_true_random=False))
def test_each_placement_in_turn_gets_the_most_lots_that_fit(
    problem: Problem, random: Random
) -> None:
    columns = build_columns(problem)
    first, second = (random.sample(range(columns.count), columns.count) for _ in range(2))
    nothing = np.zeros(columns.count, np.int64)
    served = rounding.serve(columns, first[: columns.count // 2])
    assert (
        served.tolist() == served_by_trial(columns, first[: columns.count // 2], nothing).tolist()
    )
    fewer = np.minimum(served, columns.min_lots)
    filled = rounding.serve(columns, second, fewer)
    assert filled.tolist() == served_by_trial(columns, second, fewer).tolist()


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_shaken_orders_name_every_placement_once_and_follow_their_chance(
    count: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    fraction, gain, worth = draw.random(count), draw.normal(size=count), 1 + draw.random(count)

    def orders() -> list[list[int]]:
        return list(rounding.shaken_orders(fraction, gain, worth, np.random.default_rng(seed)))

    assert orders() == orders()
    assert all(sorted(order) == list(range(count)) for order in orders())
    assert len(orders()) == rounding.MOST_SHAKEN


def test_large_rounds_try_fewer_shaken_orders() -> None:
    count = rounding.SHAKEN_PLACEMENTS // 2
    flat = np.ones(count)
    orders = rounding.shaken_orders(flat, flat, flat, np.random.default_rng(0))
    assert sum(1 for _ in orders) == 2
