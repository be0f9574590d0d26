"""The receipt of a declined bid says whether it waits, and its lead decides that there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from broker.config import Settings
from broker.db import Database
from tests.cast import LEAD, MEMBER, OTHER_LEAD, Browser, Places, bring_people, signed_in, stranger
from tests.holdings import SPOT, THE_DAY_BEFORE, a_scarce_sprint, day, release, tick_at
from tests.policies import a_policy
from tests.policy_markets import adopt
from web.app import create_app

SignIn = Callable[[str], Browser]
JOIN, LEAVE = "Wait, and take what fits", "Wait no more"
ASK = "Wait, and ask me first"


@pytest.fixture
def bids(market: Database) -> tuple[str, str]:
    """Return a bid that won and one that lost, in a market with the cast."""
    found = a_scarce_sprint(market)
    bring_people(market, Places(team="red", other_team="blue"))
    return found


@pytest.fixture
def app(market: Database, bids: tuple[str, str]) -> Iterator[Flask]:
    assert bids
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


def test_a_lead_lets_a_bid_wait_and_reads_what_it_got(
    market: Database, bids: tuple[str, str], sign_in: SignIn
) -> None:
    won, lost = bids
    browser, address = sign_in(OTHER_LEAD), f"/receipts/{lost}"
    assert JOIN in page(browser, address)
    assert browser.post(f"{address}/waitlist", data={"wish": "take"}).status_code == 303
    assert LEAVE in page(browser, address)
    release(market, won, 3, day(2))
    tick_at(market, THE_DAY_BEFORE)
    said = page(browser, address)
    assert "then got what became free" in said
    assert LEAVE not in said
    assert JOIN not in said


@pytest.mark.parametrize(
    ("answer", "said"), [("accepted", "accepted it on"), ("declined", "payment came back")]
)
def test_a_lead_is_asked_at_the_top_of_the_receipt_and_answers_there(
    market: Database, bids: tuple[str, str], sign_in: SignIn, answer: str, said: str
) -> None:
    won, lost = bids
    adopt(market, a_policy(spot=SPOT | {"accept_hours": 12}, pricing="pay-as-bid"), hours=2)
    browser = sign_in(OTHER_LEAD)
    assert ASK in page(browser, f"/receipts/{lost}")
    assert browser.post(f"/receipts/{lost}/waitlist", data={"wish": "ask"}).status_code == 303
    release(market, won, 3, day(2))
    tick_at(market, THE_DAY_BEFORE)
    [address] = re.findall(r'href="(/receipts/[^"/.]+)"', page(browser, f"/receipts/{lost}"))
    asked = page(browser, address)
    assert asked.index("The units are kept for it until") < asked.index("The value score")
    assert "Release for good" not in asked
    assert ">Accept<" not in page(sign_in(LEAD), address)
    assert browser.post(f"{address}/answer", data={"answer": answer}).status_code == 303
    assert said in page(browser, address)


def test_others_read_that_a_bid_waits_and_decide_nothing(
    app: Flask, bids: tuple[str, str], sign_in: SignIn
) -> None:
    address = f"/receipts/{bids[1]}"
    sign_in(OTHER_LEAD).post(f"{address}/waitlist", data={"wish": "take"})
    for browser in (stranger(app), sign_in(LEAD), sign_in(MEMBER)):
        said = page(browser, address)
        assert "It waits since" in said
        assert LEAVE not in said


def test_a_wish_that_nobody_knows_is_refused(bids: tuple[str, str], sign_in: SignIn) -> None:
    answer = sign_in(OTHER_LEAD).post(f"/receipts/{bids[1]}/waitlist", data={"wish": "perhaps"})
    assert answer.status_code == 422


def test_what_won_has_no_waitlist(bids: tuple[str, str], sign_in: SignIn) -> None:
    assert "The waitlist" not in page(sign_in(LEAD), f"/receipts/{bids[0]}")
