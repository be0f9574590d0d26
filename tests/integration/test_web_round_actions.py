"""Platform admins open, close and postpone a round from its page; everybody sees what they did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.db import Database, reading, writing
from broker.rounds import create_round, find_round, open_round
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    NEWCOMER,
    OWNER,
    SECOND_ADMIN,
    Browser,
    Places,
    bring_people,
    signed_in,
    stranger,
)
from tests.integration.test_rounds import an_offer
from tests.markets import NOON, a_change, described
from tests.screens import screens

NOW = NOON + dt.timedelta(hours=3)
HERE = "/rounds/sprint-1"
CLOSES_AT, LATER = NOW + dt.timedelta(days=2), NOW + dt.timedelta(days=3)
TYPED = {"closes_at": f"{LATER:%Y-%m-%dT%H:%M}", "reason": "The data centre was closed."}


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    """Return the screens over a market with one scheduled round."""
    with writing(market) as session:
        create_round(session, described(an_offer()), a_change(), closes_at=CLOSES_AT)
    bring_people(market, Places(other_team="blue"))
    with screens(market) as app:
        yield app


@pytest.fixture
def open_app(app: Flask, market: Database) -> Flask:
    with writing(market) as session:
        open_round(session, "sprint-1", a_change(1))
    return app


def state_of(db: Database) -> tuple[str, dt.datetime | None]:
    with reading(db) as session:
        row = find_round(session, "sprint-1")
        return row.state, row.closes_at


def page(browser: FlaskClient) -> str:
    return browser.get(HERE).text


def propose(browser: Browser, **typed: str) -> None:
    answer = browser.post(f"{HERE}/deadline", data=TYPED | typed)
    assert (answer.status_code, answer.headers["Location"]) == (303, HERE)


def action_in(text: str, word: str) -> str:
    """Return the address of the form that ends with a word."""
    [action] = [part.split('"')[0] for part in text.split('action="') if f'/{word}"' in part[:120]]
    return action


def test_an_admin_opens_a_round_and_closes_it_when_its_time_is_over(
    app: Flask, market: Database
) -> None:
    admin = signed_in(app, ADMIN)
    assert "Open for bids now" in page(admin)
    assert admin.post(f"{HERE}/open").status_code == 303
    assert state_of(market)[0] == "open"
    assert "Close for bids now" not in page(admin)
    early = admin.post(f"{HERE}/close")
    assert early.status_code == 409
    assert "nobody ends that alone" in early.text


def test_two_admins_postpone_a_deadline_and_everybody_reads_why(
    open_app: Flask, market: Database
) -> None:
    first, second = signed_in(open_app, ADMIN), signed_in(open_app, SECOND_ADMIN)
    propose(first)
    approve = action_in(page(second), "approve")
    assert "/approve" not in page(first)
    assert first.post(approve).status_code == 409
    assert state_of(market) == ("open", CLOSES_AT)
    assert second.post(approve).status_code == 303
    assert state_of(market) == ("open", LATER)
    told = page(stranger(open_app))
    for words in ("Ada Admin", "Linus Admin", "approved by", "The data centre was closed."):
        assert words in told
    assert "<form" not in told.partition('id="round_times"')[2].partition("</section>")[0]


def test_a_proposal_is_taken_back_by_who_made_it(open_app: Flask, market: Database) -> None:
    admin = signed_in(open_app, ADMIN)
    propose(admin)
    assert "Take the proposal back" in page(admin)
    assert admin.post(action_in(page(admin), "refuse")).status_code == 303
    assert state_of(market) == ("open", CLOSES_AT)
    assert "refused by" in page(admin)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"closes_at": "soon"}, "Write the closing time as a day and a time"),
        ({"closes_at": "0001-01-01T00:00+23:59"}, "Write the closing time as a day and a time"),
        ({"closes_at": f"{NOON:%Y-%m-%dT%H:%M}"}, "has passed; name a later time."),
        ({"reason": " "}, "Say why, for everybody to read."),
    ],
)
def test_a_proposal_that_means_nothing_comes_back_as_it_was_typed(
    open_app: Flask, typed: dict[str, str], sentence: str
) -> None:
    answer = signed_in(open_app, ADMIN).post(f"{HERE}/deadline", data=TYPED | typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'id="error_summary"' in answer.text
    assert f'value="{typed.get("closes_at", TYPED["closes_at"])}"' in answer.text


@pytest.mark.parametrize("who", [AUDITOR, LEAD, MEMBER, OWNER, NEWCOMER, None])
def test_nobody_but_an_admin_touches_the_times_of_a_round(
    open_app: Flask, market: Database, who: str | None
) -> None:
    propose(signed_in(open_app, ADMIN))
    decide = action_in(page(signed_in(open_app, SECOND_ADMIN)), "approve").rpartition("/")[0]
    browser = signed_in(open_app, who) if who else stranger(open_app)
    before = state_of(market)
    for path in (f"{HERE}/open", f"{HERE}/close", f"{decide}/approve", f"{decide}/refuse"):
        assert browser.post(path).status_code in ({403} if who else {303, 401, 403})
    assert browser.post(f"{HERE}/deadline", data=TYPED).status_code in (
        {403} if who else {303, 401, 403}
    )
    assert state_of(market) == before
    assert "<form" not in page(browser).partition('id="round_times"')[2].partition("</section>")[0]


def test_a_round_that_is_not_there_is_not_acted_on(open_app: Flask) -> None:
    admin = signed_in(open_app, ADMIN)
    for action in ("open", "close", "deadline"):
        assert admin.post(f"/rounds/sprint-9/{action}", data=TYPED).status_code == 404
    assert admin.post(f"{HERE}/deadline/of-nothing/approve").status_code == 404
    assert admin.get(f"{HERE}/close").status_code == 405
