"""What came of awards: who may say it, when, and what the next close makes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from broker.access import ANONYMOUS, Actor, Role, TeamRole
from broker.db import Database, reading
from broker.deliveries.records import frozen_records, track_records
from broker.deliveries.reports import InvalidDelivery
from broker.deliveries.verdicts import Verdict
from broker.errors import NotAllowed, NotFound, Refused, SignInNeeded
from broker.policy.frozen import check_scores
from broker.policy.scores import FactorKind, TrackRecord
from broker.rounds import close_round, find_round
from tests.deliveries import (
    AFTER,
    HOURS_AFTER,
    LAST_DAY,
    a_past_sprint,
    decide,
    lead_of,
    report,
    someone,
    the_next_round,
)
from tests.intruders import past_the_log
from tests.markets import event_kinds
from tests.policy_markets import do, drop_guard, score

SOON = dt.timedelta(hours=1)


def versions(db: Database) -> list[tuple[int, int]]:
    with reading(db) as session:
        rows = session.execute(text("SELECT version, delivered_percent FROM delivery ORDER BY 1"))
        return [tuple(row) for row in rows]


def the_record(db: Database, at: dt.datetime = AFTER + SOON) -> TrackRecord | None:
    with reading(db) as session:
        return track_records(session, at).get("red")


def test_a_lead_reports_and_another_person_confirms(either_market: Database) -> None:
    [award] = a_past_sprint(either_market)
    assert report(either_market, award) == 1
    assert decide(either_market, award)
    assert event_kinds(either_market)[-2:] == ["delivery.reported", "delivery.confirmed"]
    assert the_record(either_market) == TrackRecord(1, 500, 400)


def test_nothing_is_reported_before_the_last_day_is_past(market: Database) -> None:
    [award] = a_past_sprint(market)
    last_minute = dt.datetime.combine(LAST_DAY, dt.time(23, 59), dt.UTC)
    with pytest.raises(Refused, match=f"runs until {LAST_DAY}"):
        report(market, award, at=last_minute)
    assert report(market, award, at=last_minute + dt.timedelta(minutes=1)) == 1


def test_there_is_no_award_to_report_on_before_the_round_is_published(market: Database) -> None:
    [award] = a_past_sprint(market)
    sealed = the_next_round(market, HOURS_AFTER)["red"]
    for unknown in ("nobody", sealed):
        with pytest.raises(NotFound, match=f"There is no award {unknown}"):
            report(market, unknown)
    with pytest.raises(NotFound, match="Nothing is reported"):
        decide(market, award)


def test_a_declined_bid_delivers_nothing(market: Database) -> None:
    declined, award = a_past_sprint(market, 1, 20_000)
    with pytest.raises(NotFound):
        report(market, award)
    assert report(market, declined) == 1


@pytest.mark.parametrize(
    "who",
    [
        lambda db: someone(db, "member", red=TeamRole.MEMBER),
        lambda db: lead_of(db, "blue"),
        lambda db: someone(db, "admin", Role.PLATFORM_ADMIN),
        lambda db: someone(db, "owner", pool="gpu"),
        lambda db: someone(db, "auditor", Role.FINANCE_AUDITOR),
    ],
)
def test_only_the_teams_own_lead_reports(
    market: Database, who: Callable[[Database], Actor]
) -> None:
    [award] = a_past_sprint(market)
    with pytest.raises(NotAllowed):
        report(market, award, by=who(market))
    assert versions(market) == []


def test_whoever_is_not_signed_in_is_asked_to(market: Database) -> None:
    [award] = a_past_sprint(market)
    with pytest.raises(SignInNeeded):
        report(market, award, by=ANONYMOUS)
    report(market, award)
    with pytest.raises(SignInNeeded):
        decide(market, award, by=ANONYMOUS)


def those_who_decide(db: Database) -> dict[str, tuple[Actor, bool]]:
    lead, member = TeamRole.TEAM_LEAD, TeamRole.MEMBER
    return {
        "lead of another team": (lead_of(db, "blue"), True),
        "owner of a pool of the award": (someone(db, "owner", pool="gpu"), True),
        "admin": (someone(db, "admin", Role.PLATFORM_ADMIN), True),
        "member of another team": (someone(db, "member", blue=member), False),
        "auditor": (someone(db, "auditor", Role.FINANCE_AUDITOR), False),
        "another lead of the own team": (someone(db, "second", red=lead), False),
        "lead of another team who is in the own one": (
            someone(db, "both", blue=lead, red=member),
            False,
        ),
        "owner who is in the own team": (someone(db, "owner", pool="gpu", red=member), False),
        "admin who is in the own team": (
            someone(db, "admin", Role.PLATFORM_ADMIN, red=member),
            False,
        ),
    }


@pytest.mark.parametrize("verdict", Verdict)
def test_a_report_is_decided_by_somebody_from_elsewhere(market: Database, verdict: Verdict) -> None:
    awards = a_past_sprint(market, *[400] * 9)
    for award, (who, (actor, may_decide)) in zip(
        awards, those_who_decide(market).items(), strict=True
    ):
        report(market, award)
        if may_decide:
            assert decide(market, award, verdict, by=actor), who
        else:
            with pytest.raises(NotAllowed):
                decide(market, award, verdict, by=actor)


def test_an_author_who_changed_teams_does_not_confirm_the_own_report(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award, by=someone(market, "ada", red=TeamRole.TEAM_LEAD))
    with pytest.raises(NotAllowed, match="does not decide"):
        decide(market, award, by=someone(market, "ada", blue=TeamRole.TEAM_LEAD))


def test_a_correction_is_a_new_version_and_is_decided_anew(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award, 150)
    decide(market, award, Verdict.DISPUTED)
    assert the_record(market) is None
    with pytest.raises(Refused, match="disputed already"):
        decide(market, award, by=someone(market, "admin", Role.PLATFORM_ADMIN))
    assert report(market, award, 60, follows=1) == 2
    with pytest.raises(Refused, match="Version 2 of this report came meanwhile"):
        decide(market, award, version=1)
    decide(market, award, version=2)
    assert versions(market) == [(1, 150), (2, 60)]
    assert the_record(market) == TrackRecord(1, 500, 300)


def test_a_correction_that_nobody_confirmed_hides_nothing(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award, 40)
    decide(market, award)
    report(market, award, 150, follows=1)
    assert the_record(market) == TrackRecord(1, 500, 200)
    decide(market, award, Verdict.DISPUTED, version=2)
    assert the_record(market) == TrackRecord(1, 500, 200)


def test_the_same_report_twice_is_one(market: Database) -> None:
    [award] = a_past_sprint(market)
    assert [report(market, award) for _ in range(2)] == [1, 1]
    assert [decide(market, award) for _ in range(2)] == [True, False]
    assert versions(market) == [(1, 80)]


def test_of_two_edits_of_one_version_one_wins_and_the_other_sees_it(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award)
    report(market, award, 90, follows=1)
    with pytest.raises(Refused, match="Version 2 of this report came meanwhile; yours follows 1"):
        report(market, award, 70, follows=1)


def test_of_eight_reports_at_once_one_is_the_first(either_market: Database) -> None:
    [award] = a_past_sprint(either_market)
    lead, barrier = lead_of(either_market), Barrier(8)

    def try_it(percent: int) -> str:
        barrier.wait(30)
        try:
            return str(report(either_market, award, percent, by=lead))
        except Refused as error:
            return type(error).__name__

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(try_it, range(8)))
    assert sorted(said) == ["1", *["Refused"] * 7]
    assert len(versions(either_market)) == 1


WRONG: dict[str, dict[str, Any]] = {
    "delivered: write a whole number of percent from 0 to 150.": {"percent": 151},
    "delivered: write a whole number": {"percent": -1},
    "evidence: is empty; say in a line what shows it.": {"evidence": "  "},
    "evidence: holds a control character": {"evidence": "a\nb"},
    "evidence: has 1001 characters": {"evidence": "x" * 1001},
    "link: is no web address; write one that begins with https:// or http://.": {"link": ""},
}


@pytest.mark.parametrize("finding", WRONG)
def test_a_report_that_makes_no_sense_is_refused_with_the_field(
    market: Database, finding: str
) -> None:
    [award] = a_past_sprint(market)
    with pytest.raises(InvalidDelivery) as caught:
        report(market, award, **WRONG[finding])
    [said] = caught.value.findings
    assert said.startswith(finding)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "ftp://files.example/x",
        "//results.example",
        "results.example/board",
        "https://",
        "https:///board",
        "https://ada:secret@results.example",
        "https://results.example/a b",
        "https://[results.example",
        " https://results.example",
        "data:text/html,x",
    ],
)
def test_a_link_is_an_address_on_the_web(market: Database, link: str) -> None:
    [award] = a_past_sprint(market)
    with pytest.raises(InvalidDelivery, match="link: is no web address"):
        report(market, award, link=link)


def test_all_findings_come_at_once(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award)
    with pytest.raises(InvalidDelivery) as caught:
        report(market, award, 151, follows=1, evidence="", link="", correction=" ")
    assert [said.split(":")[0] for said in caught.value.findings] == [
        "delivered",
        "evidence",
        "link",
        "correction",
    ]


def test_a_dispute_says_why(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award)
    with pytest.raises(InvalidDelivery, match="note: is empty; say what is not as reported"):
        decide(market, award, Verdict.DISPUTED, note=" ")
    assert decide(market, award, note="")


def test_both_bounds_of_a_percentage_count(market: Database) -> None:
    awards = a_past_sprint(market, 400, 400)
    for award, percent in zip(awards, (0, 150), strict=True):
        report(market, award, percent)
        decide(market, award)
    assert the_record(market) == TrackRecord(2, 1000, 750)


# --- what the next close makes of it --------------------------------------------------------


def calibration(db: Database, bid_id: str, hours: float = HOURS_AFTER) -> tuple[int, str]:
    found = score(db, bid_id, hours)
    [factor] = [one for one in found.factors if one.kind is FactorKind.CALIBRATION]
    return int(factor.percent), factor.reason


def test_the_close_freezes_the_record_that_a_team_has_by_then(either_market: Database) -> None:
    one, other = a_past_sprint(either_market, 400, 800)
    bids = the_next_round(either_market, HOURS_AFTER)
    assert calibration(either_market, bids["red"])[0] == 100
    report(either_market, one, 40)
    assert calibration(either_market, bids["red"])[0] == 100
    decide(either_market, one)
    assert calibration(either_market, bids["red"])[0] == 100 * (1000 + 200) // (1000 + 500)
    do(either_market, close_round, "s-2", hours=HOURS_AFTER + 1)
    expected = (
        80,
        (
            "The team delivered 200 of the 500 points that it promised with 1 award, beside 1000 "
            "points that everybody starts with."
        ),
    )
    assert calibration(either_market, bids["red"]) == expected
    assert calibration(either_market, bids["blue"])[0] == 100
    assert score(either_market, bids["red"]).multiplier_percent == 100
    later = AFTER + dt.timedelta(days=1)
    report(either_market, other, 150, at=later)
    decide(either_market, other, at=later)
    report(either_market, one, 150, follows=1, at=later)
    decide(either_market, one, version=2, at=later)
    assert calibration(either_market, bids["red"]) == expected
    with reading(either_market) as session:
        row = find_round(session, "s-2")
        assert frozen_records(session, row) == {"red": TrackRecord(1, 500, 200)}
        assert list(check_scores(session, row)) == []


def test_a_changed_record_of_a_closed_round_is_seen(either_market: Database) -> None:
    [award] = a_past_sprint(either_market)
    report(either_market, award, 40)
    decide(either_market, award)
    the_next_round(either_market, HOURS_AFTER)
    do(either_market, close_round, "s-2", hours=HOURS_AFTER + 1)
    with past_the_log(either_market) as session:
        drop_guard(session, "team_record")
        session.execute(text("UPDATE team_record SET delivered_points = 500"))
    with reading(either_market) as session:
        hash_, multiplier = check_scores(session, find_round(session, "s-2"))
    assert "do not have the hash that was frozen" in hash_
    assert "gives a multiplier of 125 %, and 100 % is stored" in multiplier


def test_what_is_confirmed_after_a_moment_does_not_count_at_it(market: Database) -> None:
    [award] = a_past_sprint(market)
    report(market, award)
    decide(market, award, at=AFTER + SOON)
    assert the_record(market, AFTER) is None
    assert the_record(market, AFTER + SOON) == TrackRecord(1, 500, 400)


# --- what the database refuses by itself ------------------------------------------------------

ANOTHER_VERSION = (
    "INSERT INTO delivery (id, run_id, bid_id, version, delivered_percent, evidence, link, "
    "correction, author, reported_at) SELECT 'x', run_id, {bid}, {version}, {percent}, 'e', "
    "{link}, {correction}, author, reported_at FROM delivery WHERE version = 1"
)
SOUND = {"bid": "bid_id", "version": "3", "percent": "150", "link": "link", "correction": "'c'"}
A_VERDICT = (
    "INSERT INTO delivery_verdict SELECT id, {author}, {verdict}, {note}, {approver}, reported_at "
    "FROM delivery WHERE version = {version}"
)
FAIR = {
    "author": "author",
    "verdict": "'disputed'",
    "note": "'no'",
    "approver": "'eve'",
    "version": "2",
}
FORBIDDEN = {
    "changing a report": "UPDATE delivery SET delivered_percent = 150",
    "deleting a report": "DELETE FROM delivery WHERE version = 2",
    "changing a verdict": "UPDATE delivery_verdict SET verdict = 'confirmed'",
    "deleting a verdict": "DELETE FROM delivery_verdict",
    "confirming the own report": A_VERDICT.format_map(FAIR | {"approver": "author"}),
    "confirming under another author's name": A_VERDICT.format_map(
        FAIR | {"author": "'eve'", "approver": "author"}
    ),
    "a second verdict": A_VERDICT.format_map(FAIR | {"version": "1"}),
    "a verdict that is none": A_VERDICT.format_map(FAIR | {"verdict": "'perhaps'"}),
    "a dispute without a reason": A_VERDICT.format_map(FAIR | {"note": "''"}),
    "leaving out a version": ANOTHER_VERSION.format_map(SOUND | {"version": "4"}),
    "more than is counted": ANOTHER_VERSION.format_map(SOUND | {"percent": "151"}),
    "a link that is none": ANOTHER_VERSION.format_map(SOUND | {"link": "'javascript:alert(1)'"}),
    "a correction without a reason": ANOTHER_VERSION.format_map(SOUND | {"correction": "''"}),
    "a report on a declined bid": ANOTHER_VERSION.format_map(
        SOUND | {"bid": "(SELECT bid_id FROM decline)", "version": "1", "correction": "''"}
    ),
    "a record of a closed round": (
        "INSERT INTO team_record SELECT round_id, team_id, 1, 1, 1 FROM round_team"
    ),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(either_market: Database, deed: str) -> None:
    award, _ = a_past_sprint(either_market, 400, 20_000)
    report(either_market, award)
    decide(either_market, award, Verdict.DISPUTED)
    report(either_market, award, 60, follows=1)
    with pytest.raises(IntegrityError), Session(either_market.writer) as session, session.begin():
        session.execute(text(FORBIDDEN[deed]))
    assert versions(either_market) == [(1, 80), (2, 60)]


def test_what_the_database_takes_is_what_it_should(either_market: Database) -> None:
    """The forbidden rows are wrong in one thing only: with that right they are taken."""
    award, _ = a_past_sprint(either_market, 400, 20_000)
    report(either_market, award)
    report(either_market, award, 60, follows=1)
    with past_the_log(either_market) as session:
        session.execute(text(A_VERDICT.format_map(FAIR)))
        session.execute(text(ANOTHER_VERSION.format_map(SOUND)))
    assert versions(either_market)[-1] == (3, 150)
