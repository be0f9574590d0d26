"""The shortest vector within half-spaces, against every way to choose active rows; exact digits."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from allocation.engine.fixed_point import ONE, Row, refine
from allocation.engine.shortest import Floats, Shortest


def shortest_by_trying_all(rows: Floats, least: Floats) -> Floats | None:
    """Return the shortest vector that keeps every row: that of one choice of rows kept exactly."""
    best: Floats | None = None
    for count in range(min(rows.shape) + 1):
        for chosen in combinations(range(len(rows)), count):
            kept, exact = rows[list(chosen)], least[list(chosen)]
            vector = np.linalg.pinv(kept) @ exact if count else np.zeros(rows.shape[1])
            is_kept = bool((rows @ vector >= least - 1e-9).all())
            if is_kept and (best is None or vector @ vector < best @ best):
                best = vector
    return best


def lifted(rows: Floats, least: Floats) -> Shortest | None:
    shortest = Shortest(rows.shape[1])
    while (missing := least - rows @ shortest.vector).max(initial=0.0) > 1e-10:
        worst = int(missing.argmax())
        if not shortest.lift(worst, rows[worst], float(least[worst])):
            return None
    return shortest


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_shortest_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(-3, 4, (6, 3)).astype(float)
    least = random.integers(-2, 3, 6).astype(float)
    expected, found = shortest_by_trying_all(rows, least), lifted(rows, least)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.vector == pytest.approx(expected, abs=1e-8)
        assert found.multipliers.min(initial=0.0) >= -1e-9


def test_many_steps_stay_exact() -> None:
    random = np.random.default_rng(1)
    rows, point = random.normal(size=(400, 60)), random.normal(size=60)
    least = rows @ point - random.random(400)
    found = lifted(rows, least)
    assert found is not None
    assert found.changes > 40
    again = found.rows.T @ np.linalg.solve(found.rows @ found.rows.T, found.least)
    assert found.vector == pytest.approx(again, abs=1e-9)


def test_rows_that_cannot_all_be_kept_have_no_vector() -> None:
    assert lifted(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1.0, 1.0])) is None


def test_prices_are_worked_out_to_the_last_digit() -> None:
    """Keep 3 p + 7 q = 1 at capacities 2 and 5: p = 3/2 · 10/143, q = 7/5 · 10/143."""
    rows, capacity = [Row({0: 3, 1: 7}, 1)], [2, 5]
    found = refine(rows, capacity, lambda missing: missing * 0.0699)
    assert found == {0: float(Fraction(15, 143)), 1: float(Fraction(14, 143))}
    assert ONE > 10**57


def test_a_solver_that_leads_nowhere_is_given_up() -> None:
    row = [Row({0: 1}, 1)]
    assert refine(row, [1], lambda missing: missing * 0) is None
    assert refine(row, [1], lambda missing: missing * np.nan) is None


def test_no_rows_mean_no_prices() -> None:
    assert refine([], [3], lambda missing: missing) == {}
