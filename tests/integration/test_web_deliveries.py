"""The pages of deliveries: everybody reads and searches them, few write, nothing typed is lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import event

from broker.config import Settings
from broker.db import Database
from broker.deliveries.verdicts import Verdict
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    OTHER_LEAD,
    OWNER,
    Browser,
    Places,
    bring_people,
    signed_in,
    stranger,
)
from tests.cast import actor as one_of_the_cast
from tests.deliveries import AFTER, HOURS_AFTER, LINK, a_past_sprint, decide, report, the_next_round
from web.app import create_app

SignIn = Callable[[str], Browser]
TYPED = {"delivered": "80", "evidence": "Fell by <b>8</b> %", "link": LINK, "follows": "0"}
CONFIRMED = {"verdict": "confirmed", "note": "", "version": "1"}


@pytest.fixture
def awards(market: Database) -> list[str]:
    """Return the awards of a sprint that is over, in a market with the cast."""
    found = a_past_sprint(market, 400, 800, 600)
    bring_people(market, Places(team="red", other_team="blue"))
    return found


@pytest.fixture
def app(market: Database, awards: list[str]) -> Iterator[Flask]:
    assert awards
    app = create_app(Settings(f"sqlite:///{market.file}"), lambda: AFTER)
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    return lambda key: signed_in(app, key)


def page(browser: Browser, address: str, status: int = 200) -> str:
    with browser.get(address) as response:
        assert response.status_code == status, response.text
        return response.text


def rows(browser: Browser, question: str = "") -> list[dict[str, object]]:
    with browser.get(f"/deliveries.json?{question}") as response:
        found: list[dict[str, object]] = json.loads(response.text)["rows"]
        return found


def test_a_lead_reports_another_confirms_and_everybody_reads_it(
    app: Flask, awards: list[str], sign_in: SignIn
) -> None:
    address = f"/deliveries/{awards[0]}"
    lead, other = sign_in(LEAD), sign_in(OTHER_LEAD)
    assert "Report what was delivered" in page(lead, address)
    answer = lead.post(f"{address}/report", data=TYPED)
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert "Give your word" in page(other, address)
    answer = other.post(f"{address}/verdict", data=CONFIRMED)
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    said = page(stranger(app), address)
    for words in (
        "80 %",
        "Fell by &lt;b&gt;8&lt;/b&gt; %",
        'rel="noopener noreferrer nofollow"',
        "Reported by Lea Lead",
        "Confirmed by Rita Rival",
        "Readmissions fall by a tenth",
        "Its calibration is now <strong>93 %</strong>",
    ):
        assert words in said
    assert "<form" not in said.split("<main")[1].split("</main>")[0]
    [row] = rows(stranger(app), "state=confirmed")
    assert (row["award"], row["delivered_percent"], row["link"]) == (awards[0], 80, LINK)


def test_every_award_that_has_ended_is_there_reported_on_or_not(
    market: Database, app: Flask, awards: list[str]
) -> None:
    report(market, awards[1])
    states = {row["award"]: row["state"] for row in rows(stranger(app))}
    assert states == {awards[0]: "unreported", awards[1]: "waiting", awards[2]: "unreported"}


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("words=MEMBERSHIP", 1),
        ("words=readmissions+fall", 3),
        ("words=large+gpu", 3),
        ("words=team+red", 3),
        ("words=nobody+said+this", 0),
        ("words=%25", 1),
        ("pools=Large", 3),
        ("pools=Small", 0),
        ("team=blue", 0),
        ("sprint=First", 3),
        ("state=disputed", 1),
        ("state=disputed&words=membership", 0),
    ],
)
def test_the_next_team_finds_what_was_learnt(
    market: Database, app: Flask, awards: list[str], question: str, found: int
) -> None:
    report(market, awards[0], evidence="Membership grew by 3 %")
    report(market, awards[1], evidence="Nothing of it was seen")
    decide(market, awards[1], Verdict.DISPUTED)
    assert len(rows(stranger(app), question)) == found


def test_rows_sort_and_are_handed_out_as_csv_that_no_spreadsheet_runs(
    market: Database, app: Flask, awards: list[str]
) -> None:
    for award, percent in zip(awards, (80, 20, 120), strict=True):
        report(market, award, percent, evidence="=HYPERLINK(0)")
    with stranger(app).get("/deliveries.csv?sort=-delivered_percent") as response:
        lines = list(csv.DictReader(io.StringIO(response.text)))
    assert [line["delivered_percent"] for line in lines] == ["120", "80", "20"]
    assert {line["evidence"] for line in lines} == {"'=HYPERLINK(0)"}
    assert "words" not in lines[0]


def test_nothing_of_a_sealed_round_or_of_a_running_award_is_listed(
    market: Database, app: Flask, awards: list[str]
) -> None:
    sealed = the_next_round(market, HOURS_AFTER)
    assert {row["award"] for row in rows(stranger(app))} == set(awards)
    for bid_id in (*sealed.values(), "nobody"):
        page(stranger(app), f"/deliveries/{bid_id}", 404)


@pytest.mark.parametrize(
    ("key", "may_report", "may_decide"),
    [
        (LEAD, True, False),
        (MEMBER, False, False),
        (OTHER_LEAD, False, True),
        (OWNER, False, True),
        (ADMIN, False, True),
        (AUDITOR, False, False),
    ],
)
def test_only_those_who_may_are_offered_a_form_and_are_let_through(
    market: Database,
    awards: list[str],
    sign_in: SignIn,
    key: str,
    *,
    may_report: bool,
    may_decide: bool,
) -> None:
    reported, unreported, _ = awards
    report(market, reported, by=one_of_the_cast(market, LEAD))
    browser = sign_in(key)
    said = page(browser, f"/deliveries/{reported}")
    assert ("Give your word" in said) == may_decide
    assert ("Store the correction" in said) == may_report
    answer = browser.post(f"/deliveries/{unreported}/report", data=TYPED)
    assert answer.status_code == (303 if may_report else 403)
    answer = browser.post(f"/deliveries/{reported}/verdict", data=CONFIRMED)
    assert answer.status_code == (303 if may_decide else 403)


def test_whoever_is_not_signed_in_changes_nothing(
    market: Database, app: Flask, awards: list[str]
) -> None:
    report(market, awards[0])
    nobody = stranger(app)
    for what, typed in (("report", TYPED), ("verdict", CONFIRMED)):
        assert nobody.post(f"/deliveries/{awards[0]}/{what}", data=typed).status_code in {303, 403}
    assert [row["state"] for row in rows(nobody, "state=waiting")] == ["waiting"]
    assert rows(nobody, "state=confirmed") == []


def test_a_form_that_is_refused_keeps_what_was_typed_and_leads_to_each_field(
    awards: list[str], sign_in: SignIn
) -> None:
    typed = {"delivered": "lots", "evidence": "", "link": "results.example", "follows": "0"}
    answer = sign_in(LEAD).post(f"/deliveries/{awards[0]}/report", data=typed)
    assert answer.status_code == 422
    for words in (
        'href="#delivered"',
        "Write a whole number of percent from 0 to 150.",
        'href="#evidence"',
        'href="#link"',
        'value="lots"',
        'value="results.example"',
        'aria-invalid="true"',
    ):
        assert words in answer.text


def test_a_dispute_without_a_reason_comes_back(
    market: Database, awards: list[str], sign_in: SignIn
) -> None:
    report(market, awards[0])
    browser, address = sign_in(OTHER_LEAD), f"/deliveries/{awards[0]}/verdict"
    answer = browser.post(address, data=CONFIRMED | {"verdict": "disputed", "note": " "})
    assert answer.status_code == 422
    assert "Is empty; say what is not as reported." in answer.text
    answer = browser.post(address, data={"version": "1"})
    assert answer.status_code == 422
    assert 'href="#verdict"' in answer.text


def test_of_two_corrections_the_second_sees_the_first_and_loses_nothing(
    market: Database, awards: list[str], sign_in: SignIn
) -> None:
    lead = one_of_the_cast(market, LEAD)
    report(market, awards[0], by=lead)
    report(market, awards[0], 90, by=lead, follows=1, evidence="Counted in May")
    typed = TYPED | {"follows": "1", "delivered": "70", "correction": "Counted in June"}
    browser, address = sign_in(LEAD), f"/deliveries/{awards[0]}/report"
    answer = browser.post(address, data=typed)
    assert answer.status_code == 409
    for words in (
        "Version 2 of this report came meanwhile",
        "Counted in May",
        'value="70"',
        'value="Counted in June"',
        'name="follows" value="2"',
    ):
        assert words in answer.text
    assert browser.post(address, data=typed | {"follows": "2"}).status_code == 303


def test_every_version_stays_to_be_read(market: Database, app: Flask, awards: list[str]) -> None:
    report(market, awards[0], 150, evidence="Far beyond")
    decide(market, awards[0], Verdict.DISPUTED, note="I counted half of it")
    report(market, awards[0], 75, follows=1, correction="The half was counted twice")
    said = page(stranger(app), f"/deliveries/{awards[0]}")
    for words in ("Far beyond", "I counted half of it", "The half was counted twice"):
        assert words in said


def test_what_waits_for_the_reader_is_said_on_top(
    market: Database, app: Flask, awards: list[str], sign_in: SignIn
) -> None:
    report(market, awards[0], by=one_of_the_cast(market, LEAD))
    assert "2 awards of your team have ended without a report" in page(sign_in(LEAD), "/deliveries")
    for key in (OTHER_LEAD, OWNER, ADMIN):
        said = page(sign_in(key), "/deliveries")
        assert "1 report waits for somebody like you" in said
    for browser in (stranger(app), sign_in(MEMBER), sign_in(AUDITOR)):
        assert "waits for somebody" not in page(browser, "/deliveries")


def test_a_page_costs_few_queries_however_many_awards_there_are(
    market: Database, app: Flask, awards: list[str], sign_in: SignIn
) -> None:
    counts = []
    browser = sign_in(OTHER_LEAD)
    page(browser, "/deliveries")
    for award in awards:
        report(market, award, by=one_of_the_cast(market, LEAD))
        counts.append([queries(app, browser, f"/deliveries{at}") for at in ("", f"/{awards[0]}")])
    assert counts[0] == counts[-1]
    assert max(counts[0]) <= 12


def queries(app: Flask, browser: Browser, address: str) -> int:
    seen: list[str] = []

    def note(*event_: object) -> None:
        seen.append(str(event_[2]))

    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", note)
    page(browser, address)
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)
