"""The pages of approvals: what waits for whom with its clock, and who is offered which form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import event

from broker.approvals.decisions import Answer
from broker.approvals.matrices import DEFAULT, matrix_document
from broker.config import Settings
from broker.db import Database, reading
from tests.approvals import a_market, answer, ask, escalate, hours, state_of
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    OTHER_LEAD,
    OWNER,
    SECOND_ADMIN,
    Browser,
    signed_in,
)
from tests.deliveries import team_id
from web.app import create_app

SignIn = Callable[[str], Browser]
NOW = 30


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    a_market(market)
    app = create_app(Settings(f"sqlite:///{market.file}"), lambda: hours(NOW))
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    return lambda key: signed_in(app, key)


def page(browser: Browser, address: str = "/approvals", status: int = 200) -> str:
    with browser.get(address) as response:
        assert response.status_code == status, response.text
        return response.text.split("<main")[1].split("</main>")[0]


def typed(db: Database, **other: str) -> dict[str, str]:
    with reading(db) as session:
        team = team_id(session, "red")
    return {
        "team": team,
        "pool": "gpu",
        "purpose_key": "analysis",
        "purpose": "Find <b>who</b> waits",
        "most_credits": "500",
        "valid_from": "2026-02-20",
        "valid_until": "2026-06-30",
    } | other


def test_a_lead_asks_the_owner_answers_and_both_read_it(market: Database, sign_in: SignIn) -> None:
    lead, owner = sign_in(LEAD), sign_in(OWNER)
    asked = lead.post("/approvals", data=typed(market))
    assert asked.status_code == 303, asked.text
    address = asked.headers["Location"]
    said = page(lead, address)
    assert "waits for <strong>the pool owner</strong>" in said
    assert "Otto Owner" in said
    assert "Your answer" not in said
    assert "Answer it" in page(owner)
    assert "your team’s own" in page(lead)
    answered = owner.post(f"{address}/decide", data={"answer": "approved", "reason": "Good"})
    assert (answered.status_code, answered.headers["Location"]) == (303, address)
    said = page(lead, address)
    assert "Approved by Otto Owner" in said
    assert "Find &lt;b&gt;who&lt;/b&gt; waits" in said
    assert "Nothing waits" in page(lead)


def test_a_request_that_is_refused_keeps_what_was_typed(market: Database, sign_in: SignIn) -> None:
    wrong = typed(market, most_credits="many", valid_until="never", purpose="")
    with sign_in(LEAD).post("/approvals", data=wrong) as response:
        assert response.status_code == 422
        assert 'href="#most_credits"' in response.text
        assert 'href="#valid_until"' in response.text
        assert 'href="#purpose"' in response.text
        assert 'value="many"' in response.text


def test_a_rejection_without_a_reason_comes_back(market: Database, sign_in: SignIn) -> None:
    request = ask(market)
    with sign_in(OWNER).post(
        f"/approvals/{request}/decide", data={"answer": "rejected", "reason": ""}
    ) as response:
        assert response.status_code == 422
        assert 'href="#reason"' in response.text
    assert state_of(market, request) == "waiting"


def test_the_queue_says_for_whom_since_when_and_until_when(
    market: Database, sign_in: SignIn
) -> None:
    ask(market, at=0)
    said = page(sign_in(LEAD))
    assert "the pool owner" in said
    assert "1 day ago" in said
    assert "in 18 hours" in said
    escalate(market, 48)
    assert "the review board" in page(sign_in(LEAD))
    assert "Answer it" in page(sign_in(ADMIN))


def test_strangers_see_nothing_of_a_request_but_how_long_answers_take(
    market: Database, sign_in: SignIn
) -> None:
    request = ask(market)
    answer(market, request, at=5)
    page(sign_in(OTHER_LEAD), f"/approvals/{request}", 404)
    said = page(sign_in(OTHER_LEAD))
    assert "Find out who waits longest" not in said
    assert "5\N{NO-BREAK SPACE}h" in said
    with sign_in(OTHER_LEAD).get("/approvals.json") as response:
        assert json.loads(response.text)["rows"] == []
    with sign_in(AUDITOR).get("/approvals.json") as response:
        [row] = json.loads(response.text)["rows"]
    assert (row["request"], row["state"]) == (request, "approved")


def test_two_admins_put_decision_rights_in_force_in_the_browser(sign_in: SignIn) -> None:
    one, two = sign_in(ADMIN), sign_in(SECOND_ADMIN)
    document = json.dumps(matrix_document(DEFAULT) | {"unclassified": "review-board"})
    with one.post("/approvals/rights", data={"document": "{", "reason": "Why"}) as response:
        assert response.status_code == 422
        assert 'href="#document"' in response.text
    sent = one.post("/approvals/rights", data={"document": document, "reason": "Stricter"})
    assert sent.status_code == 303, sent.text
    assert "Put in force" not in page(one, "/approvals/rights")
    assert "Put in force" in page(two, "/approvals/rights")
    assert one.post("/approvals/rights/1/activate").status_code == 409
    assert two.post("/approvals/rights/1/activate").status_code == 303
    assert "Version 1 of the decision rights is in force" in page(two, "/approvals/rights")
    assert "Propose" not in page(sign_in(LEAD), "/approvals/rights").split("Versions")[0]


def test_pages_ask_at_most_twelve_questions_however_many_requests_there_are(
    market: Database, app: Flask, sign_in: SignIn
) -> None:
    browsers = [sign_in(key) for key in (LEAD, OWNER, ADMIN)]
    questions: list[str] = []
    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", lambda *seen: questions.append(seen[2]))
    page(browsers[0])
    for purpose in ("analysis", "training", "decisions"):
        request = ask(market, purpose_key=purpose)
        for browser in browsers:
            for address in ("/approvals", f"/approvals/{request}", "/approvals/rights"):
                questions.clear()
                page(browser, address)
                selects = [said for said in questions if said.startswith("SELECT")]
                assert len(selects) <= 12, "\n".join(questions)


@pytest.mark.parametrize("said", Answer)
def test_what_is_decided_offers_no_form(market: Database, sign_in: SignIn, said: Answer) -> None:
    request = ask(market)
    answer(market, request, said=said)
    for key in (LEAD, OWNER, ADMIN):
        assert "<form" not in page(sign_in(key), f"/approvals/{request}")
