"""Draws of neighbourhoods: about as large as asked for, and whole in what they promise."""

from __future__ import annotations

import time

import numpy as np
import pytest

from allocation.certificate import certify
from allocation.columns import build_columns
from allocation.engine import rounding
from allocation.engine.draws import Draws
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.search import Deadline
from allocation.model import build
from tests.rounds import invented_round

COLUMNS = build_columns(invented_round(5, bid_count=150).problem)
LOTS = rounding.serve(COLUMNS, range(COLUMNS.count))
SIZES = [1, 20, 100, COLUMNS.count, 10 * COLUMNS.count]


def the_draws() -> Draws:
    relaxed = solve_relaxation(build(COLUMNS), Deadline(time.monotonic, time.monotonic() + 30))
    assert relaxed is not None
    return Draws(COLUMNS, certify(COLUMNS, relaxed.duals, relaxed.value))


DRAWS = the_draws()


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("size", SIZES)
def test_a_draw_frees_something_and_not_much_more_than_asked_for(kind: int, size: int) -> None:
    freed = DRAWS.kinds[kind](size, LOTS, np.random.default_rng(1))
    assert freed.any()
    assert freed.sum() <= 2 * size + DRAWS.size.max()


@pytest.mark.parametrize("kind", range(3))
def test_a_draw_of_everything_leaves_no_award_as_it_is(kind: int) -> None:
    freed = DRAWS.kinds[kind](COLUMNS.count, LOTS, np.random.default_rng(1))
    assert freed[LOTS > 0].all()


def test_any_bids_and_bids_that_meet_are_freed_whole() -> None:
    for draw in (DRAWS.anywhere, DRAWS.together):
        freed = draw(60, LOTS, np.random.default_rng(2))
        bids = np.unique(COLUMNS.bid[freed])
        assert freed[np.isin(COLUMNS.bid, bids)].all()


def test_a_bid_that_is_free_where_it_is_close_may_keep_its_award() -> None:
    freed = DRAWS.close(60, LOTS, np.random.default_rng(3))
    bids = np.unique(COLUMNS.bid[freed])
    assert freed[(LOTS > 0) & np.isin(COLUMNS.bid, bids)].all()


def test_the_same_chance_draws_the_same() -> None:
    for draw in DRAWS.kinds:
        one, other = (draw(60, LOTS, np.random.default_rng(4)) for _ in range(2))
        assert (one == other).all()
