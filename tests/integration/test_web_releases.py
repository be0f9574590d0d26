"""The award's page: what it holds and gave up, and the form with which its lead releases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from broker.config import Settings
from broker.db import Database
from tests.cast import (
    ADMIN,
    LEAD,
    MEMBER,
    OTHER_LEAD,
    Browser,
    Places,
    bring_people,
    signed_in,
    stranger,
)
from tests.holdings import THE_DAY_BEFORE, a_running_sprint, day, release
from web.app import create_app
from web.filters import units_of

SignIn = Callable[[str], Browser]
FORM = "Release for good"


@pytest.fixture
def award(market: Database) -> str:
    """Return an award of a running sprint, in a market with the cast."""
    found = a_running_sprint(market)
    bring_people(market, Places(team="red", other_team="blue"))
    return found


@pytest.fixture
def app(market: Database, award: str) -> Iterator[Flask]:
    assert award
    app = create_app(Settings(f"sqlite:///{market.file}"), lambda: THE_DAY_BEFORE)
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    return lambda key: signed_in(app, key)


def page(browser: Browser, address: str) -> str:
    with browser.get(address) as response:
        assert response.status_code == 200, response.text
        return response.text


def test_a_lead_sees_what_would_come_back_releases_and_reads_it(
    award: str, sign_in: SignIn
) -> None:
    browser, address = sign_in(LEAD), f"/receipts/{award}"
    said = page(browser, address)
    assert FORM in said
    assert "nothing was given up" in said
    typed = {"lots": "3", "from_day": str(day(3)), "follows": "0"}
    assert browser.post(f"{address}/release", data=typed).status_code == 303
    said = page(browser, address)
    assert f"holds <strong>{units_of(1, 'lot')}</strong> to its end" in said
    assert f"{units_of(120, 'credit')} of its payment came back" in said
    assert "3 lots of award b0 were released" in page(browser, "/notices")


def test_everybody_reads_an_awards_life_and_nobody_else_is_offered_the_form(
    market: Database, app: Flask, award: str, sign_in: SignIn
) -> None:
    release(market, award)
    for browser in (stranger(app), *map(sign_in, (MEMBER, OTHER_LEAD, ADMIN))):
        said = page(browser, f"/receipts/{award}")
        assert "released" in said
        assert FORM not in said
    holding = json.loads(page(stranger(app), f"/receipts/{award}.json"))["holding"]
    assert (holding["left_lots"], holding["cuts"][0]["refund_credits"]) == (3, 37)


def test_a_form_that_is_refused_keeps_what_was_typed_and_leads_to_each_field(
    award: str, sign_in: SignIn
) -> None:
    typed = {"lots": "9", "from_day": "soon", "follows": "0"}
    answer = sign_in(LEAD).post(f"/receipts/{award}/release", data=typed)
    assert answer.status_code == 422
    for words in ("Nothing was released", 'href="#lots"', 'href="#from_day"', 'value="9"'):
        assert words in answer.text


def test_of_two_releases_the_second_is_told_of_the_first(
    market: Database, award: str, sign_in: SignIn
) -> None:
    release(market, award)
    typed = {"lots": "1", "from_day": str(day(3)), "follows": "0"}
    answer = sign_in(LEAD).post(f"/receipts/{award}/release", data=typed)
    assert answer.status_code == 409
    assert "given up meanwhile" in answer.text
    assert 'name="follows" value="1"' in answer.text
