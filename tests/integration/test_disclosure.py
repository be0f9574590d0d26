"""A policy says whether decided rounds name teams: then no page, table or archive for all does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.db import Database, reading
from broker.exports.rounds import export_round
from broker.policy.documents import NO_TEAM_NAMES, TEAM_NAMES
from broker.policy.sentences import rules_of
from broker.rounds import close_round
from tests.builders import an_alternative, an_item
from tests.cast import AUDITOR, LEAD, Places, bring_people, signed_in, stranger
from tests.logs import sign
from tests.markets import run_it
from tests.policies import a_policy
from tests.policy_markets import adopt, an_open_round, bid, do
from tests.screens import screens

NAMES = ("Team red", "Team blue")
OTHERS = ("/capacity", "/capacity/value", "/deliveries")
DOCUMENTS = ("report.json", "certificate.json", "bundle.zip")


def decide(db: Database, disclosure: str | None) -> list[str]:
    """Publish a round in which red wins and blue loses; return where everybody can read of it."""
    adopt(db, a_policy(disclosure=disclosure) if disclosure else a_policy())
    an_open_round(db)
    ids = [
        bid(db, "b0", an_alternative(an_item(units=8, days=2), offer=900)),
        bid(db, "b1", an_alternative(an_item(units=8, days=2), offer=300), team="blue"),
    ]
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    sign(db)
    bring_people(db, Places(team="red", other_team="blue"))
    tables = [f"/rounds/sprint-1/{name}" for name in ("awards", "declines")]
    data = [f"{one}.{ending}" for one in tables for ending in ("csv", "json")]
    receipts = [f"/receipts/{one}{ending}" for one in ids for ending in ("", ".json")]
    return ["/rounds/sprint-1", *tables, *data, *receipts, "/pools/gpu", *OTHERS]


@pytest.fixture
def nameless(either_market: Database) -> Iterator[tuple[Flask, list[str]]]:
    places = decide(either_market, NO_TEAM_NAMES)
    with screens(either_market) as app:
        yield app, places


def said(browser: FlaskClient, address: str) -> str:
    with browser.get(address) as answer:
        assert answer.status_code == 200, (address, answer.status)
        return answer.get_data().decode("latin-1")


def test_a_round_without_names_names_no_team_to_anybody_who_may_look(
    nameless: tuple[Flask, list[str]],
) -> None:
    app, places = nameless
    for address in places:
        told = said(stranger(app), address)
        assert not [name for name in (*NAMES, '"red"', '"blue"') if name in told], address
    assert "Not named" in said(stranger(app), "/rounds/sprint-1/awards")


def test_nobody_asks_what_one_team_holds(nameless: tuple[Flask, list[str]]) -> None:
    app, _ = nameless
    answer = stranger(app).get("/capacity?team=red&round=sprint-1")
    assert answer.status_code == 404
    assert "does not show which team" in answer.get_data(as_text=True)


def test_what_names_teams_beyond_repair_is_for_admins_and_auditors(
    nameless: tuple[Flask, list[str]],
) -> None:
    app, _ = nameless
    for name in DOCUMENTS:
        address = f"/rounds/sprint-1/{name}"
        assert signed_in(app, LEAD).get(address).status_code == 403, name
        assert stranger(app).get(address).status_code != 200, name
        assert signed_in(app, AUDITOR).get(address).status_code == 200, name


def test_the_command_line_writes_awards_without_names_as_well(market: Database) -> None:
    decide(market, NO_TEAM_NAMES)
    with reading(market) as session:
        written = export_round(session, "sprint-1", "awards", "json").decode()
    assert '"red"' not in written
    assert "Team red" not in written


@pytest.mark.parametrize("disclosure", [TEAM_NAMES, None])
def test_any_other_round_names_them(market: Database, disclosure: str | None) -> None:
    decide(market, disclosure)
    with screens(market) as app:
        told = said(stranger(app), "/rounds/sprint-1/awards")
        assert NAMES[0] in told
        for name in DOCUMENTS:
            said(stranger(app), f"/rounds/sprint-1/{name}")


def test_the_policy_says_it_in_words() -> None:
    told = [rule.said for rule in rules_of(a_policy(disclosure=NO_TEAM_NAMES))]
    assert any(line.startswith("not named") for line in told)
