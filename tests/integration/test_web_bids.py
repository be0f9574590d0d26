"""The screens about bids: the form and its buttons, what is refused, what each page asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlmodel import col

from broker.bids.tables import BidTemplateRow, TeamBidRow
from broker.db import Database, reading
from tests.builders import a_bid, a_problem, a_team, an_alternative
from tests.cast import LEAD, MEMBER, Browser, Places, bring_people, signed_in
from tests.markets import bring, described, run_it
from tests.past import moved
from tests.policies import a_policy
from tests.policy_markets import adopt
from tests.screens import screens
from web.bid_forms import TypedAlternative, TypedBid, TypedItem, reshaped, typed_bid

MOST_QUERIES = 12
BID = {
    "title": "Train it",
    "measure": "A tenth less",
    "owner": "Lea",
    "ends_on": "2026-03-20",
    "a1-tier": "reserved",
    "a1-i1-pool": "gpu",
    "a1-i1-units": "2",
    "a1-offer": "90",
}
SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def bidding(market: Database) -> Iterator[Flask]:
    """Serve a market in which red bid in the last round, and the next one takes bids."""
    adopt(market, a_policy())
    teams = [a_team("red"), a_team("blue")]
    asks = [a_bid(f"b{n}", an_alternative(offer=50 + n), team="red") for n in range(3)]
    run_it(market, bring(market, described(a_problem(*asks, teams=teams), b0="Earlier one")))
    problem = moved(a_problem(teams=teams, days=14), "next", 2)
    bring(market, described(problem), is_open=True)
    bring_people(market, Places(other_team="blue"))
    with screens(market) as app:
        yield app


@pytest.fixture
def lead(bidding: Flask) -> Browser:
    return signed_in(bidding, LEAD)


def press(browser: Browser, do: str, address: str = "/bids/new", **changes: str) -> str:
    """Press a button of the form that a page shows, and return where it leads."""
    answer = browser.post(address, data={**BID, **changes, "do": do})
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.location).path


def submitted(browser: Browser, **changes: str) -> str:
    """Submit a bid by way of its review, and return its address."""
    review = press(browser, "review", **changes)
    bid = review.removesuffix("/review")
    assert press(browser, "submit", f"{bid}/edit", version="1", **changes) == bid
    return bid


def test_a_bid_goes_by_its_review_into_the_round(lead: Browser) -> None:
    bid = submitted(lead)
    page = lead.get(bid).text

    assert "submitted" in page
    assert "Receipt of submission" in page
    assert lead.get(f"{bid}/submission.json").get_json()["version"] == 2
    assert lead.get(f"{bid}/review").status_code == 303


def test_sending_a_submission_twice_changes_nothing_twice(lead: Browser) -> None:
    bid = press(lead, "review").removesuffix("/review")
    for status in (303, 409):
        answer = lead.post(f"{bid}/edit", data={**BID, "do": "submit", "version": "1"})
        assert answer.status_code == status
    assert len(rows_of(lead.get("/bids.json").get_json(), "Train it")) == 1


def rows_of(table: Mapping[str, list[Mapping[str, str]]], title: str) -> list[Mapping[str, str]]:
    return [row for row in table["rows"] if row["title"] == title]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("title", "", "Is empty; say what the capacity is for."),
        ("theme", "unheard-of", "is no theme of the policy in force"),
        ("ends_on", "soon", "“soon” is no day, such as 2026-12-07."),
        ("a1-offer", "-1", "“-1” is no whole number, such as 8."),
        ("a1-offer", "0", "0 is out of range"),
        ("a1-min_lots", "x", "“x” is no whole number"),
        ("a1-max_lots", "0", "0 is below min lots 1."),
        ("a1-earliest", "2026-01-01", "is no window from"),
        ("a1-latest", "2026-03-29", "leaves 1 days for"),
        ("a1-i1-pool", "moon", "This round offers no such pool."),
        ("a1-i1-units", "", "Is missing; write a whole number from 1 on."),
        ("a1-i1-days", "99999", "leaves"),
        ("a1-i1-offset", "1e3", "“1e3” is no whole number"),
    ],
)
def test_every_refusal_is_a_sentence_beside_its_field_and_in_the_summary(
    lead: Browser, name: str, text: str, said: str
) -> None:
    changes = {"a1-i1-days": "3", name: text}
    answer = lead.post("/bids/new", data={**BID, **changes, "do": "review"})

    assert answer.status_code == 422
    sentences = re.findall(r'<p class="error" id="([^"]+)-error">([^<]+)</p>', answer.text)
    assert any(said in sentence for _, sentence in sentences), sentences
    assert re.search(r'id="error_summary" tabindex="-1" autofocus', answer.text)
    assert f'value="{text}"' in answer.text or name in {"theme", "a1-i1-pool"}
    assert rows_of(lead.get("/bids.json").get_json(), "Train it") == []


def test_empty_fields_are_filled_in_as_the_form_says(lead: Browser) -> None:
    bid = submitted(lead, **{"a1-offer": "", "a1-i1-days": "4"})
    edit = lead.get(f"{bid}/edit").text

    assert re.search(r'name="a1-offer"[^>]* value="[1-9]', edit)
    assert re.search(r'name="a1-earliest"[^>]* value="2026-03-16"', edit)
    assert re.search(r'name="a1-latest"[^>]* value=""', edit)
    assert "Thu 26 Mar 2026" in lead.get(bid).text


@pytest.mark.parametrize("do", ["add-item-1", "remove-item-1-1", "add-alternative", "what"])
def test_a_button_for_rows_returns_everything_that_was_typed(lead: Browser, do: str) -> None:
    typed = {**BID, "a1-offer": "no number", "do": do}
    whole = lead.post("/bids/new", data=typed)
    part = lead.post("/bids/new", data=typed, headers=SCRIPT | {"HX-Target": "bid_form"})

    assert whole.status_code == part.status_code == 200
    assert 'value="no number"' in part.text
    assert re.match(r'\s*<form class="bid-form" id="bid_form"', part.text)
    assert "<!doctype html>" not in part.text


def test_an_estimate_is_a_part_of_the_page_and_speaks_only_of_fields_that_are_filled_in(
    lead: Browser,
) -> None:
    typed = {**BID, "title": "", "a1-offer": "0"}
    headers = SCRIPT | {"HX-Target": "estimate"}
    part = lead.post("/bids/new?do=estimate", data=typed, headers=headers).text

    assert re.match(r'\s*<section class="card" id="estimate"', part)
    assert re.search(r'id="a1-offer-error" hx-swap-oob="true">[^<]*out of range', part)
    assert re.search(r'id="title-error" hx-swap-oob="true"></p>', part)


def test_every_request_of_a_script_has_a_plain_address_beside_it(lead: Browser) -> None:
    page = lead.get("/bids/new").text
    tags = re.findall(r"<\w+\b[^>]*\bhx-post=[^>]*>", page)

    assert tags
    assert all(re.search(r'\s(?:form)?action="/', tag) for tag in tags)


def test_a_form_starts_from_an_earlier_bid_with_its_days_moved(lead: Browser) -> None:
    earlier = rows_of(lead.get("/bids.json").get_json(), "Earlier one")[0]
    page = lead.get(f"/bids/new?round=next&from=bid-{earlier['bid_id']}").text

    assert re.search(r'name="title"[^>]* value="Earlier one"', page)
    assert re.search(r'name="a1-earliest"[^>]* value="2026-03-16"', page)


def test_a_template_is_kept_and_started_from(lead: Browser, market: Database) -> None:
    bid = submitted(lead)
    assert lead.post(f"{bid}/template", data={"name": "Every sprint"}).status_code == 303
    with reading(market) as session:
        template = session.scalars(select(col(BidTemplateRow.id))).one()
    page = lead.get(f"/bids/new?from=template-{template}").text

    assert re.search(r'name="title"[^>]* value="Train it"', page)
    assert "Every sprint" in lead.get("/bids/new").text


def test_a_template_is_listed_for_the_team_and_removed_by_its_lead(
    bidding: Flask, lead: Browser, market: Database
) -> None:
    bid = submitted(lead)
    lead.post(f"{bid}/template", data={"name": "Every <sprint>"})
    with reading(market) as session:
        template_id = session.scalars(select(col(BidTemplateRow.id))).one()
    page = lead.get("/bids/templates").text
    assert "<h2>Every &lt;sprint&gt;</h2>" in page
    assert f"from=template-{template_id}" in page
    member = signed_in(bidding, MEMBER)
    seen = member.get("/bids/templates").text
    assert "Every &lt;sprint&gt;" in seen
    assert "Remove" not in seen
    remove = f"/bids/templates/{template_id}/remove"
    assert member.post(remove).status_code == 403
    assert lead.post(remove).location == "/bids/templates"
    assert "No template yet" in lead.get("/bids/templates").text
    assert lead.post(remove).status_code == 404
    assert lead.get(bid).status_code == 200


def test_the_last_rounds_bids_are_cloned_as_drafts(lead: Browser) -> None:
    data = {"team": "red", "from": "sprint-1", "round": "next"}
    assert lead.post("/bids/clone", data=data).status_code == 303

    drafts = [r for r in lead.get("/bids.json").get_json()["rows"] if r["state"] == "draft"]
    assert len(drafts) == 3
    assert {row["round_key"] for row in drafts} == {"next"}


def test_a_member_reads_bids_and_may_not_place_one(bidding: Flask, lead: Browser) -> None:
    bid = submitted(lead)
    member = signed_in(bidding, MEMBER)

    assert member.get(bid).status_code == 200
    assert "Withdraw" not in member.get(bid).text
    assert member.get("/bids/new").status_code == 403
    assert member.post(f"{bid}/withdraw", data={"version": "2"}).status_code == 403


def test_the_markets_home_tells_at_most_three_things_that_need_a_lead(lead: Browser) -> None:
    before = lead.get("/").text
    press(lead, "save")
    after = lead.get("/").text

    assert "Your team has no bid in" in before
    assert "1\N{NO-BREAK SPACE}draft stands outside" in after
    assert 1 <= after.count('<li class="need">') <= 3
    assert "Credits of Team red" in after


def test_the_calendar_shows_a_bar_for_each_award_of_the_team(lead: Browser) -> None:
    page = lead.get("/calendar").text
    total = lead.get("/calendar.json").get_json()["total"]

    assert total > 0
    assert page.count('class="span"') == total


def test_pages_about_bids_ask_few_questions_however_many_bids(
    bidding: Flask, lead: Browser, market: Database
) -> None:
    bid = submitted(lead)
    earlier = rows_of(lead.get("/bids.json").get_json(), "Earlier one")[0]["bid_id"]
    own = (bid, f"{bid}/edit", f"{bid}/withdraw", f"/bids/{earlier}")
    copy = f"/bids/new?round=next&from=bid-{earlier}"
    pages = ("/", "/bids", "/calendar", "/bids/new", copy, *own)
    for page in pages:
        lead.get(page)
    few = {page: count_queries(bidding, lambda page=page: lead.get(page)) for page in pages}
    for number in range(6):
        submitted(lead, title=f"More {number}")
    many = {page: count_queries(bidding, lambda page=page: lead.get(page)) for page in pages}

    with reading(market) as session:
        assert len(session.scalars(select(col(TeamBidRow.id))).all()) == 10
    assert few == many
    assert max(many.values()) <= MOST_QUERIES, many


def count_queries(app: Flask, ask: Callable[[], object]) -> int:
    asked: list[str] = []

    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    return len(asked)


# --- what was typed --------------------------------------------------------------------------


def test_what_was_typed_survives_being_carried_on() -> None:
    item = TypedItem("gpu", "2", "3", "0")
    ways = tuple(TypedAlternative("spot", str(n), "1", "2", "", "", (item,) * n) for n in (1, 3))
    typed = TypedBid("Title", "care", "Lea", "Less", "2026-03-02", "Research", ways)

    assert typed_bid(dict(typed.fields())) == typed


def test_rows_close_their_gaps_and_keep_their_order() -> None:
    sent = {"a7-offer": "7", "a7-i9-pool": "b", "a7-i2-pool": "a", "a3-offer": "3"}
    typed = typed_bid(sent)

    assert [one.offer for one in typed.alternatives] == ["3", "7"]
    assert [item.pool for item in typed.alternatives[1].items] == ["a", "b"]


def test_the_last_row_stays_whatever_button_is_pressed() -> None:
    typed = TypedBid(alternatives=(TypedAlternative(items=(TypedItem("gpu"),)),))

    assert reshaped(typed, "remove-item-1-1") == typed
    assert reshaped(typed, "remove-alternative-1") == typed
    assert reshaped(typed, "remove-item-9-9") == typed
