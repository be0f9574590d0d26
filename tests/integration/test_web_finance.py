"""The finance pages: the books at one look, checks that the worker makes, closes, corrections."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from broker.books.verifications import verify_next
from broker.db import Database, transact
from broker.exports import verify_bundle as verifier
from broker.exports.bundles import verifier_source
from broker.rounds import create_round
from tests.cast import ADMIN, AUDITOR, SECOND_ADMIN, Browser, Places, bring_people, signed_in
from tests.credit_markets import a_sprint, build_credits
from tests.integration.test_books import NOTARY, keys_of, pack_of, set_a_rate, tamper
from tests.logs import sign
from tests.markets import a_change, a_database, at, described
from tests.overrides import a_published_contest, override
from tests.screens import screens

HX = {"HX-Request": "true", "HX-Target": "verification"}


@pytest.fixture(scope="module")
def file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("finance") / "broker.db"))
    db = a_database(file)
    build_credits(db)
    bring_people(db, Places(team="red", other_team="blue"))
    sign(db)
    db.dispose()
    return file


@pytest.fixture
def db(file: Path, tmp_path: Path) -> Iterator[Database]:
    db = a_database(Path(shutil.copy(file, tmp_path / "broker.db")))
    yield db
    db.dispose()


@pytest.fixture
def app(db: Database) -> Iterator[Flask]:
    with screens(db) as app:
        yield app


@pytest.fixture
def as_(app: Flask) -> Callable[[str], Browser]:
    return lambda key: signed_in(app, key)


def words_of(page: str) -> str:
    """Return what a page says, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.replace("\u202f", "")))


def test_the_overview_says_that_the_books_are_in_order(as_: Callable[[str], Browser]) -> None:
    page = words_of(as_(AUDITOR).get("/finance").text)
    assert "all balances add up to 0 credits" in page
    assert "zero, as it must be" in page
    assert "can be closed, the earliest first" in page


def test_the_overview_says_when_they_are_not(as_: Callable[[str], Browser], db: Database) -> None:
    tamper(db, "UPDATE account SET balance_credits = 7 WHERE kind = 'held'", "account")
    page = words_of(as_(AUDITOR).get("/finance").text)
    assert "The books are not in order." in page
    assert "must be zero" in page


def test_a_check_is_started_by_post_watched_by_its_part_and_made_by_the_worker(
    as_: Callable[[str], Browser], db: Database
) -> None:
    auditor = as_(AUDITOR)
    answer = auditor.post("/finance/verifications")
    assert answer.status_code == 303
    waiting = auditor.get(answer.location, headers=HX).text
    assert waiting.startswith('<div id="verification" hx-get=')
    assert "Asked for by Cleo Auditor" in waiting
    verify_next(db, at(10), NOTARY)
    done = auditor.get(answer.location, headers=HX).text
    assert "hx-get" not in done
    assert "Nothing was found." in done
    assert "Nothing was found." in auditor.get("/finance").text


def test_the_first_broken_link_is_named(as_: Callable[[str], Browser], db: Database) -> None:
    auditor = as_(AUDITOR)
    where = auditor.post("/finance/verifications").location
    tamper(db, "UPDATE journal SET reason = 'Mine.' WHERE reason = 'Said so.'", "journal")
    verify_next(db, at(10), NOTARY)
    with db.reader.connect() as connection:
        number = connection.execute(
            text("SELECT number FROM journal WHERE reason = 'Mine.'")
        ).scalar_one()
    assert f"The first broken link is event {number}:" in words_of(auditor.get(where).text)


def test_a_period_is_closed_from_its_page_and_its_pack_is_the_one_of_the_command(
    as_: Callable[[str], Browser], db: Database
) -> None:
    auditor, first = as_(AUDITOR), keys_of(db)[0]
    refused = auditor.post(f"/finance/periods/{first}/close")
    assert refused.status_code == 409
    assert "what a credit is worth" in refused.text
    set_a_rate(db)
    assert auditor.post(f"/finance/periods/{first}/close").status_code == 303
    verify_next(db, at(10), NOTARY)
    page = words_of(auditor.get(f"/finance/periods/{first}").text)
    assert "Closed by Cleo Auditor" in page
    pack = auditor.get(f"/finance/periods/{first}/pack.zip")
    assert pack.data == pack_of(db, first) == auditor.get(f"/finance/periods/{first}/pack.zip").data
    assert "focus.csv" in zipfile.ZipFile(io.BytesIO(pack.data)).namelist()


