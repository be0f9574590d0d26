"""Overrides of small rounds, held against looking at every outcome: fewest changed, most value.

The reference counts a kept award more than all value of the round together, and a pin more than all
kept awards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation import prices
from allocation.engine.override import override_outcome
from allocation.engine.override_columns import most_per_lot
from allocation.engine.portfolio import allocate
from allocation.errors import ImpossibleOverride
from allocation.judge import check_overridden
from allocation.judge.override import check_pins
from allocation.options import Options
from allocation.outcome import (
    Decline,
    Outcome,
    Override,
    OverrideReport,
    Placed,
    Reason,
)
from allocation.problem import Alternative, BidKey, Problem, TeamKey
from allocation.wire import outcome_sha256, report_document, report_from_document
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item
from tests.reference import Best, Choice, Counted, Rule, best_outcome
from tests.strategies import problems

OVERRIDES = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def decided(problem: Problem) -> Outcome:
    return allocate(problem, Options(30), time.monotonic, lambda _: None, lambda _: None)


def overridden(problem: Problem, before: Outcome, override: Override) -> Outcome:
    return override_outcome(problem, before, override, Options(30), time.monotonic, lambda _: None)


def way_of(problem: Problem, bid_key: str, number: int) -> Alternative:
    [bid] = [bid for bid in problem.bids if bid.key == bid_key]
    return next(way for way in bid.alternatives if way.number == number)


@st.composite
def overrides(draw: st.DrawFn, problem: Problem, before: Outcome) -> Override:
    """Draw a pin of any placement that could stand alone, or an exclusion of an award, or both."""
    wanted = [
        Placed(bid.key, way.number, start, lots)
        for bid in problem.bids
        for way in bid.alternatives
        for start in way.starts
        for lots in {way.min_lots, way.max_lots}
    ]
    able = [one for one in wanted if not check_pins(problem, before, [one])]
    awarded = [award.bid_key for award in before.awards]
    some = st.lists(st.sampled_from(able), min_size=1, max_size=2, unique_by=lambda p: p.bid_key)
    excludes_alone = bool(awarded) and draw(st.booleans())
    pinned = draw(some) if able and not excludes_alone else []
    rest = sorted(set(awarded) - {one.bid_key for one in pinned})
    least = 0 if pinned else 1
    excluded = draw(st.lists(st.sampled_from(rest), min_size=least, max_size=1)) if rest else []
    paid = {
        team.key: sum(
            award.payment_credits
            for award in before.awards
            if team_of(problem, award.bid_key) == team.key
        )
        for team in problem.teams
    }
    spare = draw(st.sampled_from([1000, 1000, 3, 0]))
    payable = tuple((team, credits_ + spare) for team, credits_ in paid.items())
    return Override(tuple(pinned), tuple(excluded), payable)


def team_of(problem: Problem, bid_key: str) -> TeamKey:
    return next(bid.team_key for bid in problem.bids if bid.key == bid_key)


def looked_at_all(
    problem: Problem, before: Outcome, override: Override
) -> tuple[int, int, Best] | None:
    """Return the most awards that can stay, the most value with them, and the best outcome.

    None where no outcome has what is set.
    """
    kept = {award.placed for award in before.awards if award.bid_key not in override.decided}
    listed = prices.price_list(problem, before.certificate)
    pricing = before.report.pricing
    total = sum(
        max(way.value_score_per_lot * way.max_lots for way in bid.alternatives)
        for bid in problem.bids
    )
    stay = total + 1
    pin = stay * (len(problem.bids) + 1)

    def count(choice: Choice) -> Counted | None:
        placed = Placed(BidKey(choice[0]), *choice[1:])
        way = way_of(problem, placed.bid_key, placed.alternative)
        exact = prices.payment_credits(problem, listed, pricing, way, placed.start, placed.lots)
        if placed in override.pinned:
            return Counted(pin, exact)
        if placed.bid_key in override.decided:
            return None
        if placed in kept:
            return Counted(stay, exact)
        cost = listed.list_cost_microcredits(way, placed.start)
        return Counted(0, placed.lots * most_per_lot(problem, pricing, way, cost))

    best = best_outcome(problem, rule=Rule(count, dict(override.payable)))
    pins, rest = divmod(best.value, pin)
    if pins < len(override.pinned):
        return None
    return (*divmod(rest, stay), best)


@given(st.data(), problems(max_bids=6))
@OVERRIDES
def test_an_override_changes_fewest_awards_and_then_has_most_value(
    data: st.DataObject, problem: Problem
) -> None:
    before = decided(problem)
    override = data.draw(overrides(problem, before))
    found = looked_at_all(problem, before, override)
    if found is None:
        with pytest.raises(ImpossibleOverride):
            overridden(problem, before, override)
        return
    most_kept, most_value, best = found
    outcome = overridden(problem, before, override)
    told = outcome.report.override
    assert told is not None
    assert (told.is_fewest, told.is_best) == (True, True)
    assert (told.kept, outcome.report.value) == (most_kept, most_value)
    assert told.changed == len(told.others) - most_kept
    assert check_overridden(problem, before, override, outcome) == ()
    if best.outcome_count == 1:
        choices = [(a.bid_key, a.alternative, a.start, a.lots) for a in outcome.awards]
        assert choices == list(best.choices)


def test_what_cannot_stand_together_is_refused() -> None:
    problem, before = a_contest()
    both = tuple(Placed(BidKey(key), 1, problem.starts_on, 1) for key in ("low", "top"))
    with pytest.raises(ImpossibleOverride, match="does not fit"):
        overridden(problem, before, Override(both))
    assert any("take 12 units of gpu" in one.sentence for one in check_pins(problem, before, both))


def a_contest() -> tuple[Problem, Outcome]:
    """Return a day with room for one of two, and a small one beside either; top and small won."""
    bids = [
        a_bid("low", an_alternative(an_item(units=6), offer=50)),
        a_bid("small", an_alternative(an_item(units=2), offer=20)),
        a_bid("top", an_alternative(an_item(units=6), offer=90)),
    ]
    problem = a_problem(*bids, days=1, teams=[a_team(credits_=1000)])
    problem = replace(
        problem,
        capacity=tuple(replace(row, reserved_units=8, spot_units=0) for row in problem.capacity),
    )
    return problem, decided(problem)


@pytest.mark.parametrize("most_lots", [3, 40])
def test_a_wide_bid_in_front_changes_nothing_of_what_is_set_kept_and_paid(most_lots: int) -> None:
    """A bid that may have many sizes moves all variables behind it, few or many of them."""
    problem, _ = a_contest()
    wide = a_bid("a-wide", an_alternative(an_item(units=1), offer=1, lots=(1, most_lots)))
    problem = replace(problem, bids=(wide, *problem.bids))
    before = decided(problem)
    payable = tuple((team.key, 71) for team in problem.teams)
    override = Override((Placed(BidKey("low"), 1, problem.starts_on, 1),), (), payable)
    outcome = overridden(problem, before, override)
    told = outcome.report.override
    assert told is not None
    assert [award.bid_key for award in outcome.awards] == ["low", "small"]
    assert (told.kept, told.changed, told.is_fewest, told.is_best) == (1, 1, True, True)


def pinned_low() -> tuple[Problem, Outcome, Override, Outcome]:
    problem, before = a_contest()
    payable = tuple((team.key, team.credits) for team in problem.teams)
    override = Override((Placed(BidKey("low"), 1, problem.starts_on, 1),), (), payable)
    return problem, before, override, overridden(problem, before, override)


def test_a_pin_displaces_who_was_in_its_place_and_its_price_is_the_value_that_is_lost() -> None:
    problem, before, override, outcome = pinned_low()
    assert [award.bid_key for award in before.awards] == ["small", "top"]
    assert [award.bid_key for award in outcome.awards] == ["low", "small"]
    assert before.report.value - outcome.report.value == 40
    assert outcome.declines == (Decline(BidKey("top"), Reason.OVERRIDE, 1),)
    assert outcome.prices == before.prices
    assert check_overridden(problem, before, override, outcome) == ()
    assert report_from_document(report_document(outcome.report)) == outcome.report


Spoil = Callable[[Outcome, OverrideReport], Outcome]


def told_otherwise(outcome: Outcome, told: OverrideReport) -> Outcome:
    return replace(outcome, report=replace(outcome.report, override=told))


SPOILT: dict[str, tuple[str, Spoil]] = {
    "another pin": (
        "pin",
        lambda o, t: told_otherwise(
            o,
            replace(
                t, override=replace(t.override, pinned=(replace(t.override.pinned[0], lots=2),))
            ),
        ),
    ),
    "an exclusion that is awarded": (
        "exclusion",
        lambda o, t: told_otherwise(
            o, replace(t, override=replace(t.override, excluded=(BidKey("small"),)))
        ),
    ),
    "more kept": ("override-kept", lambda o, t: told_otherwise(o, replace(t, kept=2))),
    "another value before": (
        "override-before",
        lambda o, t: told_otherwise(o, replace(t, before_value=111)),
    ),
    "a team that cannot pay": (
        "override-payable",
        lambda o, t: told_otherwise(
            o,
            replace(t, override=replace(t.override, payable=((TeamKey("red"), 1),))),
        ),
    ),
    "a loser without the reason": (
        "reason",
        lambda o, _: redeclined(o, Reason.OUTBID),
    ),
}


def redeclined(outcome: Outcome, reason: Reason) -> Outcome:
    declines = tuple(replace(decline, reason=reason) for decline in outcome.declines)
    sha256 = outcome_sha256(outcome.awards, declines, outcome.prices)
    report = replace(outcome.report, outcome_sha256=sha256)
    return replace(outcome, declines=declines, report=report)


@pytest.mark.parametrize("what", SPOILT)
def test_the_judge_sees(what: str) -> None:
    problem, before, override, outcome = pinned_low()
    code, spoil = SPOILT[what]
    told = outcome.report.override
    assert told is not None
    spoilt = spoil(outcome, told)
    asked = spoilt.report.override.override if spoilt.report.override else override
    found = check_overridden(problem, before, asked, spoilt)
    assert code in {violation.code for violation in found}


def test_the_judge_sees_an_award_that_could_stay_and_one_that_is_missing() -> None:
    problem, before, override, outcome = pinned_low()
    told = outcome.report.override
    assert told is not None
    bare = tuple(award for award in outcome.awards if award.bid_key == "low")
    lost = tuple(Decline(BidKey(key), Reason.OVERRIDE, 1) for key in ("small", "top"))
    report = replace(outcome.report, override=replace(told, kept=0), value=50)
    spoilt = replace(outcome, awards=bare, declines=lost, report=report)
    found = {violation.code for violation in check_overridden(problem, before, override, spoilt)}
    assert "still-fits" in found


def test_an_outcome_of_another_override_is_refused() -> None:
    problem, before, override, outcome = pinned_low()
    other = replace(override, excluded=(BidKey("top"),))
    assert [v.code for v in check_overridden(problem, before, other, outcome)] == ["override"]
    dearer = replace(
        outcome,
        prices=tuple(
            replace(p, list_price_microcredits=p.list_price_microcredits + 1)
            for p in outcome.prices
        ),
    )
    assert check_overridden(problem, before, override, dearer)
