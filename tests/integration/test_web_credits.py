"""The page about credits shows the same numbers as its files, to whom it may."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from broker.db import Database
from tests.cast import AUDITOR, LEAD, OTHER_LEAD, Places, bring_people, signed_in
from tests.credit_markets import build_credits, play_sprint
from tests.ledgers import balances_of
from tests.markets import a_database
from tests.screens import screens

MOST_QUERIES = 12


@pytest.fixture
def credits_app(market: Database) -> Iterator[Flask]:
    build_credits(market)
    bring_people(market, Places("red", "blue", "gpu"))
    with screens(market) as app:
        yield app


def rows(browser: FlaskClient, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(browser.get(address).text)))


def figures(page: str) -> dict[str, int]:
    """Return the figures of the tiles by their label."""
    tiles = re.findall(r'<dt>([^<]+)</dt><dd class="figure">([^<]+)</dd>', page)
    return {label: int(re.sub(r"\D", "", figure)) for label, figure in tiles}


def test_whoever_is_in_one_team_sees_it_at_once(credits_app: Flask) -> None:
    lead = signed_in(credits_app, LEAD)
    assert "Credits of Team red" in lead.get("/ledger").text
    assert lead.get("/ledger/blue").status_code == lead.get("/ledger/nothing").status_code == 404


def test_an_auditor_chooses_among_all_teams(credits_app: Flask) -> None:
    auditor = signed_in(credits_app, AUDITOR)
    page = auditor.get("/ledger").text
    assert 'href="/ledger/red"' in page
    assert 'href="/ledger/blue"' in page
    assert auditor.get("/ledger/blue").status_code == 200


def test_page_table_file_and_ledger_say_the_same_numbers(
    credits_app: Flask, market: Database
) -> None:
    lead = signed_in(credits_app, LEAD)
    page = lead.get("/ledger").text
    sprints = rows(lead, "/ledger/red/sprints.csv")
    entries = rows(lead, "/ledger/red/entries.csv")
    past = [row for row in sprints if row["standing"] != "forecast"]
    balance = balances_of(market)["red"]
    shown = figures(page)
    assert shown["Available"] == balance.available_credits
    assert shown["Held"] == balance.held_credits
    assert shown["Spent"] == balance.spent_credits
    assert int(entries[0]["available_after_credits"]) == balance.available_credits
    assert int(entries[0]["spent_after_credits"]) == balance.spent_credits
    assert int(past[-1]["left_credits"]) == balance.available_credits + balance.held_credits
    net = sum(int(row["spent_credits"]) - int(row["refunded_credits"]) for row in past)
    assert net == balance.spent_credits
    assert shown["Carried over"] + shown["Expires"] == balance.available_credits


def test_the_chart_draws_the_numbers_of_its_table(credits_app: Flask) -> None:
    lead = signed_in(credits_app, LEAD)
    captions = re.findall(r'<text class="caption"[^>]*>([^<]+)</text>', lead.get("/ledger").text)
    sprints = rows(lead, "/ledger/red/sprints.csv")
    spent = [str(int(row["spent_credits"]) - int(row["refunded_credits"])) for row in sprints]
    assert captions == spent
    assert len(captions) > 4


def test_a_range_holds_for_page_and_files_alike(credits_app: Flask) -> None:
    lead = signed_in(credits_app, LEAD)
    asked = "from=sprint-2&until=sprint-3"
    page = lead.get(f"/ledger/red?{asked}").text
    link = re.search(r'href="(/ledger/red/entries\.csv\?[^"]+)"', page)
    assert link is not None
    found = rows(lead, link[1].replace("&amp;", "&"))
    assert {row["sprint"] for row in found} == {"sprint-2", "sprint-3"}
    assert f'data-total="{len(found)}"' in page
    assert lead.get("/ledger/red?from=sprint-9").status_code == 400


def test_no_cell_of_a_ledger_file_starts_a_formula(credits_app: Flask) -> None:
    reasons = [r["reason"] for r in rows(signed_in(credits_app, LEAD), "/ledger/red/entries.csv")]
    assert "'=Broken, partly." in reasons


def test_the_page_asks_the_same_few_questions_however_long_the_ledger(
    market: Database, tmp_path: Path
) -> None:
    counts = [_queries(market, tmp_path, sprints) for sprints in (1, 6)]
    assert counts[0] == counts[1] <= MOST_QUERIES


def _queries(market: Database, tmp_path: Path, sprints: int) -> int:
    db = a_database(Path(shutil.copy(market.file, tmp_path / f"{sprints}.db")))
    for number in range(1, sprints + 1):
        play_sprint(db, number, 400)
    bring_people(db, Places("red", "blue", "gpu"))
    asked: list[str] = []

    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    with screens(db) as app:
        browser = signed_in(app, OTHER_LEAD)
        browser.get("/ledger")
        event.listen(app.extensions["desk"].db.reader, "before_cursor_execute", note)
        assert browser.get("/ledger").status_code == 200
    db.dispose()
    return len(asked)
