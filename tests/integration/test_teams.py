"""Teams and tokens on their pages, and what a team that is retired takes part in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask

from allocation.problem import RoundKey
from broker.db import Database, reading, transact
from broker.errors import InvalidTeam, NotAllowed, Refused
from broker.people.actors import actor_of_token
from broker.people.teams import add_team, bring_team_back, rename_team, retire_team
from broker.rounds import create_round
from broker.sprints.offers import offer_for
from broker.sprints.rules import sprints_from
from tests.cast import (
    ADMIN,
    LEAD,
    MEMBER,
    OPERATOR,
    SECOND_ADMIN,
    Browser,
    actor,
    signed_in,
)
from tests.integration.test_rounds import an_offer
from tests.integration.test_sprints import ANNOUNCED_AT
from tests.markets import NOON, a_change, described, event_kinds
from tests.screens import screens
from tests.sprints import a_market, a_rule, put_in_force, rounds_of, ticked

SignIn = Callable[[str], Browser]


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    a_market(market)
    with screens(market) as app:
        yield app


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    return lambda key: signed_in(app, key)


def page(browser: Browser, address: str) -> str:
    with browser.get(address) as response:
        assert response.status_code == 200, response.text
        return response.text.split("<main")[1].split("</main>")[0]


def test_a_team_is_added_renamed_retired_and_brought_back(either_market: Database) -> None:
    db = either_market
    a_market(db)
    do = lambda work: transact(db, work)  # noqa: E731  # short for the lines below
    do(lambda s: add_team(s, OPERATOR, "green", "Green", NOON))
    assert do(lambda s: rename_team(s, OPERATOR, "green", "Greener", NOON))
    assert not do(lambda s: rename_team(s, OPERATOR, "green", "Greener", NOON))
    assert do(lambda s: retire_team(s, OPERATOR, "green", NOON))
    assert not do(lambda s: retire_team(s, OPERATOR, "green", NOON))
    assert do(lambda s: bring_team_back(s, OPERATOR, "green", NOON))
    assert not do(lambda s: bring_team_back(s, OPERATOR, "green", NOON))
    with pytest.raises(Refused, match="There is a team green already"):
        do(lambda s: add_team(s, OPERATOR, "green", "Green", NOON))
    with pytest.raises(InvalidTeam, match="is not a key"):
        do(lambda s: add_team(s, OPERATOR, "no key", "Green", NOON))
    with pytest.raises(NotAllowed):
        do(lambda s: retire_team(s, actor(db, LEAD), "red", NOON))
    assert event_kinds(db)[-4:] == [
        f"team.{what}" for what in ("registered", "relabelled", "retired", "brought-back")
    ]


def test_a_retired_team_takes_part_in_no_round_that_is_announced_later(market: Database) -> None:
    a_market(market)
    transact(market, lambda s: retire_team(s, OPERATOR, "blue", NOON))
    transact(market, lambda s: add_team(s, OPERATOR, "green", "Green", NOON))
    with reading(market) as session:
        sprint = next(sprints_from(a_rule(), ANNOUNCED_AT.date()))
        offer = offer_for(session, a_rule(team_credits={"green": 7}), sprint)
    assert {team.key: team.credits for team in offer.problem.teams} == {"red": 500, "green": 7}
    named_anew = described(replace(an_offer(), round_key=RoundKey("sprint-2")))
    with pytest.raises(Refused, match="Team blue is retired"):
        transact(market, lambda s: create_round(s, named_anew, a_change()))
    put_in_force(market)
    list(ticked(market, ANNOUNCED_AT))
    assert [row.key for row in rounds_of(market)] == ["s-7"]


def test_admins_keep_teams_on_their_page_and_everybody_signed_in_reads(sign_in: SignIn) -> None:
    admin, member = sign_in(ADMIN), sign_in(MEMBER)
    assert admin.post("/admin/teams", data={"key": "green", "name": "Green"}).status_code == 303
    assert "Nobody leads this team" in page(admin, "/admin/teams/green")
    wanted = {"person": MEMBER, "role": "team-lead"}
    assert admin.post("/admin/teams/green/people", data=wanted).status_code == 303
    assert "waits for a second person" in page(member, "/admin/teams/green")
    assert "<form" not in page(member, "/admin/teams/green")
    assert "Approve" not in page(admin, "/admin/teams/green")
    assert "Approve" in page(sign_in(SECOND_ADMIN), "/admin/teams/green")
    assert "Lea Lead" in page(member, "/admin/teams")
    assert admin.post("/admin/teams/green/name", data={"name": "<i>"}).status_code == 303
    assert "&lt;i&gt;" in page(member, "/admin/teams/green")
    assert admin.post("/admin/teams/green/retire").status_code == 303
    assert "retired" in page(member, "/admin/teams")
    assert admin.post("/admin/teams/green/return").status_code == 303
    refused = admin.post("/admin/teams", data={"key": "green", "name": ""})
    assert (refused.status_code, 'href="#name"' in refused.text) == (422, True)


def test_a_token_is_shown_once_on_its_page_and_revoked_there(
    market: Database, sign_in: SignIn
) -> None:
    lead = sign_in(LEAD)
    wanted = {"name": "Export", "days": "30", "scopes": ["bids:read", "market:read"]}
    with lead.post("/account/tokens", data=wanted) as response:
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        secret = response.text.split('id="secret">')[1].split("<")[0]
    assert len(secret) == 47
    with reading(market) as session:
        found = actor_of_token(session, secret, NOON)
    assert found is not None
    assert found.actor.id == actor(market, LEAD).id
    said = page(lead, "/account/tokens")
    assert secret not in said
    assert "bids:read, market:read" in said
    again = lead.post("/account/tokens", data=wanted)
    assert again.status_code == 409
    assert lead.post("/account/tokens", data={"name": "x", "days": "many"}).status_code == 422
    assert "Export" not in page(sign_in(MEMBER), "/account/tokens")
    assert "Lea Lead" in page(sign_in(ADMIN), "/admin/tokens")
    assert lead.post(f"/account/tokens/{found.token_id}/revoke").status_code == 303
    assert "revoked" in page(lead, "/account/tokens")
    with reading(market) as session:
        assert actor_of_token(session, secret, NOON) is None
