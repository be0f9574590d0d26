"""Fairness floors against brute force on small rounds: shortfall, value, tie-break, judge."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation.assembly import baseline_outcome
from allocation.engine.portfolio import allocate
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.outcome import FloorReport, Outcome, Status, TieBreak
from allocation.problem import Alternative, Problem, Tier
from tests.builders import a_bid, a_calendar, a_problem, an_alternative, an_item
from tests.reference import best_outcome
from tests.strategies import problems

ROUNDS = settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
FEWER_ROUNDS = settings(ROUNDS, max_examples=50)
RATIOS = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(9, 10)])


@st.composite
def rounds_with_floors(draw: st.DrawFn) -> Problem:
    """Draw a round of any shape, or twice as often one in which floors are hard to hold."""
    problem = draw(st.one_of(problems(max_bids=6), tight_rounds(), tight_rounds()))
    return replace(problem, floor_ratio=draw(RATIOS))


@st.composite
def tight_rounds(draw: st.DrawFn) -> Problem:
    """Draw a round in which teams of equal credits bid for lumps of one small pool."""
    teams = ("blue", "red", "teal")[: draw(st.sampled_from([2, 3]))]
    count = draw(st.sampled_from([6, 5, 4, 3]))
    bids = [a_bid(f"b{n}", draw(lumps()), team=teams[n % len(teams)]) for n in range(count)]
    units = draw(st.sampled_from([4, 6, 5, 3]))
    return a_problem(*bids, capacity=a_calendar(days=3, reserved=units, spot=0), days=3)


@st.composite
def lumps(draw: st.DrawFn) -> Alternative:
    item = an_item(units=draw(st.sampled_from([3, 2, 4, 1])), days=draw(st.sampled_from([3, 2, 1])))
    lots = (1, draw(st.sampled_from([1, 1, 2])))
    tier, offer = draw(st.sampled_from(Tier)), draw(st.integers(1, 20))
    return an_alternative(item, tier=tier, offer=offer, lots=lots)


def allocated(problem: Problem, seed: int = 0) -> tuple[Outcome, FloorReport]:
    options = Options(time_limit_seconds=60, seed=seed)
    outcome = allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)
    floors = outcome.report.floors
    assert floors is not None
    return outcome, floors


@ROUNDS
@given(rounds_with_floors())
def test_the_outcome_with_floors_is_the_one_that_brute_force_finds(problem: Problem) -> None:
    outcome, floors = allocated(problem)
    best = best_outcome(problem, {team.team_key: team.floor for team in floors.teams})
    assert check_outcome(problem, outcome) == ()
    assert floors.is_proven
    assert floors.shortfall_ratio == float(best.shortfall)
    assert (outcome.report.status, outcome.report.value) == (Status.OPTIMAL, best.value)
    assert floors.value_without_floors == best_outcome(problem).value
    assert (outcome.report.tie_break is TieBreak.UNIQUE) == (best.outcome_count == 1)
    if best.outcome_count == 1:
        found = tuple((a.bid_key, a.alternative, a.start, a.lots) for a in outcome.awards)
        assert found == best.choices


@FEWER_ROUNDS
@given(rounds_with_floors(), st.integers(0, 2**32))
def test_floors_are_the_same_whatever_the_seed(problem: Problem, seed: int) -> None:
    outcome, floors = allocated(problem)
    other, other_floors = allocated(problem, seed)
    assert other.report.outcome_sha256 == outcome.report.outcome_sha256
    assert other_floors == floors


@FEWER_ROUNDS
@given(rounds_with_floors())
def test_a_higher_ratio_never_lowers_a_floor(problem: Problem) -> None:
    _, floors = allocated(problem)
    _, halved = allocated(replace(problem, floor_ratio=problem.floor_ratio / 2))
    pairs = zip(floors.teams, halved.teams, strict=True)
    assert all(full.floor >= half.floor for full, half in pairs)


@FEWER_ROUNDS
@given(rounds_with_floors(), st.sampled_from([0.001, 0.02]))
def test_every_outcome_with_floors_is_judged_however_short_the_time(
    problem: Problem, seconds: float
) -> None:
    kept: list[Outcome] = []
    options = Options(time_limit_seconds=seconds)
    last = allocate(problem, options, time.monotonic, lambda _: None, kept.append)
    without = baseline_outcome(problem, options, time.monotonic, "There is no engine.")
    for outcome in (*kept, last, without):
        assert check_outcome(problem, outcome) == ()


@FEWER_ROUNDS
@given(rounds_with_floors())
def test_without_an_engine_no_floor_is_too_low(problem: Problem) -> None:
    outcome = baseline_outcome(problem, Options(), time.monotonic, "There is no engine.")
    high = outcome.report.floors
    assert high is not None
    _, exact = allocated(problem)
    assert all(h.floor >= e.floor for h, e in zip(high.teams, exact.teams, strict=True))
