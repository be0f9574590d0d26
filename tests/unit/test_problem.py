"""What a problem refuses at its border, just inside and just outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocation.errors import InvalidProblem
from allocation.problem import Alternative, Problem
from tests.builders import a_bid, a_pool, a_problem, an_alternative, an_item, day


def with_alternative(alternative: Alternative) -> Problem:
    return a_problem(a_bid("b1", alternative), days=5)


def test_an_alternative_may_end_on_the_last_day_and_not_after() -> None:
    ends_last = an_alternative(an_item(offset=1, days=2), an_item(), starts=(0, 2))
    assert with_alternative(ends_last).ends_on == day(4)
    sentence = "Alternative 1 of bid b1 ends on 2026-03-07, after the sprint."
    with pytest.raises(InvalidProblem, match=sentence):
        with_alternative(replace(ends_last, latest_start=day(3)))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"items": ()}, "needs items, each of a pool of this round"),
        ({"min_lots": 0}, "needs lots with 1 <= min <= max"),
        ({"min_lots": 2}, "needs lots with 1 <= min <= max"),
        ({"offer_credits_per_lot": 0}, "needs an offer and a value score of at least 1"),
        ({"value_score_per_lot": 0}, "needs an offer and a value score of at least 1"),
        ({"earliest_start": day(-1)}, "needs a start window inside the sprint"),
        ({"earliest_start": day(1)}, "needs a start window inside the sprint"),
    ],
)
def test_a_problem_names_the_alternative_that_is_wrong(
    changes: dict[str, object], wrong: str
) -> None:
    with pytest.raises(InvalidProblem, match=f"Alternative 1 of bid b1 {wrong}"):
        with_alternative(replace(an_alternative(), **changes))


def test_an_alternative_needs_pools_of_its_round() -> None:
    problem = with_alternative(an_alternative(an_item("gpu")))
    with pytest.raises(InvalidProblem, match="needs items, each of a pool of this round"):
        replace(problem, pools=(a_pool("cpu"),), capacity=())
