"""Overrides on the screens: proposed in a form, the price before it is approved, all of it open."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlmodel import col

from broker.db import Database, reading
from broker.tables import BidRow
from tests.builders import FIRST_DAY
from tests.cast import (
    ADMIN,
    LEAD,
    MEMBER,
    OTHER_LEAD,
    SECOND_ADMIN,
    Browser,
    Places,
    bring_people,
    signed_in,
    stranger,
)
from tests.overrides import KEY, WHY, a_published_contest, override, runs_of, work
from tests.screens import screens

TYPED = {
    "bid": "b1",
    "kind": "pin",
    "alternative": "1",
    "start": FIRST_DAY.isoformat(),
    "lots": "1",
    "reason": WHY,
}
HX = {"HX-Request": "true", "HX-Target": "override"}


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    a_published_contest(market)
    bring_people(market, Places(team="red", other_team="blue"))
    with screens(market) as app:
        yield app


def text_of(browser: FlaskClient, address: str) -> str:
    with browser.get(address) as answer:
        assert answer.status_code == 200, answer.status
        return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def proposed(app: Flask, by: str = ADMIN) -> str:
    """Propose the usual override in a browser, and return its address."""
    answer = signed_in(app, by).post(f"/rounds/{KEY}/overrides", data=TYPED)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.location)


def receipt_of(db: Database, key: str) -> str:
    with reading(db) as session:
        bid_id = session.scalars(select(col(BidRow.id)).where(col(BidRow.key) == key)).one()
    return f"/receipts/{bid_id}"


def test_an_override_waits_in_the_queue_of_approvals_with_its_clock_and_price(
    app: Flask, market: Database
) -> None:
    first, second, lead = (signed_in(app, who) for who in (ADMIN, SECOND_ADMIN, LEAD))
    assert "Overrides of published results" not in text_of(second, "/approvals")
    address = proposed(app)
    assert "being solved" in text_of(second, "/approvals")
    assert work(market, 5)
    told = {
        who: text_of(browser, "/approvals")
        for who, browser in (("first", first), ("second", second), ("lead", lead))
    }
    for page in told.values():
        assert f'<a href="{address}">Award “' in page
        assert '<td class="number">200</td>' in page
        assert "the sprint’s last day" in page
    assert "your own; a second person decides" in told["first"]
    assert "Decide it" in told["second"]
    assert "Decide it" not in told["lead"]
    assert second.post(f"{address}/approve").status_code == 303
    assert "Overrides of published results" not in text_of(second, "/approvals")


def test_an_override_goes_from_a_receipt_to_a_revision(app: Flask, market: Database) -> None:
    first, second = signed_in(app, ADMIN), signed_in(app, SECOND_ADMIN)
    assert f"/rounds/{KEY}/overrides/new?bid=b1" in text_of(first, receipt_of(market, "b1"))
    form = text_of(first, f"/rounds/{KEY}/overrides/new?bid=b1")
    assert 'value="b1"' in form
    assert "has no award" in form
    address = proposed(app)
    waiting = text_of(stranger(app), address)
    assert "It waits for the worker" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert work(market, 5)
    assert 'hx-trigger="every 2s"' not in first.get(address, headers=HX).get_data(as_text=True)
    seen = text_of(second, address)
    assert "Approve and publish" in seen
    assert re.search(r"Price</dt><dd class=\"figure\">200<", seen)
    assert "displaced" in seen
    assert "Approve and publish" not in text_of(first, address)
    assert first.post(f"{address}/approve").status_code == 409
    assert second.post(f"{address}/approve").status_code == 303
    assert "revision 2" in text_of(stranger(app), address)


@pytest.fixture
def overridden(app: Flask, market: Database) -> Flask:
    override(market)
    return app


def test_the_round_lists_its_overrides_with_their_price(overridden: Flask) -> None:
    page = text_of(stranger(overridden), f"/rounds/{KEY}")
    assert "Award “Bid b1”" in page
    assert '<td class="number">200</td>' in page
    assert "200 less than before the last override" in page
    assert WHY in page
    assert "allocating" not in page


def test_the_first_revision_stays_readable_at_its_own_address(
    overridden: Flask, market: Database
) -> None:
    with reading(market) as session:
        first, second = (run.id for run in runs_of(session))
    browser = stranger(overridden)
    assert "Bid r1" in text_of(browser, f"/runs/{first}/awards")
    assert "A later revision is in force" in text_of(browser, f"/runs/{first}/awards")
    assert "Bid r1" not in text_of(browser, f"/runs/{second}/awards")
    assert "Bid r1" not in text_of(browser, f"/rounds/{KEY}/awards")
    assert "override" in text_of(browser, f"/runs/{second}/declines")
    assert "b1" in browser.get(f"/runs/{first}/declines.csv").get_data(as_text=True)
    assert browser.get(f"/runs/{first}/prices.json").get_json()
    page = text_of(browser, f"/runs/{second}")
    assert "Difference to revision 1" in page
    assert "does not win" in page


def test_receipts_say_what_an_override_did_and_what_it_cost(
    overridden: Flask, market: Database
) -> None:
    browser = stranger(overridden)
    lost = text_of(browser, receipt_of(market, "r1"))
    assert "changed by an override" in lost
    assert "An override of another bid changed what this one gets" in lost
    assert "It cost 200 points" in lost
    won = text_of(browser, receipt_of(market, "b1"))
    assert "An override decided this bid" in won
    kept = text_of(browser, receipt_of(market, "r2"))
    assert "An override" not in kept
    document = browser.get(f"{receipt_of(market, 'r1')}.json").get_json()
    assert (document["revision"], document["override"]["price"]) == (2, 200)


def test_both_teams_are_told_and_others_are_not(overridden: Flask) -> None:
    for key in (LEAD, OTHER_LEAD):
        assert "An override changed what" in text_of(signed_in(overridden, key), "/notices")
    assert "An override changed what" not in text_of(signed_in(overridden, ADMIN), "/notices")


def test_the_admins_are_told_that_a_price_waits_for_them(app: Flask, market: Database) -> None:
    proposed(app)
    assert "its price is known" not in text_of(signed_in(app, SECOND_ADMIN), "/notices")
    work(market, 5)
    assert "its price is known" in text_of(signed_in(app, SECOND_ADMIN), "/notices")
    assert "its price is known" not in text_of(signed_in(app, ADMIN), "/notices")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"reason": " "}, "Say why, for everybody to read."),
        ({"lots": "many"}, "Say which alternative"),
        ({"bid": "b9"}, "There is no bid b9"),
        ({"kind": "exclude"}, "has no award that could be taken away"),
        ({"start": "2031-01-01"}, "outside"),
    ],
)
def test_a_wrong_proposal_comes_back_with_what_was_typed(
    app: Flask, typed: dict[str, str], sentence: str
) -> None:
    answer = signed_in(app, ADMIN).post(f"/rounds/{KEY}/overrides", data=TYPED | typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert 'id="error_summary"' in page
    [value] = typed.values()
    assert value.strip() in page


def test_nobody_but_admins_proposes_or_decides(app: Flask, market: Database) -> None:
    address = proposed(app)
    work(market, 5)
    member: Browser = signed_in(app, MEMBER)
    assert member.get(f"/rounds/{KEY}/overrides/new").status_code == 403
    assert member.post(f"/rounds/{KEY}/overrides", data=TYPED).status_code == 403
    for act in ("approve", "refuse", "solve"):
        assert member.post(f"{address}/{act}").status_code == 403
    assert signed_in(app, SECOND_ADMIN).post(f"{address}/solve").status_code == 303
    assert signed_in(app, ADMIN).post(f"{address}/refuse").status_code == 303
    assert "took it back" in text_of(stranger(app), address)
    assert stranger(app).get("/overrides/none").status_code == 404
