"""Fairness floors on rounds that a person can work out, and what the judge sees of spoilt ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from allocation.assembly import baseline_outcome
from allocation.columns import build_columns
from allocation.engine import rounding
from allocation.engine.floor_search import ask_core, demanding, serve_floors, whole_floor
from allocation.engine.parts import part_of
from allocation.engine.portfolio import allocate
from allocation.engine.question import Effort, Question
from allocation.engine.search import Deadline, Incumbent, largest_row_sum
from allocation.engine.variables import lay_out
from allocation.floors import Floors
from allocation.judge import check_outcome
from allocation.model import build
from allocation.options import Options
from allocation.outcome import FloorReport, Outcome, Proof, Reason, Status
from allocation.problem import Problem, TeamKey, exact_text
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item, some_units
from tests.outcomes import sealed

ONE, HALF = Fraction(1), Fraction(1, 2)


def allocated(problem: Problem, seconds: float = 60) -> Outcome:
    options = Options(time_limit_seconds=seconds)
    return allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)


def floors_of(outcome: Outcome) -> FloorReport:
    assert outcome.report.floors is not None
    return outcome.report.floors


def points_of(outcome: Outcome) -> dict[str, int]:
    return {team.team_key: team.floor for team in floors_of(outcome).teams}


def ten_units(*, floor_ratio: Fraction = ONE) -> Problem:
    """Red and blue have equal credits, so 5 units each: red is worth 50 on them, blue 45.

    Red wants 1 to 10 units at 10 points each, blue 6 units for 54 or none: its LP is 5/6 of 54.
    Without floors red gets all ten for 100. With blue served, red gets 4 units for 40 of its 50.
    """
    return a_problem(
        a_bid("blue-1", an_alternative(an_item(units=6), offer=54), team="blue"),
        a_bid("red-1", an_alternative(an_item(), offer=10, lots=(1, 10))),
        capacity=(some_units(reserved=10),),
        floor_ratio=floor_ratio,
    )


def one_unit(*teams: str, floor_ratio: Fraction = ONE) -> Problem:
    """Every team wants the only unit, each for less than the one before it."""
    bids = [a_bid(f"b{n}", an_alternative(offer=90 - n), team=t) for n, t in enumerate(teams)]
    return a_problem(*bids, capacity=(some_units(reserved=1),), floor_ratio=floor_ratio)


# --- what a floor is -----------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "blue", "red"), [(ONE, 45, 50), (HALF, 22, 25)])
def test_a_floor_is_a_part_of_what_the_team_alone_is_worth_on_its_slice(
    ratio: Fraction, blue: int, red: int
) -> None:
    assert points_of(allocated(ten_units(floor_ratio=ratio))) == {"blue": blue, "red": red}


def test_slices_follow_the_credits_of_all_teams_whether_they_bid_or_not() -> None:
    problem = replace(
        ten_units(), teams=(a_team("blue", 300), a_team("red", 100), a_team("silent", 100))
    )
    assert points_of(allocated(problem)) == {"blue": 54, "red": 20}


def test_slices_are_net_of_commitments_and_credits_are_not_cut() -> None:
    problem = replace(ten_units(), commitments=(some_units(reserved=2),))
    assert points_of(allocated(problem)) == {"blue": 36, "red": 40}
    poor = replace(ten_units(), teams=(a_team("blue", 60), a_team("red", 60)))
    assert points_of(allocated(poor)) == {"blue": 45, "red": 50}


def test_the_reserved_units_of_a_slice_bind_as_well() -> None:
    problem = replace(ten_units(), capacity=(some_units(reserved=6, spot=4),))
    assert points_of(allocated(problem)) == {"blue": 27, "red": 30}


@pytest.mark.parametrize("teams", [3, 6, 7, 11])
def test_a_hair_below_a_whole_number_counts_as_that_number(teams: int) -> None:
    """A slice of 1/n unit is worth exactly 10 of a bid of 10 n, whatever floating point says."""
    bids = [
        a_bid(f"b{n}", an_alternative(offer=10 * teams), team=f"t{n}", submitted_at=None)
        for n in range(teams)
    ]
    problem = a_problem(*bids, capacity=(some_units(reserved=1),), floor_ratio=ONE)
    assert set(points_of(allocated(problem)).values()) == {10}


@pytest.mark.parametrize(
    ("due", "most", "floor"),
    [(9.9999999, 10, 10), (9.99999, 10, 9), (9.9999999, 9.99999995, 9), (10.0000001, 12, 10)],
)
def test_a_floor_is_rounded_down_but_for_the_noise_of_floating_point(
    due: float, most: float, floor: int
) -> None:
    assert whole_floor(Fraction(due), Fraction(most)) == floor


def test_a_team_without_credits_has_a_floor_of_nothing() -> None:
    problem = replace(ten_units(), teams=(a_team("blue", 0), a_team("red", 1000)))
    outcome = allocated(problem)
    assert points_of(outcome) == {"blue": 0, "red": 100}
    assert [d.reason for d in outcome.declines] == [Reason.INSUFFICIENT_CREDITS]
    assert floors_of(outcome).is_proven
    assert check_outcome(problem, outcome) == ()


def test_without_any_credits_every_floor_is_nothing() -> None:
    problem = replace(ten_units(), teams=(a_team("blue", 0), a_team("red", 0)))
    outcome = allocated(problem)
    assert points_of(outcome) == {"blue": 0, "red": 0}
    assert check_outcome(problem, outcome) == ()


def test_a_round_without_bids_has_floors_for_nobody() -> None:
    problem = a_problem(floor_ratio=HALF)
    outcome = allocated(problem)
    assert floors_of(outcome).teams == ()
    assert check_outcome(problem, outcome) == ()


# --- what floors do ------------------------------------------------------------------------


def test_without_a_ratio_the_report_says_nothing_of_floors() -> None:
    assert allocated(ten_units(floor_ratio=Fraction(0))).report.floors is None


def test_the_largest_shortfall_is_smallest_before_value_counts() -> None:
    outcome = allocated(ten_units())
    floors = floors_of(outcome)
    assert (floors.shortfall_ratio, floors.is_proven) == (0.2, True)
    assert (outcome.report.value, floors.value_without_floors, floors.price_of_fairness) == (
        94, 100, 6,
    )  # fmt: skip
    assert (outcome.report.status, outcome.report.certified_bound) == (Status.OPTIMAL, 100)
    assert check_outcome(ten_units(), outcome) == ()


def test_floors_that_all_can_hold_hold() -> None:
    problem = ten_units(floor_ratio=Fraction(4, 5))
    outcome = allocated(problem)
    assert [(t.floor, t.value) for t in floors_of(outcome).teams] == [(36, 54), (40, 40)]
    assert floors_of(outcome).shortfall_ratio == 0
    assert check_outcome(problem, outcome) == ()


def test_an_outcome_that_meets_every_floor_anyway_is_not_changed_by_them() -> None:
    problem = ten_units(floor_ratio=Fraction(1, 100))
    rich = replace(problem, capacity=(some_units(reserved=16),))
    without = allocated(replace(rich, floor_ratio=Fraction(0)))
    outcome = allocated(rich)
    assert outcome.report.outcome_sha256 == without.report.outcome_sha256
    assert floors_of(outcome).price_of_fairness == 0


def test_of_a_unit_that_cannot_be_shared_the_most_valuable_bid_still_wins() -> None:
    problem = one_unit("blue", "red", "teal")
    outcome = allocated(problem)
    floors = floors_of(outcome)
    assert points_of(outcome) == {"blue": 30, "red": 29, "teal": 29}
    assert (floors.shortfall_ratio, floors.is_proven, outcome.report.value) == (1.0, True, 90)
    assert check_outcome(problem, outcome) == ()


def test_where_the_engine_has_no_answer_floors_are_high_enough_and_the_outcome_is_judged() -> None:
    problem = ten_units()
    outcome = baseline_outcome(problem, Options(), time.monotonic, "There is no engine.")
    assert check_outcome(problem, outcome) == ()
    exact = points_of(allocated(problem))
    assert all(floor >= exact[team] for team, floor in points_of(outcome).items())


# --- the parts -----------------------------------------------------------------------------


def test_steps_towards_a_smaller_shortfall_are_exact() -> None:
    floors = Floors((3, 0, 10))
    assert floors.largest_shortfall([2, 0, 9]) == Fraction(1, 3)
    assert floors.largest_shortfall([3, 0, 11]) == 0
    assert floors.least_values(Fraction(0)) == [3, 0, 10]
    assert floors.least_values(Fraction(1, 3)) == [2, 0, 7]
    assert floors.least_values_below(Fraction(1, 3)) == [3, 0, 7]
    assert floors.least_values_below(Fraction(1)) == [1, 0, 1]


def test_the_rows_of_floors_say_what_the_formula_says() -> None:
    model = demanding(build(build_columns(ten_units())), [45, 0])
    floors = model.floors
    assert (floors.names, floors.upper.tolist()) == (("C7[blue]",), [-45])
    assert (floors.column.tolist(), floors.coefficient.tolist()) == ([0], [-54])
    assert largest_row_sum(model) == largest_row_sum(build(build_columns(ten_units())))


@pytest.mark.parametrize(("lots", "is_feasible"), [([1, 4], True), ([0, 10], False)])
def test_an_outcome_that_misses_what_is_demanded_is_not_feasible(
    lots: list[int],
    is_feasible: bool,  # noqa: FBT001  # a table's column
) -> None:
    columns = build_columns(ten_units()).demanding([45, 40])
    assert rounding.is_feasible(columns, np.array(lots)) is is_feasible


def test_what_misses_a_floor_never_replaces_what_holds_it() -> None:
    columns = build_columns(ten_units()).demanding([45, 0])
    incumbent = Incumbent(columns, 100, np.array([1, 4]))
    incumbent.offer(np.array([0, 10]))
    assert incumbent.lots.tolist() == [1, 4]


def test_a_part_of_a_round_has_to_reach_what_the_rest_does_not() -> None:
    columns = build_columns(ten_units()).demanding([45, 30])
    part = part_of(columns, np.array([True, False]), np.array([0, 4]))
    assert part.columns.limits.least_value.tolist() == [45, -10]


def test_teams_are_served_up_to_their_floors_before_anybody_gets_more() -> None:
    columns = build_columns(ten_units())
    deadline = Deadline(time.monotonic, time.monotonic() + 10)
    assert rounding.serve_up_to(columns, [1, 0], [45, 35]).tolist() == [1, 4]
    served = serve_floors(columns, Floors((45, 50)), [1, 0], deadline)
    assert [1, 4] in [lots.tolist() for lots in served]


def test_the_core_of_a_large_round_is_asked_for_floors_as_well() -> None:
    model = demanding(build(build_columns(ten_units())), [45, 40])
    question = Question(model, lay_out(model), None, None, np.array([True, True]))
    effort = Effort(0, 2, Deadline(time.monotonic, time.monotonic() + 10))
    answer = ask_core(question, effort)
    assert answer.lots is not None
    assert answer.lots.tolist() == [1, 4]
    too_much = demanding(model, [54, 50])
    assert ask_core(replace(question, model=too_much), effort).lots is None


@pytest.mark.parametrize(
    ("ratio", "text"), [(HALF, "0.5"), (ONE, "1.0"), (Fraction(1, 8), "0.125"), (ONE / 3, "1/3")]
)
def test_a_ratio_is_written_with_all_its_digits(ratio: Fraction, text: str) -> None:
    assert exact_text(ratio) == text


# --- the judge -----------------------------------------------------------------------------

Spoil = Callable[[Outcome], Outcome]


def report(**changes: Any) -> Spoil:
    return lambda outcome: replace(outcome, report=replace(outcome.report, **changes))


def floors(**changes: Any) -> Spoil:
    return lambda outcome: report(floors=replace(floors_of(outcome), **changes))(outcome)


def team(number: int, **changes: Any) -> Spoil:
    def spoil(outcome: Outcome) -> Outcome:
        teams = list(floors_of(outcome).teams)
        teams[number] = replace(teams[number], **changes)
        return floors(teams=tuple(teams))(outcome)

    return spoil


SPOILT: list[tuple[str, str, Spoil]] = [
    ("no floors", "floors", report(floors=None)),
    ("another ratio", "floor-ratio", floors(ratio="0.9")),
    ("a ratio that is written otherwise", "floor-ratio", floors(ratio="1")),
    ("no teams", "floor-teams", floors(teams=())),
    ("a team that does not bid", "floor-teams", team(0, team_key=TeamKey("silent"))),
    ("teams out of order", "floor-teams", lambda o: floors(teams=floors_of(o).teams[::-1])(o)),
    ("a floor that is too high", "floor", team(1, floor=56, shortfall=16)),
    ("a floor below nothing", "floor", team(0, floor=-1)),
    ("another value of a team", "floor-value", team(0, value=55)),
    ("another shortfall of a team", "floor-shortfall", team(1, shortfall=9)),
    ("another largest shortfall", "shortfall-ratio", floors(shortfall_ratio=0.19)),
    ("a price that does not add up", "price-of-fairness", floors(price_of_fairness=5)),
    (
        "a value without floors below a baseline",
        "value-without-floors",
        floors(value_without_floors=94, price_of_fairness=0),
    ),
    (
        "a value without floors that cannot be",
        "value-without-floors",
        floors(value_without_floors=101, price_of_fairness=7),
    ),
    ("a shortfall that is not proven to be smallest", "status", floors(is_proven=False)),
    (
        "a proof where the shortfall is open",
        "proof",
        lambda o: report(status=Status.FEASIBLE)(floors(is_proven=False)(o)),
    ),
    ("a shortfall as text", "not-well-formed", floors(shortfall_ratio="0.2")),
    ("a truth value as number", "not-well-formed", floors(is_proven=1)),
    ("a floor with a fraction", "not-well-formed", team(0, floor=45.0)),
]


@pytest.mark.parametrize(
    ("code", "spoil"), [pytest.param(code, spoil, id=name) for name, code, spoil in SPOILT]
)
def test_a_defect_in_what_is_said_of_floors_is_seen(code: str, spoil: Spoil) -> None:
    spoilt = spoil(allocated(ten_units()))
    assert code in {violation.code for violation in check_outcome(ten_units(), spoilt)}


def test_floors_where_the_policy_has_none_are_seen() -> None:
    problem = replace(ten_units(), floor_ratio=Fraction(0))
    outcome = report(floors=floors_of(allocated(ten_units())))(allocated(problem))
    assert "floors" in {violation.code for violation in check_outcome(problem, outcome)}


def test_an_outcome_that_misses_the_floors_more_than_a_baseline_is_seen() -> None:
    """Without floors red gets everything; first come serves blue and misses the floors less."""
    problem = ten_units()
    fair, rich = allocated(problem), allocated(replace(problem, floor_ratio=Fraction(0)))
    blue, red = floors_of(fair).teams
    said = replace(
        floors_of(fair),
        teams=(replace(blue, value=0, shortfall=45), replace(red, value=100, shortfall=0)),
        shortfall_ratio=1.0,
        price_of_fairness=0,
    )
    spoilt = report(
        floors=said, problem_sha256=fair.report.problem_sha256, proof=Proof.CERTIFIED
    )(rich)  # fmt: skip
    found = {violation.code for violation in check_outcome(problem, sealed(spoilt))}
    assert found == {"below-baseline"}
