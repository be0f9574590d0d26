"""Nobody may ask too often: accounts, tokens and unknown addresses, each by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from broker.config import Settings
from broker.db import Database
from tests.cast import LEAD, MEMBER, signed_in
from tests.markets import at
from web.app import create_app
from web.rates import AT_ONCE, MOST_ASKERS, Rates

PER_MINUTE = 20


class Hand:
    """A clock that a test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def app(past_market: Database, hand: Hand) -> Iterator[Flask]:
    settings = Settings(f"sqlite:///{past_market.file}", requests_per_minute=PER_MINUTE)
    app = create_app(settings, at(3))
    app.extensions["rates"].clock = hand
    yield app
    app.extensions["desk"].db.dispose()


def test_an_asker_may_ask_some_at_once_and_then_evenly(hand: Hand) -> None:
    rates = Rates(PER_MINUTE, hand)
    assert [rates.take("one") for _ in range(PER_MINUTE // AT_ONCE)] == [0.0] * 5
    wait = rates.take("one")
    assert 0 < wait <= 60 / PER_MINUTE
    hand.seconds += wait
    assert rates.take("one") == 0.0
    assert rates.take("one") > 0
    assert rates.take("another") == 0.0


def test_never_more_than_a_minute_and_a_quarter_in_a_minute(hand: Hand) -> None:
    rates = Rates(PER_MINUTE, hand)
    let_in = 0
    for _ in range(600):
        let_in += rates.take("one") == 0.0
        hand.seconds += 0.1
    assert PER_MINUTE <= let_in <= PER_MINUTE + PER_MINUTE // AT_ONCE


def test_askers_of_long_ago_are_forgotten(hand: Hand) -> None:
    rates = Rates(PER_MINUTE, hand)
    for number in range(MOST_ASKERS):
        rates.take(f"asker {number}")
    hand.seconds += 60
    rates.take("one more")
    assert list(rates.free_at) == ["one more"]


def test_a_page_beyond_the_rate_is_429_and_says_when(app: Flask, hand: Hand) -> None:
    lead, member = signed_in(app, LEAD), signed_in(app, MEMBER)
    answers = [lead.get("/account") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) == 60 // PER_MINUTE
    assert "too often" in answers[-1].text
    assert member.get("/account").status_code == 200
    hand.seconds += 60 / PER_MINUTE
    assert lead.get("/account").status_code == 200


def test_who_is_unknown_is_counted_by_address_and_health_is_not(app: Flask) -> None:
    browser = app.test_client()
    mixed = [browser.get(path).status_code for path in ("/", "/rounds", "/pools", "/sign-in", "/")]
    assert mixed == [200] * 5
    assert browser.get("/").status_code == 429
    assert browser.get("/healthz").status_code == 200
    elsewhere = browser.get("/", environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert elsewhere.status_code == 200


def test_programs_with_a_wrong_token_or_none_are_held_to_the_rate(app: Flask) -> None:
    browser = app.test_client()
    wrong = {"Authorization": "Bearer cbt_nobodys"}
    said = [browser.get("/api/v1/rounds", headers=wrong).status_code for _ in range(5)]
    assert said == [401] * 5
    refused = browser.get("/api/v1/rounds")
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert "Retry-After" in refused.headers
