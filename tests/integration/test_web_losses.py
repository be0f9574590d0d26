"""Reporting lost capacity on its page and by the API: shown first, saved once, read by all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from broker.config import Settings
from broker.db import Database
from tests.api import Program, issue
from tests.cast import LEAD, OWNER, Browser, Places, bring_people, signed_in, stranger
from tests.holdings import day, morning
from tests.integration.test_recoveries import a_full_sprint
from web.app import create_app

ADDRESS = "/admin/pools/gpu/losses"
TYPED = {"units": "5", "first_day": str(day(3)), "last_day": "", "reason": "A rack burnt"}


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    a_full_sprint(market)
    bring_people(market, Places(team="red", other_team="blue"))
    app = create_app(Settings(f"sqlite:///{market.file}"), lambda: morning(2))
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def sign_in(app: Flask) -> Callable[[str], Browser]:
    return lambda key: signed_in(app, key)


def test_an_owner_sees_what_a_loss_does_reports_it_and_everybody_reads_it(
    app: Flask, sign_in: Callable[[str], Browser]
) -> None:
    owner = sign_in(OWNER)
    shown = owner.post(ADDRESS, data=TYPED | {"do": "check"})
    assert shown.status_code == 200
    assert "Awards hold more than would be left" in shown.text
    assert "Nothing of this pool was ever lost" in shown.text
    for _ in range(2):
        assert owner.post(ADDRESS, data=TYPED | {"do": "report"}).status_code == 303
    rows = json.loads(stranger(app).get("/pools/gpu/losses.json").text)["rows"]
    assert [(row["units"], row["reason"]) for row in rows] == [(5, "A rack burnt")]
    assert "A rack burnt" in stranger(app).get("/pools/gpu?round=sprint-1").text


def test_a_report_that_is_refused_keeps_what_was_typed(sign_in: Callable[[str], Browser]) -> None:
    answer = sign_in(OWNER).post(ADDRESS, data=TYPED | {"units": "many", "do": "report"})
    assert answer.status_code == 422
    assert 'value="many"' in answer.text
    assert 'href="#units"' in answer.text


def test_a_lead_of_a_team_is_kept_out(sign_in: Callable[[str], Browser]) -> None:
    assert sign_in(LEAD).get(ADDRESS).status_code == 403


def test_a_program_reports_a_loss_once_per_key(app: Flask, market: Database) -> None:
    program = Program(app, issue(market, OWNER))
    body = {"units": 5, "first_day": str(day(3)), "last_day": str(day(3)), "reason": "A fan"}
    first = program.post("/pools/gpu/losses", body, key="k")
    assert first.status_code == 200
    assert program.post("/pools/gpu/losses", body, key="k").json == first.json
    assert program.post("/pools/gpu/losses", body, key="l").json["is_new"] is False
