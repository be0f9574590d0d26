"""Signing in as a browser does it: cookies, forms that are ours, and nobody led elsewhere."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.config import Settings
from broker.db import Database, reading, transact
from broker.people.grants import Grant, end_grant, find_grant
from broker.people.persons import set_password
from broker.people.sessions import IDLE
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    NAMES,
    NEWCOMER,
    OPERATOR,
    PASSWORD,
    SECOND_ADMIN,
    actor,
    signed_in,
)
from tests.crawling import pages_of
from tests.markets import NOON
from web.accounts import safe_address
from web.app import create_app
from web.proxies import believe_proxies

HIDDEN = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')
SECURE = "https://market.example"


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def app(past_market: Database, hand: Hand) -> Iterator[Flask]:
    """Serve the market with a past, where the lead has a password."""
    transact(past_market, lambda session: set_password(session, OPERATOR, LEAD, PASSWORD, NOON))
    app = create_app(Settings(f"sqlite:///{past_market.file}"), hand)
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def send(
    browser: FlaskClient, key: str = LEAD, password: str = PASSWORD, base: str = "", **form: str
) -> TestResponse:
    """Load the form and send it, as somebody at a browser does."""
    options = {"base_url": base} if base else {}
    page = browser.get("/sign-in", **options)
    found = HIDDEN.search(page.text)
    assert found is not None
    data = {"name": key, "password": password, "csrf_token": found[1], **form}
    return browser.post("/sign-in", data=data, **options)


def test_a_person_signs_in_is_greeted_and_signs_out(browser: FlaskClient) -> None:
    answer = send(browser, next="/rounds?sort=name")
    assert (answer.status_code, answer.location) == (303, "/rounds?sort=name")
    page = browser.get("/rounds")
    assert NAMES[LEAD] in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "Cookie" in page.headers["Vary"]
    token = HIDDEN.findall(page.text)[0]
    assert browser.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert NAMES[LEAD] not in browser.get("/rounds").text
    assert browser.get("/account").location.startswith("/sign-in")


@pytest.mark.parametrize(("base", "prefix"), [("http://localhost", ""), (SECURE, "__Host-")])
def test_the_cookie_is_for_this_host_and_for_no_script(
    browser: FlaskClient, base: str, prefix: str
) -> None:
    answer = send(browser, base=base)
    [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if "session" in one]
    name, value = cookie.split(";")[0].split("=")
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert name == f"{prefix}broker-session"
    assert len(value) >= 43
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert ("Secure" in parts) == (base == SECURE)
    assert not any(part.startswith(("Domain", "Expires", "Max-Age")) for part in parts)


def test_over_https_browsers_are_told_to_stay_there(browser: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in browser.get("/").headers
    told = browser.get("/", base_url=SECURE).headers["Strict-Transport-Security"]
    assert "max-age=31536000" in told


def test_no_password_is_taken_where_somebody_could_listen(browser: FlaskClient) -> None:
    page = browser.get("/sign-in", base_url="http://market.example")
    assert "password" not in page.text.lower().replace("forgotten password", "")
    token = HIDDEN.search(browser.get("/sign-in").text)
    assert token is not None
    data = {"name": LEAD, "password": PASSWORD, "csrf_token": token[1]}
    browser.set_cookie("broker-form", "x", domain="market.example")
    answer = browser.post("/sign-in", data=data, base_url="http://market.example")
    assert answer.status_code == 403


def test_only_proxies_that_are_named_are_believed(app: Flask) -> None:
    claims = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
    hsts = "Strict-Transport-Security"
    assert hsts not in app.test_client().get("/", headers=claims).headers
    believe_proxies(app, 0)
    assert hsts not in app.test_client().get("/", headers=claims).headers
    believe_proxies(app, 1)
    assert hsts in app.test_client().get("/", headers=claims).headers


def test_signing_in_gives_the_browser_a_new_secret_and_ends_the_old_one(
    browser: FlaskClient,
) -> None:
    send(browser)
    first = browser.get_cookie("broker-session")
    page = browser.get("/account")
    token = HIDDEN.findall(page.text)[0]
    data = {"name": LEAD, "password": PASSWORD, "csrf_token": token}
    assert browser.post("/sign-in", data=data).status_code == 303
    second = browser.get_cookie("broker-session")
    assert first is not None
    assert second is not None
    assert first.value != second.value
    browser.set_cookie("broker-session", first.value)
    assert browser.get("/account").status_code == 303


def test_a_wrong_password_keeps_the_name_and_says_nothing_more(browser: FlaskClient) -> None:
    refused = {key: send(browser, key, "wrong") for key in (LEAD, "nobody")}
    for key, answer in refused.items():
        assert answer.status_code == 422
        assert f'value="{key}"' in answer.text
        assert "wrong" not in answer.text
        assert 'id="error_summary" tabindex="-1" autofocus' in answer.text
        assert "Name and password do not belong together" in answer.text
    bodies = {HIDDEN.sub("", a.text).replace(key, "") for key, a in refused.items()}
    assert len(bodies) == 1


def test_too_many_failures_say_how_long_to_wait(browser: FlaskClient) -> None:
    answers = [send(browser, "nobody", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "30"
    assert "Wait 30 seconds" in answers[-1].text


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "rounds",
        "///evil.example",
        "/" + "x" * 3000,
        "http:///rounds",
        "",
    ],
)
def test_nobody_is_led_to_another_site(browser: FlaskClient, address: str) -> None:
    assert safe_address(address) == "/"
    assert send(browser, next=address).location == "/"


def test_a_page_that_needs_a_person_leads_to_the_form_and_back(browser: FlaskClient) -> None:
    asked = browser.get("/account?a=1&b=2")
    assert asked.status_code == 303
    page = browser.get(asked.location)
    assert 'name="next" value="/account?a=1&amp;b=2"' in page.text
    swap = browser.get("/ledger", headers={"HX-Request": "true"})
    assert (swap.status_code, swap.headers["HX-Refresh"]) == (200, "true")


# --- forms that are ours -------------------------------------------------------------------


FORGED = {
    "without the field": ({}, None),
    "with a field of nobody's": ({}, "0" * 64),
    "with a field that is no text of ours": ({}, "Größe"),
    "from another site": ({"Origin": "https://evil.example"}, ""),
    "from a page without an origin": ({"Origin": "null"}, ""),
    "from this host over another scheme": ({"Origin": "https://localhost"}, ""),
    "from another port": ({"Origin": "http://localhost:81"}, ""),
    "across sites": ({"Sec-Fetch-Site": "cross-site"}, ""),
    "from a neighbour": ({"Sec-Fetch-Site": "same-site"}, ""),
    "typed by nobody": ({"Sec-Fetch-Site": "none"}, ""),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_form_that_is_not_ours_changes_nothing(app: Flask, forgery: str) -> None:
    headers, token = FORGED[forgery]
    browser = signed_in(app, LEAD)
    data = {} if token is None else {"csrf_token": token or browser.token}
    answer = FlaskClient.post(browser, "/sign-out", data=data, headers=headers)
    assert answer.status_code == 403
    assert browser.get("/account").status_code == 200


def test_a_form_of_this_site_is_taken_with_all_that_a_browser_says(app: Flask) -> None:
    browser = signed_in(app, LEAD)
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/account/sessions/end-others", headers=headers).status_code == 303


def test_the_field_of_one_person_is_of_no_use_to_another(app: Flask) -> None:
    lead, other = signed_in(app, LEAD), signed_in(app, NEWCOMER)
    answer = FlaskClient.post(other, "/sign-out", data={"csrf_token": lead.token})
    assert answer.status_code == 403


def an_address(rule: str) -> str:
    """Fill a route in with what its converters take."""
    numbered = re.sub(r"<int:[^>]+>", "1", rule)
    chosen = re.sub(r"<any\((\w+)[^>]*>", r"\1", numbered)
    return re.sub(r"<[^>]+>", "none", chosen)


def test_every_route_that_changes_something_refuses_a_form_without_the_field(app: Flask) -> None:
    browser = signed_in(app, ADMIN)
    changing = [rule for rule in pages_of(app) if "POST" in (rule.methods or ())]
    assert len(changing) >= 8
    for rule in changing:
        address = an_address(rule.rule)
        assert FlaskClient.post(browser, address).status_code == 403, rule


def test_a_form_survives_signing_in_anew(app: Flask, hand: Hand) -> None:
    browser = signed_in(app, LEAD)
    hand.now += IDLE
    expired = browser.post("/account/sessions/end-others")
    assert expired.status_code == 403
    assert "You were signed out meanwhile. Sign in again in another tab" in expired.text
    again = signed_in(app, LEAD).get_cookie("broker-session")
    assert again is not None
    browser.set_cookie("broker-session", again.value)
    assert browser.post("/account/sessions/end-others").status_code == 303


# --- sessions and roles --------------------------------------------------------------------


def test_a_session_that_is_used_stays_and_one_that_is_not_ends(app: Flask, hand: Hand) -> None:
    browser = signed_in(app, LEAD)
    for _ in range(3):
        hand.now += IDLE - dt.timedelta(minutes=1)
        assert browser.get("/account").status_code == 200
    hand.now += IDLE
    assert browser.get("/account").status_code == 303


def test_a_role_that_ends_acts_on_the_next_request(app: Flask, past_market: Database) -> None:
    browser = signed_in(app, AUDITOR)
    assert browser.get("/admin/people").status_code == 200
    with reading(past_market) as session:
        role = find_grant(session, Grant(AUDITOR, "finance-auditor"))
    admin = actor(past_market, ADMIN)
    transact(past_market, lambda session: end_grant(session, admin, role.id, NOON))
    assert browser.get("/admin/people").status_code == 303
    assert signed_in(app, AUDITOR).get("/admin/people").status_code == 403


def test_two_admins_give_a_role_on_the_page_and_one_alone_cannot(app: Flask) -> None:
    first, second = signed_in(app, ADMIN), signed_in(app, SECOND_ADMIN)
    newcomer = signed_in(app, NEWCOMER)
    data = {"person": NEWCOMER, "role": "finance-auditor"}
    assert first.post("/admin/people/roles", data=data).status_code == 303
    [approve] = re.findall(r"/admin/people/roles/[^/]+/approve", second.get("/admin/people").text)
    assert approve not in first.get("/admin/people").text
    assert first.post(approve).status_code == 403
    assert newcomer.get("/admin/people").status_code == 403
    assert second.post(approve).status_code == 303
    assert newcomer.get("/admin/people").status_code == 200


def test_a_role_without_its_team_comes_back_with_what_is_wrong(app: Flask) -> None:
    answer = signed_in(app, ADMIN).post(
        "/admin/people/roles", data={"person": NEWCOMER, "role": "team-lead"}
    )
    assert answer.status_code == 422
    assert "team: a team-lead needs one." in answer.text


def test_one_signs_out_elsewhere_from_the_account(app: Flask) -> None:
    here, there = signed_in(app, LEAD), signed_in(app, LEAD)
    [end] = re.findall(r"/account/sessions/[0-9a-f-]{36}/end", here.get("/account").text)
    assert signed_in(app, NEWCOMER).post(end).status_code == 303
    assert there.get("/account").status_code == 200
    assert here.post(end).status_code == 303
    assert there.get("/account").status_code == 303
    assert here.get("/account").status_code == 200


def test_one_changes_the_own_password_on_the_account(app: Flask) -> None:
    browser, new = signed_in(app, LEAD), "another harbour town"

    def change(password: str, new_password: str, repeated: str) -> int:
        data = {"password": password, "new_password": new_password, "repeated": repeated}
        return browser.post("/account/password", data=data).status_code

    assert change("wrong", new, new) == 422
    assert change(PASSWORD, new, "yet another town") == 422
    assert change(PASSWORD, "short", "short") == 422
    assert change(PASSWORD, new, new) == 303
    assert browser.get("/account").status_code == 200
    assert send(app.test_client(), password=new).status_code == 303


def test_the_account_shows_nothing_that_signs_anybody_in(app: Flask) -> None:
    browser = signed_in(app, LEAD)
    cookie = browser.get_cookie("broker-session")
    assert cookie is not None
    page = browser.get("/account").text
    assert cookie.value not in page
    assert "scrypt" not in page
    assert "Team lead" in page
