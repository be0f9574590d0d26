"""The forecast of a team's credits says what its assumptions say, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.dashboards.runway import AHEAD_SPRINTS, Pace, Terms, pace_of, runway

CREDITS = st.integers(0, 10**6)
SPENT = st.lists(st.integers(-(10**6), 10**6), max_size=8)
TERMS = st.builds(Terms, CREDITS, st.none() | CREDITS)


def test_the_pace_is_the_mean_of_the_last_four_sprints_rounded_up() -> None:
    pace = pace_of([9_000, 10, 10, 10, 11])
    assert pace == Pace(4, 41)
    assert pace.per_sprint_credits == 11


def test_without_a_decided_sprint_there_is_no_forecast() -> None:
    found = runway(500, pace_of([]), Terms(100, 100), pays_now=True)
    assert (found.pace, found.ahead, found.lasts_sprints, found.short) == (None, (), None, None)


def test_more_that_came_back_than_was_spent_is_a_pace_of_nothing() -> None:
    found = runway(500, pace_of([-5]), Terms(), pays_now=False)
    assert found.lasts_sprints is None
    assert [sprint.left_credits for sprint in found.ahead] == [500] * AHEAD_SPRINTS


def test_a_sprint_keeps_three_quarters_at_most_the_cap_and_gets_its_endowment() -> None:
    [now, following, *_] = runway(900, Pace(1, 100), Terms(50, 500), pays_now=True).ahead
    assert (now.had_credits, now.spent_credits, now.left_credits) == (900, 100, 800)
    # 600 would be kept of 800; the cap is 500.
    assert (following.expired_credits, following.endowed_credits) == (300, 50)
    assert (following.had_credits, following.left_credits) == (550, 450)


def test_the_first_sprint_that_cannot_be_paid_whole_is_said() -> None:
    found = runway(250, Pace(1, 100), Terms(), pays_now=False)
    assert found.short is not None
    assert (found.short.number, found.short.spent_credits, found.short.short_credits) == (3, 50, 50)
    assert found.lasts_sprints == 2


@given(has=CREDITS, spent=SPENT, terms=TERMS, pays_now=st.booleans())
def test_no_forecast_makes_or_loses_a_credit(
    has: int, spent: list[int], terms: Terms, *, pays_now: bool
) -> None:
    found = runway(has, pace_of(spent), terms, pays_now=pays_now)
    left = has
    for sprint in found.ahead:
        assert sprint.had_credits == left - sprint.expired_credits + sprint.endowed_credits
        left = sprint.left_credits
        assert left == sprint.had_credits - sprint.spent_credits >= 0
        assert found.pace is not None
        assert sprint.spent_credits + sprint.short_credits == found.pace.per_sprint_credits


@given(CREDITS, TERMS)
def test_what_is_kept_and_what_expires_is_what_is_left(left: int, terms: Terms) -> None:
    assert terms.kept(left) + terms.expiring(left) == left
    assert terms.kept(left) <= left
