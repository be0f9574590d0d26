"""A policy in force scores what teams bid; the close freezes it, and every bid is decided once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.judge import check_outcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Pricing, Reason
from allocation.problem import Alternative, Problem
from broker.audit import Actor, Change
from broker.bids import PlaceBid, place_bid
from broker.counterfactuals.answers import decided_round, rounds_to_explain, write_estimates
from broker.db import Database, reading, transact, writing
from broker.errors import InvalidBid, InvalidPolicy, Refused
from broker.policy.documents import Policy, policy_sha256
from broker.policy.frozen import Score, check_scores, score_of
from broker.policy.pledges import NO_PLEDGE, Pledge
from broker.policy.scores import FactorKind
from broker.policy.tables import PolicyVersionRow, RoundPolicyRow
from broker.policy.versions import Adoption, adopt_policy, policy_in_force, policy_of_round
from broker.round_documents import show_round
from broker.rounds import close_round, create_round, find_round, open_round
from broker.snapshots import frozen_problem
from broker.tables import AwardRow, BidRow, DeclineRow
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item
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
from tests.policies import READY, REQUIRED, THEME, a_document, a_policy, readiness

LAWYER = Actor("grace")
CLOSED_DOOR = [{"classification": "internal", "ask": "the data board", "approved_teams": ["red"]}]
"""A rule for pools of the classification that `described` gives to every pool."""


def do(db: Database, service: Callable[..., Any], *arguments: Any, hours: float = 0) -> Any:
    return transact(db, lambda session: service(session, *arguments, a_change(hours)))


def adopt(db: Database, policy: Policy, *, hours: float = 0, **more: Any) -> int | None:
    version: int | None = do(db, adopt_policy, Adoption(policy, "Because.", **more), hours=hours)
    return version


def an_open_round(db: Database) -> None:
    teams = [a_team("red"), a_team("blue")]
    offer: RoundFolder = described(a_problem(teams=teams))
    do(db, create_round, offer)
    do(db, open_round, "sprint-1")


def bid(
    db: Database,
    key: str,
    *alternatives: Alternative,
    team: str = "red",
    pledge: Pledge = READY,
    hours: float = 0,
) -> str:
    wish = PlaceBid("sprint-1", key, team, "Train", alternatives or (an_alternative(),), pledge)
    bid_id: str = do(db, place_bid, wish, hours=hours)
    return bid_id


def score(db: Database, bid_id: str, hours: float = 0) -> Score:
    with reading(db) as session:
        return score_of(session, session.get_one(BidRow, bid_id), a_change(hours).at)


def frozen(db: Database) -> Problem:
    with reading(db) as session:
        return frozen_problem(session, find_round(session, "sprint-1"))


def value_scores(db: Database) -> dict[str, list[int]]:
    return {
        one.key: [way.value_score_per_lot for way in one.alternatives] for one in frozen(db).bids
    }


def declines(db: Database) -> dict[str, DeclineRow]:
    with reading(db) as session:
        rows = session.execute(
            select(col(BidRow.key), DeclineRow).join(
                DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id)
            )
        )
        return dict(rows.all())


def drop_guard(session: Session, table: str) -> None:
    """Let a table's rows be rewritten, as whoever owns the database can."""
    on = f" ON {table}" if session.get_bind().dialect.name == "postgresql" else ""
    session.execute(text(f"DROP TRIGGER guard_{table}_update{on}"))


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
    with writing(either_market) as session:
        drop_guard(session, "bid_score")
        session.execute(text("UPDATE bid_score SET multiplier_percent = 199"))
    with reading(either_market) as session:
        found = list(check_scores(session, find_round(session, "sprint-1")))
    assert len(found) == 3
    assert "bid b0: its policy gives a multiplier of 125 %, and 199 % is stored" in found[0]
    with writing(either_market) as session:
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


# --- bars ----------------------------------------------------------------------------------------


