"""What every answer carries, and what people see when something does not work."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.config import Settings
from broker.db import Database
from tests.markets import at
from web.app import create_app
from web.assets import STATIC


@pytest.mark.parametrize(
    "address", ["/", "/nowhere", "/rounds.csv", "/rounds?sort=x", "/static/app.css", "/healthz"]
)
def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere(
    past: FlaskClient, address: str
) -> None:
    with past.get(address) as answer:
        headers = answer.headers

    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) <= {"'self'", "'none'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_no_page_has_a_script_or_a_style_in_line(past: FlaskClient) -> None:
    for page in ("/", "/rounds/past-2", "/pools/gpu", "/capacity", "/rounds/past-2/declines"):
        text = past.get(page).text
        assert not re.search(r"<[^>]+\sstyle=|<style|<script(?![^>]*\ssrc=)|<[^>]+\son\w+=", text)


def test_pages_are_not_kept_and_files_with_their_hash_are_kept_for_ever(
    past: FlaskClient,
) -> None:
    page = past.get("/")
    css = re.search(r"/static/app\.css\?v=[0-9a-f]+", page.text)

    assert css is not None
    assert page.headers["Cache-Control"] == "no-store"
    with past.get(css[0]) as kept, past.get("/static/app.css?v=0") as asked_again:
        assert "immutable" in kept.headers["Cache-Control"]
        assert asked_again.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nowhere", 404),
        ("/rounds/nowhere", 404),
        ("/pools/nowhere", 404),
        ("/pools/nowhere/holders.csv", 404),
        ("/pools/gpu?round=nowhere", 404),
        ("/receipts/nothing", 404),
        ("/capacity?round=taking-bids", 404),
        ("/static/nowhere.css", 404),
        ("/rounds?sort=colour", 400),
        ("/rounds?sort=-", 400),
        ("/rounds?page=0", 400),
        ("/rounds?page=-1", 400),
        ("/rounds?page=1e9", 400),
        ("/rounds?page=99999999999999999999", 400),
        ("/rounds/past-2/awards?start=tomorrow", 400),
        ("/rounds/past-2/awards.csv?start=2026-02-30", 400),
        ("/rounds/past-2/awards?title=%00", 400),
        ("/rounds/past-2/awards?title=" + "x" * 300, 400),
        ("/capacity?from=yesterday", 400),
        ("/pools/gpu?on=9", 400),
    ],
)
def test_a_wrong_address_gets_a_page_that_leads_on(
    past: FlaskClient, address: str, status: int
) -> None:
    answer = past.get(address)

    assert answer.status_code == status
    assert f"Error {status}" in answer.text
    assert 'href="/rounds"' in answer.text
    assert "Traceback" not in answer.text


def test_a_page_behind_the_last_one_is_the_last_one(past: FlaskClient) -> None:
    assert "Rows 1 to 5 of" in past.get("/rounds?page=999999999").text


def test_a_form_sent_to_a_page_is_told_what_the_page_answers_to(past: FlaskClient) -> None:
    answer = past.post("/rounds", data={"a": "b"})

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "Error 405" in answer.text


def test_a_market_that_is_not_there_says_so_without_its_path(tmp_path: object) -> None:
    app = create_app(Settings(f"sqlite:///{tmp_path}/none.db"), at(0))
    answer = app.test_client().get("/")

    assert answer.status_code == 503
    assert "broker migrate" in answer.text
    assert str(tmp_path) not in answer.text
    assert app.test_client().get("/healthz").status_code == 200
    assert app.test_client().get("/readyz").status_code == 503


def test_a_broken_database_is_an_error_page_and_not_a_crash(
    past_app: Flask, past: FlaskClient, past_market: Database
) -> None:
    assert past.get("/").status_code == 200
    past_app.extensions["desk"].db.dispose()
    past_market.file.write_bytes(b"no database" * 1000)

    answer = past.get("/")
    assert answer.status_code == 503
    assert "Error 503" in answer.text


def test_every_answer_has_an_id_of_its_own_and_what_broke_names_it(
    past_app: Flask, past: FlaskClient
) -> None:
    first, second = (past.get("/healthz").headers["X-Request-ID"] for _ in "12")
    assert first != second

    def broken() -> str:
        raise RuntimeError("a defect")

    past_app.view_functions["health.alive"] = broken
    answer = past.get("/healthz")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.text


def test_a_defect_of_ours_shows_no_inside(past_app: Flask, past: FlaskClient) -> None:
    def break_down() -> str:
        raise RuntimeError("the inside")

    past_app.add_url_rule("/defect", view_func=break_down)
    answer = past.get("/defect")

    assert answer.status_code == 500
    assert "Error 500" in answer.text
    assert "the inside" not in answer.text


def test_hostile_names_stay_text(past: FlaskClient) -> None:
    for page in ("/rounds/past-2/awards", "/rounds/past-2/declines", "/pools", "/capacity"):
        assert "<script>alert" not in past.get(page).text
    assert "H100 &lt;nodes&gt; &amp; more" in past.get("/pools").text


def test_the_static_folder_is_where_the_application_looks() -> None:
    assert (STATIC / "app.css").is_file()