def test_a_wrong_rate_comes_back_with_what_was_typed(as_: Callable[[str], Browser]) -> None:
    answer = as_(AUDITOR).post(
        "/finance/rates", data={"rate": "0,85", "currency": "EURO", "reason": ""}
    )
    assert answer.status_code == 422
    assert 'value="0,85"' in answer.text
    assert 'id="error_summary"' in answer.text
    answer = as_(AUDITOR).post(
        "/finance/rates", data={"rate": "0.85", "currency": "EURO", "reason": ""}
    )
    assert answer.status_code == 422
    assert "is no national currency" in answer.text


def test_a_rate_is_set_and_shown(as_: Callable[[str], Browser]) -> None:
    typed = {"rate": "0.85", "currency": "eur", "reason": "Budget."}
    assert as_(AUDITOR).post("/finance/rates", data=typed).status_code == 303
    assert "1 credit = 0.85 EUR" in as_(AUDITOR).get("/finance").text


def test_two_admins_take_a_journal_back(as_: Callable[[str], Browser], db: Database) -> None:
    with db.reader.connect() as connection:
        number = connection.execute(
            text("SELECT number FROM journal WHERE kind = 'endowment-by-hand'")
        ).scalar_one()
    address = f"/finance/journal/{number}"
    assert as_(ADMIN).post(f"{address}/correction", data={"reason": ""}).status_code == 422
    answer = as_(ADMIN).post(f"{address}/correction", data={"reason": "Typed wrongly."})
    assert answer.status_code == 303
    page = as_(SECOND_ADMIN).get(address).text
    assert "It waits for a second person." in page
    approve = re.search(rf'action="({address}/correction/[0-9a-f-]+/approve)"', page)
    assert approve is not None
    assert as_(ADMIN).post(approve[1]).status_code == 409
    assert as_(SECOND_ADMIN).post(approve[1]).status_code == 303
    page = words_of(as_(AUDITOR).get(address).text)
    assert "It was taken back by journal" in page
    assert "Propose the correction" not in page


def test_the_journal_is_filtered_by_days(as_: Callable[[str], Browser]) -> None:
    auditor = as_(AUDITOR)
    every = auditor.get("/finance/journal.json").get_json()["total"]
    assert auditor.get("/finance/journal.json?from=2026-02-20").get_json()["total"] == every
    assert auditor.get("/finance/journal.json?until=2026-02-19").get_json()["total"] == 0
    assert auditor.get("/finance/journal?from=soon").status_code == 400
    gifts = auditor.get("/finance/journal.json?kind=endowment-by-hand").get_json()["rows"]
    assert [row["amount_credits"] for row in gifts] == [30]


def test_the_rows_of_balances_have_no_difference(as_: Callable[[str], Browser]) -> None:
    rows = as_(AUDITOR).get("/finance/balances.json").get_json()["rows"]
    assert len(rows) == 2
    assert [row["difference_credits"] for row in rows] == [0, 0]


def test_the_bundle_of_a_round_is_there_for_everybody_and_holds(app: Flask) -> None:
    answer = app.test_client().get("/rounds/sprint-1/bundle.zip")
    assert answer.status_code == 200
    assert verifier.violations_of(answer.data, verifier_source()) == []


def test_the_pages_of_an_empty_market_teach(market: Database) -> None:
    offer = described(a_sprint(1))
    transact(market, lambda session: create_round(session, offer, a_change()))
    bring_people(market, Places(team="red", other_team="blue"))
    with screens(market) as app:
        auditor: FlaskClient = signed_in(app, AUDITOR)
        page = words_of(auditor.get("/finance").text)
        assert "There is no period yet." in page
        assert "No rate is set yet." in page
        for address in ("/finance/journal", "/finance/balances", "/finance/runs"):
            assert auditor.get(address).status_code == 200


def test_overrides_are_listed_with_their_price(either_market: Database) -> None:
    a_published_contest(either_market)
    bring_people(either_market, Places(team="red", other_team="blue"))
    override(either_market)
    with screens(either_market) as app:
        auditor = signed_in(app, AUDITOR)
        page = words_of(auditor.get("/finance/overrides").text)
        answer = auditor.get("/finance/overrides.json")
    [row] = json.loads(answer.text)["rows"]
    assert "details of the override of" in page
    said = {name: row[name] for name in ("kind", "state", "revision", "price_points", "reason")}
    assert said == {
        "kind": "pin",
        "state": "approved",
        "revision": 2,
        "price_points": 200,
        "reason": "The regulator asked for it.",
    }