def test_a_bid_that_a_rule_bars_is_declined_with_the_rule_and_how_to_meet_it(
    either_market: Database,
) -> None:
    adopt(
        either_market,
        a_policy(
            readiness=readiness(success_measure=REQUIRED),
            approvals=CLOSED_DOOR,
            eligibility=[{"pool_key": "gpu", "ask": "Ada", "eligible_teams": ["red", "blue"]}],
        ),
    )
    an_open_round(either_market)
    bid(either_market, "fine")
    bid(either_market, "unready", pledge=replace(READY, success_measure=""))
    bid(either_market, "unapproved", team="blue")
    bid(either_market, "too-large", an_alternative(an_item(units=99)))
    do(either_market, close_round, "sprint-1", hours=1)
    assert [one.key for one in frozen(either_market).bids] == ["fine", "too-large"]
    run_it(either_market)
    found = declines(either_market)
    assert {key: row.reason for key, row in found.items()} == {
        "unready": Reason.POLICY,
        "unapproved": Reason.APPROVAL_MISSING,
        "too-large": Reason.EXCEEDS_POOL,
    }
    assert "requires a success measure" in found["unready"].detail
    assert "Next time: ask the data board" in found["unapproved"].detail
    assert found["unapproved"].pool_id is not None


def test_every_bid_of_a_round_is_decided_exactly_once(market: Database) -> None:
    adopt(market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(market)
    for n in range(8):
        bid(market, f"b{n}", an_alternative(an_item(units=4)), team=("red", "blue")[n % 2])
    do(market, close_round, "sprint-1", hours=1)
    run_it(market)
    with reading(market) as session:
        awarded = list(session.scalars(select(col(AwardRow.bid_id))))
        declined = list(session.scalars(select(col(DeclineRow.bid_id))))
        bids = list(session.scalars(select(col(BidRow.id))))
    assert sorted(awarded + declined) == sorted(bids)
    assert awarded


def test_a_round_of_which_every_bid_is_barred_can_be_published(market: Database) -> None:
    adopt(market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(market)
    bid(market, "b1", team="blue")
    do(market, close_round, "sprint-1", hours=1)
    assert frozen(market).bids == ()
    run_it(market)
    assert set(declines(market)) == {"b1"}


def test_what_a_rule_bars_asks_for_no_offer_that_would_have_won(either_market: Database) -> None:
    adopt(either_market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(either_market)
    bid(either_market, "barred", team="blue")
    bid(either_market, "too-large", an_alternative(an_item(units=99)))
    do(either_market, close_round, "sprint-1", hours=1)
    run_it(either_market)
    with writing(either_market) as session:
        assert rounds_to_explain(session) == ["sprint-1"]
        decided = decided_round(session, "sprint-1")
        write_estimates(session, decided)
    assert [one.bid_key for one in decided.outcome.declines] == ["too-large"]
    assert check_outcome(decided.problem, decided.outcome) == ()


def test_a_bid_competes_with_the_alternatives_that_no_rule_bars(either_market: Database) -> None:
    teams = [a_team("red"), a_team("blue")]
    labels = described(a_problem(a_bid("x", an_alternative(an_item("gpu"), an_item("open")))))
    offer = replace(
        labels,
        problem=replace(labels.problem, bids=(), teams=tuple(teams)),
        pools={
            key: replace(label, classification="" if key == "open" else "internal")
            for key, label in labels.pools.items()
        },
        teams={team.key: team.key for team in teams},
    )
    adopt(either_market, a_policy(approvals=CLOSED_DOOR))
    do(either_market, create_round, offer)
    do(either_market, open_round, "sprint-1")
    ways = (an_alternative(an_item("gpu")), an_alternative(an_item("open"), number=2, offer=9))
    bid_id = bid(either_market, "b1", *ways, team="blue")
    assert [bar.alternative for bar in score(either_market, bid_id).bars] == [1]
    do(either_market, close_round, "sprint-1", hours=1)
    [one] = frozen(either_market).bids
    assert [way.number for way in one.alternatives] == [2]
    run_it(either_market)
    assert declines(either_market) == {}
    assert [bar.reason for bar in score(either_market, bid_id).bars] == [Reason.APPROVAL_MISSING]


# --- what the database refuses -------------------------------------------------------------------

FORBIDDEN = {
    "changing a policy": "UPDATE policy_version SET document = '{}'",
    "deleting a policy": "DELETE FROM policy_version",
    "leaving out a version": (
        "INSERT INTO policy_version SELECT 7, document, document_sha256, author, NULL, reason, "
        "adopted_at, in_force_from FROM policy_version"
    ),
    "changing a multiplier": "UPDATE bid_score SET multiplier_percent = 200",
    "deleting a multiplier": "DELETE FROM bid_score",
    "changing a factor": "UPDATE bid_factor SET percent = 200",
    "deleting a factor": "DELETE FROM bid_factor",
    "adding a factor": "INSERT INTO bid_factor SELECT bid_id, 9, 'theme', 200, '' FROM bid_score",
    "changing a bar": "UPDATE barred_alternative SET reason = 'policy'",
    "deleting a bar": "DELETE FROM barred_alternative",
    "adding a bar": (
        "INSERT INTO barred_alternative SELECT bid_id, number, 9, 'policy', NULL, '' "
        "FROM alternative"
    ),
    "changing the policy of a round": "UPDATE round_policy SET policy_version = NULL",
    "deleting the policy of a round": "DELETE FROM round_policy",
    "changing a pledge after the close": "UPDATE bid_pledge SET theme_key = 'care'",
    "deleting a pledge after the close": "DELETE FROM bid_pledge",
    "approving the own policy": (
        "INSERT INTO policy_version SELECT 2, document, document_sha256, 'eve', 'eve', reason, "
        "adopted_at, in_force_from FROM policy_version"
    ),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(either_market: Database, deed: str) -> None:
    adopt(either_market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(either_market)
    bid(either_market, "b1")
    bid(either_market, "b2", team="blue")
    do(either_market, close_round, "sprint-1", hours=1)
    with pytest.raises(IntegrityError), Session(either_market.writer) as session, session.begin():
        session.execute(text(FORBIDDEN[deed]))


def test_sqlite_lets_nobody_replace_a_policy(market: Database) -> None:
    adopt(market, a_policy())
    replacing = (
        "INSERT OR REPLACE INTO policy_version SELECT 1, '{}', document_sha256, author, NULL, "
        "reason, adopted_at, in_force_from FROM policy_version"
    )
    with (
        pytest.raises(IntegrityError, match="policies follow each other"),
        writing(market) as session,
    ):
        session.execute(text(replacing))


def test_a_round_that_is_still_open_shows_no_frozen_policy(market: Database) -> None:
    adopt(market, a_policy())
    an_open_round(market)
    with reading(market) as session:
        assert policy_of_round(session, find_round(session, "sprint-1")) is None


# --- the command ---------------------------------------------------------------------------------


def test_a_policy_is_shown_as_a_file_that_can_be_edited_and_adopted(
    migrated: Any, tmp_path: Any
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(a_document()))
    assert migrated("policy", "show").code == 2
    assert migrated("policy", "check", file).code == 0
    assert migrated("policy", "list").out == ""
    adopted = migrated("policy", "adopt", file, "--reason", "Themes of the autumn")
    assert (adopted.code, adopted.out[:20]) == (0, "Policy 1 is adopted,")
    file.write_text(
        migrated("policy", "show").out.replace('"floor_percent": 0', '"floor_percent": 9')
    )
    again = migrated(
        "policy", "adopt", file, "--reason", "Floors", "--proposed-by", "grace", "--json"
    )
    assert (again.code, again.document["version"], again.document["author"]) == (0, 2, "grace")
    assert migrated("policy", "adopt", file, "--reason", "Again").out.startswith("Policy 2 says")
    assert migrated("policy", "show", "1").document == a_document()
    assert migrated("policy", "show", "3").code == 2
    assert len(migrated("policy", "list").out.splitlines()) == 2


def test_an_invalid_policy_leaves_with_2_and_every_finding_on_a_line(
    migrated: Any, tmp_path: Any
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(a_document(floor_percent=-1, pricing="free")))
    for arguments in (("check", file), ("adopt", file, "--reason", "x")):
        said = migrated("policy", *arguments)
        assert (said.code, said.out) == (2, "")
        assert said.err.splitlines() == [
            "floor_percent: is -1, too small; write 0 or more.",
            "pricing: is 'free'; write 'clearing' or 'pay-as-bid'.",
        ]
    assert migrated("policy", "check", tmp_path / "none.json").code == 2


@pytest.mark.parametrize("moment", ["soon", "2026-12-01", "2026-12-01T00:00:00"])
def test_a_moment_without_an_offset_is_refused(migrated: Any, tmp_path: Any, moment: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(a_document()))
    said = migrated("policy", "adopt", file, "--reason", "x", "--in-force-from", moment)
    assert said.code == 2
    assert moment in said.err


def test_a_change_after_the_close_by_somebody_else_is_told_with_both(market: Database) -> None:
    an_open_round(market)
    do(market, close_round, "sprint-1", hours=1)
    wish = Adoption(a_policy(), "Because.", LAWYER)
    change = Change(Actor("linus"), a_change(1).at)
    transact(market, lambda session: adopt_policy(session, wish, change))
    with reading(market) as session:
        row = session.get_one(PolicyVersionRow, 1)
    assert (row.author, row.approver) == ("grace", "linus")
