"""Contests of small rounds, held against looking at every outcome: the goals, in their order.

The reference counts a point of who comes first more than all value together, a point of value more
than all holders, and a holder kept whole one.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation.engine.contests import contest_outcome
from allocation.errors import InvalidProblem
from allocation.folders import InvalidFolder, read_round, write_round
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.outcome import Outcome
from allocation.problem import Bid, Contest, Problem, Tier
from allocation.wire import (
    outcome_document,
    outcome_from_document,
    problem_from_round_document,
    problem_sha256,
    round_document,
)
from tests.builders import a_bid, a_calendar, a_problem, a_team, an_alternative, an_item
from tests.markets import described
from tests.reference import Choice, Counted, Rule, best_outcome
from tests.strategies import problems

CONTESTS = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def contested(problem: Problem) -> Outcome:
    return contest_outcome(problem, Options(30), time.monotonic, lambda _: None)


def as_holder(bid: Bid) -> Bid:
    way = bid.alternatives[0]
    return replace(bid, alternatives=(replace(way, latest_start=way.earliest_start),))


@st.composite
def contests(draw: st.DrawFn) -> Problem:
    """Draw a round in which some bids hold something, and some come first."""
    problem = replace(draw(problems()), floor_ratio=0)
    keys = [bid.key for bid in problem.bids]
    some = st.lists(st.sampled_from(keys), unique=True) if keys else st.just([])
    holders, first = draw(some), draw(some)
    bids = tuple(as_holder(bid) if bid.key in holders else bid for bid in problem.bids)
    return replace(problem, bids=bids, contest=Contest(tuple(first), tuple(holders)))


def goals(problem: Problem, choices: list[Choice]) -> tuple[int, int, int]:
    """Return first value, value and holders kept whole of some awards."""
    assert problem.contest is not None
    ways = {(b.key, w.number): w for b in problem.bids for w in b.alternatives}
    worth = {c[0]: ways[c[0], c[1]].value_score_per_lot * c[3] for c in choices}  # type: ignore[index]
    lots = {c[0]: c[3] == ways[c[0], c[1]].max_lots for c in choices}  # type: ignore[index]
    first = sum(worth.get(key, 0) for key in problem.contest.first)
    return first, sum(worth.values()), sum(lots.get(key, False) for key in problem.contest.holders)


def best_goals(problem: Problem) -> tuple[int, int, int]:
    """Look at every outcome; return what the best one reaches."""
    total = sum(
        max(way.value_score_per_lot * way.max_lots for way in bid.alternatives)
        for bid in problem.bids
    )
    holder = len(problem.bids) + 1

    def count(choice: Choice) -> Counted:
        first, value, kept = goals(problem, [choice])
        return Counted((first * (total + 1) + value) * holder + kept - value, 0)

    rule = Rule(count, {team.key: 10**9 for team in problem.teams})
    return goals(problem, list(best_outcome(replace(problem, contest=None), rule=rule).choices))


@CONTESTS
@given(contests())
def test_goals_are_reached_in_their_order(problem: Problem) -> None:
    outcome = contested(problem)
    told = outcome.report.contest
    assert check_outcome(problem, outcome) == ()
    assert told is not None
    assert told.is_fewest
    reached = (told.first_value, outcome.report.value, told.kept)
    assert reached == best_goals(problem)


def a_loss(*, spot_value: int = 900) -> Problem:
    """Return a round of three units in which two reserved holders and a spot holder have four."""
    two = an_item(units=2, days=5)
    return a_problem(
        a_bid("a", an_alternative(an_item(days=5), value=10), team="standing"),
        a_bid("b", an_alternative(two, value=15), team="standing"),
        a_bid("c", an_alternative(an_item(days=5), tier=Tier.SPOT, value=spot_value)),
        capacity=a_calendar(reserved=3, spot=0),
        teams=[a_team("standing", 10**6)],
    )


def test_spot_gives_way_before_reserved_however_much_it_is_worth() -> None:
    problem = replace(a_loss(), contest=Contest(first=("a", "b"), holders=("a", "b", "c")))  # type: ignore[arg-type]
    outcome = contested(problem)
    assert [award.bid_key for award in outcome.awards] == ["a", "b"]
    assert check_outcome(problem, outcome) == ()


def test_an_outcome_that_lets_spot_stand_before_who_comes_first_is_refused() -> None:
    problem = replace(a_loss(), contest=Contest(holders=("a", "b", "c")))  # type: ignore[arg-type]
    by_value = contested(problem)
    first = replace(problem, contest=Contest(first=("a", "b"), holders=("a", "b", "c")))  # type: ignore[arg-type]
    assert [award.bid_key for award in by_value.awards] == ["b", "c"]
    told = by_value.report.contest
    assert told is not None
    report = replace(
        by_value.report,
        problem_sha256=problem_sha256(first),
        contest=replace(told, first_value=15),
    )
    codes = {one.code for one in check_outcome(first, replace(by_value, report=report))}
    assert "contest-first" in codes


@pytest.mark.parametrize("change", [{"first_value": 1}, {"kept": 0}, {"is_best": False}])
def test_a_contest_that_is_not_told_truly_is_refused(change: dict[str, int]) -> None:
    problem = replace(a_loss(), contest=Contest(holders=("a", "b", "c")))  # type: ignore[arg-type]
    outcome = contested(problem)
    assert outcome.report.contest is not None
    told = replace(outcome.report.contest, **change)
    report = replace(outcome.report, contest=told)
    assert check_outcome(problem, replace(outcome, report=report))
    untold = replace(outcome.report, contest=None)
    assert check_outcome(problem, replace(outcome, report=untold))


def test_of_equally_valued_outcomes_the_holder_stays() -> None:
    bids = (a_bid("held", an_alternative(value=5)), a_bid("new", an_alternative(value=5)))
    for nonce in "abcdef":
        problem = a_problem(*bids, capacity=a_calendar(reserved=1, spot=0), nonce=nonce)
        problem = replace(problem, contest=Contest(holders=("held",)))  # type: ignore[arg-type]
        assert [award.bid_key for award in contested(problem).awards] == ["held"]


def test_a_contest_travels_in_documents() -> None:
    problem = replace(a_loss(), contest=Contest(first=("a",), holders=("a", "b", "c")))  # type: ignore[arg-type]
    assert problem_from_round_document(round_document(problem)) == problem
    assert problem_sha256(problem) != problem_sha256(replace(problem, contest=None))
    outcome = contested(problem)
    assert outcome_from_document(outcome_document(outcome)) == outcome


def test_a_contest_names_bids_of_its_round_and_holders_of_one_award() -> None:
    wide = a_bid("wide", an_alternative(starts=(0, 1)))
    for contest in (Contest(first=("gone",)), Contest(holders=("wide",))):  # type: ignore[arg-type]
        with pytest.raises(InvalidProblem):
            replace(a_problem(wide), contest=contest)


def test_a_contest_is_written_to_a_folder_and_read_back(tmp_path: Path) -> None:
    problem = replace(a_loss(), contest=Contest(first=("a",), holders=("a", "b", "c")))  # type: ignore[arg-type]
    write_round(tmp_path, described(problem))
    assert read_round(tmp_path).problem == problem
    write_round(tmp_path, described(replace(problem, contest=None)))
    assert read_round(tmp_path).problem.contest is None


def test_a_broken_contest_is_refused_with_its_line(tmp_path: Path) -> None:
    wide = a_bid("wide", an_alternative(starts=(0, 1)))
    write_round(tmp_path, described(a_problem(wide)))
    (tmp_path / "contest.csv").write_text("bid_key,comes_first,is_held\ngone,yes,no\nwide,no,yes\n")
    with pytest.raises(InvalidFolder) as refused:
        read_round(tmp_path)
    assert [(one.line, one.column) for one in refused.value.findings] == [
        (2, "bid_key"),
        (3, "is_held"),
    ]
