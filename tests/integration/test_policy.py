"""A policy in force scores what teams bid, and the close of a round freezes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from sqlalchemy import select, text

from allocation.options import Options, Progress
from allocation.outcome import Outcome, Pricing
from allocation.problem import Problem
from broker.audit import ActorId, Change
from broker.db import Database, reading, transact
from broker.errors import InvalidBid, InvalidPolicy, Refused
from broker.policy.documents import policy_sha256
from broker.policy.frozen import check_scores
from broker.policy.pledges import NO_PLEDGE, Pledge
from broker.policy.scores import FactorKind
from broker.policy.tables import PolicyVersionRow, RoundPolicyRow
from broker.policy.versions import Adoption, adopt_policy, policy_in_force
from broker.round_documents import show_round
from broker.rounds import close_round, find_round
from broker.tables import BidRow
from tests.builders import a_bid, a_problem, an_alternative
from tests.intruders import past_the_log
from tests.markets import (
    NOON,
    a_change,
    better_baseline,
    bring,
    described,
    event_kinds,
    events,
    run_it,
)
from tests.policies import READY, REQUIRED, THEME, a_policy, readiness
from tests.policy_markets import (
    CLOSED_DOOR,
    LAWYER,
    adopt,
    an_open_round,
    bid,
    do,
    drop_guard,
    frozen,
    score,
    value_scores,
)

# --- versions ------------------------------------------------------------------------------------


def test_a_policy_is_adopted_with_one_audit_event_in_its_transaction(market: Database) -> None:
    assert adopt(market, a_policy()) == 1
    with reading(market) as session:
        [event] = events(session)
    assert (event.kind, event.subject) == ("policy.adopted", "policy:1")
    assert json.loads(event.facts)["document_sha256"] == policy_sha256(a_policy())


def test_adopting_what_is_in_force_changes_nothing(market: Database) -> None:
    assert adopt(market, a_policy()) == 1
    assert adopt(market, a_policy(), hours=1) is None
    assert event_kinds(market) == ["policy.adopted"]


def test_a_policy_is_in_force_from_its_moment_on_until_the_next(either_market: Database) -> None:
    later = a_change(5).at
    adopt(either_market, a_policy(), hours=1)
    adopt(either_market, a_policy(floor_percent=50), hours=2, in_force_from=later)
    with reading(either_market) as session:
        at = {hours: policy_in_force(session, a_change(hours).at) for hours in (0, 1, 4.9, 5)}
    assert {hours: found.version if found else None for hours, found in at.items()} == {
        0: None,
        1: 1,
        4.9: 1,
        5: 2,
    }


def test_no_policy_begins_in_the_past_or_before_the_one_before_it(market: Database) -> None:
    with pytest.raises(Refused, match="is past"):
        adopt(market, a_policy(), hours=1, in_force_from=NOON)
    adopt(market, a_policy(), in_force_from=a_change(5).at)
    with pytest.raises(Refused, match="cannot begin before it"):
        adopt(market, a_policy(floor_percent=1), hours=1)


def test_a_policy_needs_a_reason(market: Database) -> None:
    with pytest.raises(InvalidPolicy, match="reason: is empty; say why"):
        do(market, adopt_policy, Adoption(a_policy(), " "))


def test_nobody_approves_the_own_policy(market: Database) -> None:
    with pytest.raises(Refused, match="ada proposed this policy and cannot approve it"):
        adopt(market, a_policy(), proposed_by=a_change().actor)
    adopt(market, a_policy(), proposed_by=LAWYER)
    with reading(market) as session:
        row = session.get_one(PolicyVersionRow, 1)
    assert (row.author, row.approver) == ("grace", "ada")


def test_between_close_and_publication_a_policy_needs_two_persons(market: Database) -> None:
    an_open_round(market)
    do(market, close_round, "sprint-1", hours=1)
    with pytest.raises(Refused, match="sprint-1 is closed and not yet published"):
        adopt(market, a_policy(), hours=1)
    assert adopt(market, a_policy(), hours=1, proposed_by=LAWYER) == 1
    run_it(market)
    assert adopt(market, a_policy(floor_percent=1), hours=2) == 2


# --- scores --------------------------------------------------------------------------------------


def test_a_bid_counts_by_the_policy_and_never_by_what_was_handed_in(market: Database) -> None:
    adopt(market, a_policy())
    an_open_round(market)
    bid(market, "ready", an_alternative(value=999), an_alternative(number=2, offer=7, value=1))
    bid(market, "bare", an_alternative(value=999), pledge=NO_PLEDGE)
    bid(market, "own-word", team="blue")
    do(market, close_round, "sprint-1", hours=1)
    assert value_scores(market) == {"ready": [125, 8], "bare": [51], "own-word": [110]}


def test_without_a_policy_an_offer_counts_as_it_is(market: Database) -> None:
    an_open_round(market)
    bid_id = bid(market, "b1", an_alternative(value=999), pledge=NO_PLEDGE)
    do(market, close_round, "sprint-1", hours=1)
    assert value_scores(market) == {"b1": [100]}
    found = score(market, bid_id)
    assert (found.multiplier_percent, found.policy_version) == (100, None)


def test_a_score_is_an_estimate_until_the_close_fixes_it(either_market: Database) -> None:
    adopt(either_market, a_policy())
    an_open_round(either_market)
    bid_id = bid(either_market, "b1")
    before = score(either_market, bid_id, hours=1)
    assert (before.is_estimate, before.policy_version, before.multiplier_percent) == (True, 1, 125)
    adopt(either_market, a_policy(themes=[THEME | {"confirmed_percent": 150}]), hours=2)
    assert score(either_market, bid_id, hours=2).multiplier_percent == 150
    do(either_market, close_round, "sprint-1", hours=3)
    run_it(either_market)
    adopt(either_market, a_policy(themes=[]), hours=4)
    after = score(either_market, bid_id, hours=24 * 365)
    assert (after.is_estimate, after.policy_version, after.multiplier_percent) == (False, 2, 150)
    assert [factor.kind for factor in after.factors] == [
        FactorKind.THEME,
        FactorKind.OWNER,
        FactorKind.MEASURE,
        FactorKind.END,
        FactorKind.CALIBRATION,
    ]
    assert after.factors[0].reason == "The bid serves Safer care, which is confirmed for the team."


def test_a_bid_from_a_folder_keeps_its_value_score_and_shows_the_exact_ratio(
    market: Database,
) -> None:
    adopt(market, a_policy(readiness=readiness(end=REQUIRED), approvals=CLOSED_DOOR))
    problem = a_problem(a_bid("b1", an_alternative(offer=300, value=400), team="blue"))
    bring(market, described(problem))
    assert frozen(market) == problem
    with reading(market) as session:
        [row] = session.scalars(select(BidRow))
    found = score(market, row.id)
    assert found.multiplier_percent is None
    assert [(one.kind, one.percent) for one in found.factors] == [
        (FactorKind.AS_IMPORTED, Fraction(400, 3))
    ]


def test_a_year_later_the_same_scores_follow_from_what_is_kept(either_market: Database) -> None:
    adopt(either_market, a_policy())
    an_open_round(either_market)
    for n in range(3):
        bid(either_market, f"b{n}", pledge=(READY, NO_PLEDGE, replace(READY, ends_on=None))[n])
    do(either_market, close_round, "sprint-1", hours=1)
    adopt(either_market, a_policy(themes=[]), hours=2, proposed_by=LAWYER)
    with reading(either_market) as session:
        assert list(check_scores(session, find_round(session, "sprint-1"))) == []
    with past_the_log(either_market) as session:
        drop_guard(session, "bid_score")
        session.execute(text("UPDATE bid_score SET multiplier_percent = 199"))
    with reading(either_market) as session:
        found = list(check_scores(session, find_round(session, "sprint-1")))
    assert len(found) == 3
    assert "bid b0: its policy gives a multiplier of 125 %, and 199 % is stored" in found[0]
    with past_the_log(either_market) as session:
        drop_guard(session, "bid_pledge")
        session.execute(text("UPDATE bid_pledge SET theme_key = NULL"))
    with reading(either_market) as session:
        found = list(check_scores(session, find_round(session, "sprint-1")))
    assert "do not have the hash that was frozen" in found[0]


def test_the_close_says_in_the_log_which_policy_it_froze(market: Database) -> None:
    adopt(market, a_policy())
    an_open_round(market)
    bid(market, "b1")
    do(market, close_round, "sprint-1", hours=1)
    with reading(market) as session:
        [closed] = [event for event in events(session) if event.kind == "round.closed"]
        row = session.get_one(RoundPolicyRow, find_round(session, "sprint-1").id)
        shown = show_round(session, "sprint-1")
    facts = json.loads(closed.facts)
    assert shown["policy_version"] == facts["policy_version"]
    assert shown["scores_sha256"] == facts["scores_sha256"]
    assert facts["policy_version"] == row.policy_version == 1
    assert facts["policy_sha256"] == policy_sha256(a_policy())
    assert facts["scores_sha256"] == row.scores_sha256


def test_floors_and_pricing_of_a_round_are_those_of_its_policy(market: Database) -> None:
    adopt(market, a_policy(floor_percent=25, pricing="pay-as-bid"))
    an_open_round(market)
    bid(market, "b1")
    do(market, close_round, "sprint-1", hours=1)
    assert frozen(market).floor_ratio == Fraction(1, 4)
    asked: list[Options] = []

    def solve(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
        asked.append(options)
        return better_baseline(replace(problem, floor_ratio=Fraction(0)), options, report)

    with pytest.raises(Exception, match="sprint-1"):
        run_it(market, solve=solve)
    assert [options.pricing for options in asked] == [Pricing.PAY_AS_BID]


def test_a_round_from_files_keeps_its_own_floors_and_pricing(market: Database) -> None:
    adopt(market, a_policy(floor_percent=25, pricing="pay-as-bid"))
    bring(market, described(a_problem(a_bid())))
    assert frozen(market).floor_ratio == 0
    outcome = run_it(market).outcome
    assert outcome is not None
    assert outcome.report.pricing is Pricing.CLEARING


WRONG_PLEDGES = {
    "theme": (
        Pledge("gone"),
        "theme: 'gone' is no theme of the policy in force; choose one of care.",
    ),
    "end": (Pledge(ends_on=dt.date(2026, 3, 1)), "end: 2026-03-01 is before the sprint starts"),
    "owner": (Pledge(owner_after_award="a\nb"), "owner after the award: holds a control character"),
    "measure": (Pledge(success_measure="x" * 1001), "success measure: has 1001 characters"),
}


@pytest.mark.parametrize("what", WRONG_PLEDGES)
def test_a_pledge_that_makes_no_sense_is_refused_with_the_bid(market: Database, what: str) -> None:
    pledge, finding = WRONG_PLEDGES[what]
    adopt(market, a_policy())
    an_open_round(market)
    with pytest.raises(InvalidBid) as caught:
        bid(market, "b1", pledge=pledge)
    assert len(caught.value.findings) == 1
    assert caught.value.findings[0].startswith(finding)


def test_a_change_after_the_close_by_somebody_else_is_told_with_both(market: Database) -> None:
    an_open_round(market)
    do(market, close_round, "sprint-1", hours=1)
    wish = Adoption(a_policy(), "Because.", LAWYER)
    change = Change(ActorId("linus"), a_change(1).at)
    transact(market, lambda session: adopt_policy(session, wish, change))
    with reading(market) as session:
        row = session.get_one(PolicyVersionRow, 1)
    assert (row.author, row.approver) == ("grace", "linus")
