"""The public formula: what teams carry over, and how the rest of the supply is shared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.ledger.endowments import KEPT_PERCENT, carried_over, endowments

CREDITS = st.integers(0, 10**12)
TEAMS = st.dictionaries(st.sampled_from("abcdefg"), CREDITS, min_size=1)


def test_without_anything_left_everybody_gets_what_is_announced() -> None:
    announced = {"a": 1000, "b": 500, "c": 1}
    assert endowments(announced, {}) == announced


def test_what_teams_hold_is_not_issued_again() -> None:
    assert endowments({"a": 100, "b": 100}, {"a": 60, "b": 0}) == {"a": 70, "b": 70}


def test_credits_that_do_not_divide_go_to_the_largest_remainders_then_by_name() -> None:
    assert endowments({"a": 1, "b": 1, "c": 1}, {"a": 1}) == {"a": 1, "b": 1, "c": 0}
    assert endowments({"a": 10, "b": 6, "c": 4}, {"a": 9}) == {"a": 6, "b": 3, "c": 2}


def test_a_team_keeps_a_part_of_what_is_left_and_at_most_one_endowment() -> None:
    kept = carried_over({"a": 101, "b": 4000}, {"a": 1000, "b": 500, "c": 7})
    assert kept == {"a": 101 * KEPT_PERCENT // 100, "b": 500, "c": 0}


@given(announced=TEAMS, held=TEAMS)
def test_what_is_issued_fills_the_supply_and_not_a_credit_more(
    announced: dict[str, int], held: dict[str, int]
) -> None:
    endowed = endowments(announced, held)
    lying = sum(held.get(team, 0) for team in announced)
    assert sum(endowed.values()) == max(0, sum(announced.values()) - lying)
    assert all(amount >= 0 for amount in endowed.values())


@given(left=TEAMS, announced=TEAMS)
def test_after_decay_and_endowment_teams_hold_exactly_the_supply(
    left: dict[str, int], announced: dict[str, int]
) -> None:
    kept = carried_over(left, announced)
    endowed = endowments(announced, kept)
    assert sum(kept.values()) + sum(endowed.values()) == sum(announced.values())


@given(announced=TEAMS)
def test_the_order_of_teams_changes_nothing(announced: dict[str, int]) -> None:
    backwards = dict(reversed(announced.items()))
    held = dict.fromkeys(announced, 3)
    assert endowments(announced, held) == endowments(backwards, held)
