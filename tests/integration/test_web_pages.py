"""The screens answer everybody, say what they are, and show nothing before its time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlmodel import col

from allocation.assembly import baseline_outcome
from allocation.errors import NoOutcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.db import Database, reading
from broker.runs import ReportProgress
from broker.tables import BidRow
from tests.builders import a_bid, a_problem, an_alternative, an_item, some_units
from tests.markets import a_database, better_baseline, bring, described, run_it
from tests.past import SEALED, build_past, decided_round, sealed_round
from tests.screens import crawl, screens

PAGES = (
    "/",
    "/rounds",
    "/rounds/past-2",
    "/rounds/past-2/awards",
    "/rounds/past-2/declines",
    "/rounds/past-2/prices",
    "/rounds/past-2/progress",
    "/rounds/waiting",
    "/rounds/taking-bids",
    "/rounds/ahead",
    "/pools",
    "/pools/gpu",
    "/pools/gpu?round=taking-bids",
    "/capacity",
    "/capacity?round=past-1",
)
MOST_QUERIES = 12


def test_every_page_answers_and_every_link_on_it_leads_somewhere(past: FlaskClient) -> None:
    broken = [(answer.address, answer.status) for answer in crawl(past) if answer.status != 200]

    assert broken == []


def test_an_empty_market_teaches_how_to_begin(empty: FlaskClient) -> None:
    for page in ("/", "/rounds", "/pools"):
        answer = empty.get(page)
        assert answer.status_code == 200
        assert "broker import FOLDER" in answer.text
    assert "broker run ROUND" in empty.get("/capacity").text


def test_a_page_asks_the_database_the_same_few_questions_however_many_rows(
    market: Database, tmp_path: Path
) -> None:
    few, many = (query_counts(market, tmp_path, bids) for bids in (8, 130))

    assert few == many
    assert max(many.values()) <= MOST_QUERIES, many


def query_counts(market: Database, tmp_path: Path, bids: int) -> dict[str, int]:
    """Count the questions of every page in a fresh copy of a market with so many bids."""
    db = a_database(Path(shutil.copy(market.file, tmp_path / f"{bids}.db")))
    build_past(db, bids=bids)
    with screens(db) as app:
        client = app.test_client()
        client.get("/")
        counts = {page: _queries(app, client, page) for page in PAGES}
    db.dispose()
    return counts


def _queries(app: Flask, client: FlaskClient, page: str) -> int:
    asked: list[str] = []

    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", note)
    assert client.get(page).status_code == 200
    event.remove(engine, "before_cursor_execute", note)
    return len(asked)


# --- sealed until the close, and quiet until the publication -------------------------------


def test_nothing_of_a_sealed_or_undecided_bid_shows_anywhere(past: FlaskClient) -> None:
    told = [a.address for a in crawl(past) if SEALED.lower().encode() in a.body.lower()]

    assert told == []


def test_two_markets_that_differ_only_in_sealed_bids_look_the_same(
    market: Database, tmp_path: Path
) -> None:
    worlds = [sealed_world(market, tmp_path, offer) for offer in (100, 7)]

    assert worlds[0] == worlds[1]


def sealed_world(market: Database, tmp_path: Path, offer: int) -> dict[str, bytes]:
    """Return every byte that a market with one open round shows; a low offer leaves out a bid."""
    db = a_database(Path(shutil.copy(market.file, tmp_path / f"offer-{offer}.db")))
    folder = sealed_round("taking-bids", 4, offer=offer)
    if offer < 100:
        folder = replace(folder, problem=replace(folder.problem, bids=folder.problem.bids[:1]))
    bring(db, folder, is_open=True)
    with screens(db) as app:
        shown = {a.address: a.body for a in crawl(app.test_client(), each_kind=20)}
    db.dispose()
    return shown


@pytest.mark.parametrize("key", ["waiting", "taking-bids", "ahead", "nowhere"])
@pytest.mark.parametrize(
    "what", ["awards", "declines", "prices", "awards.csv", "declines.json", "report.json"]
)
def test_a_round_has_no_result_before_it_is_published(
    past: FlaskClient, key: str, what: str
) -> None:
    assert past.get(f"/rounds/{key}/{what}").status_code == 404


def test_a_receipt_of_a_sealed_bid_is_as_unknown_as_one_of_no_bid(
    past: FlaskClient, past_market: Database
) -> None:
    with reading(past_market) as session:
        sealed = session.scalars(select(BidRow.id).where(col(BidRow.title).contains(SEALED))).all()
    unknown = "0" * len(sealed[0])
    answers = {past.get(f"/receipts/{i}").text.replace(i, "") for i in (*sealed, unknown)}

    assert len(answers) == 1


def test_a_round_with_floors_shows_them_and_what_they_cost(market: Database) -> None:
    blue = a_bid("blue-1", an_alternative(an_item(units=6), offer=54), team="blue")
    red = a_bid("red-1", an_alternative(an_item(), offer=10, lots=(1, 10)))
    problem = a_problem(blue, red, capacity=[some_units(reserved=10)], floor_ratio=Fraction(1))

    def solve(problem: Problem, options: Options, _report: ReportProgress) -> Outcome:
        return baseline_outcome(problem, options, time.monotonic, "There is no engine.")

    run_it(market, bring(market, described(problem)), solve=solve)
    with screens(market) as app:
        page = app.test_client().get("/rounds/sprint-1").text
    assert "Fairness floors" in page
    assert "Price of fairness" in page
    assert "an estimate, since nothing is proven" in page
    assert re.search(r"Team red</th>(<td[^>]*>[^<]+</td>){3}", page)


def test_a_round_without_floors_does_not_speak_of_them(past: FlaskClient) -> None:
    page = past.get("/rounds/past-2").text.lower()
    assert "fairness" not in page


def test_the_list_prices_say_whom_they_do_not_fit(market: Database) -> None:
    problem = a_problem(*(a_bid(f"b{n}", an_alternative(an_item(units=10))) for n in range(3)))

    def solve(problem: Problem, options: Options, _report: ReportProgress) -> Outcome:
        return baseline_outcome(problem, options, time.monotonic, "There is no engine.")

    run_it(market, bring(market, described(problem)), solve=solve)
    with screens(market) as app:
        page = app.test_client().get("/rounds/sprint-1/prices").text
    assert "that did not win offered more than their list cost" in page


def test_prices_that_nobody_has_looked_at_say_nothing_of_it(past: FlaskClient) -> None:
    page = past.get("/rounds/past-2/prices").text
    assert "offered more than their list cost" not in page


def test_why_a_run_failed_waits_for_the_publication(market: Database) -> None:
    def fail(_problem: Problem, _options: Options, _report: ReportProgress) -> Outcome:
        raise NoOutcome(f"{SEALED} bid broke it.")

    key = bring(market, sealed_round("waiting", 3))
    with pytest.raises(NoOutcome):
        run_it(market, key, solve=fail)
    with screens(market) as app:
        before = app.test_client().get(f"/rounds/{key}").text
        run_it(market, key)
        after = app.test_client().get(f"/rounds/{key}").text

    assert "failed" in before
    assert SEALED not in before
    assert f"{SEALED} bid broke it." in after


# --- progress ------------------------------------------------------------------------------


def test_progress_looks_again_by_itself_until_the_result_is_there(market: Database) -> None:
    seen: list[str] = []
    key = bring(market, decided_round("now", 1, 8))
    with screens(market) as app:
        client = app.test_client()

        def watched(problem: Problem, options: Options, report: ReportProgress) -> Outcome:
            report(Progress("relaxation", 3, 4321, 0.5))
            seen.append(client.get(f"/rounds/{key}/progress", headers=swap("progress")).text)
            return better_baseline(problem, options, report)

        run_it(market, key, solve=watched)
        done = client.get(f"/rounds/{key}/progress", headers=swap("progress"))

    assert 'hx-trigger="every 2s"' in seen[0]
    assert "4\N{NARROW NO-BREAK SPACE}321" in seen[0]
    assert "hx-trigger" not in done.text
    assert done.headers["HX-Refresh"] == "true"


def swap(target: str) -> dict[str, str]:
    """Return the headers with which a script asks for a part of a page."""
    return {"HX-Request": "true", "HX-Target": target}


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("/", "strips"),
        ("/", "pool_use"),
        ("/rounds", "rounds"),
        ("/rounds/past-2", "runs"),
        ("/rounds/past-2", "stages"),
        ("/rounds/past-2/awards", "awards"),
        ("/rounds/past-2/declines", "declines"),
        ("/rounds/past-2/prices", "prices"),
        ("/pools", "pools"),
        ("/pools/gpu", "capacity"),
        ("/pools/gpu", "history"),
        ("/pools/gpu", "holders"),
        ("/capacity?table=days", "capacity"),
        ("/capacity", "pool_prices"),
        ("/capacity/value", "sprint_figures"),
        ("/capacity/value", "team_figures"),
        ("/capacity/scarcity", "scarcity"),
        ("/capacity/scarcity", "unused"),
        ("/capacity/days/2026-03-17", "day"),
    ],
)
def test_a_swap_gets_the_part_that_the_page_is_made_of(
    past: FlaskClient, page: str, target: str
) -> None:
    part = past.get(page, headers=swap(target))
    whole = past.get(page)

    root = re.match(r"\s*<\w+[^>]*\bid=\"(\w+)\"", part.text)
    assert root is not None
    assert root[1] == target
    assert part.text.strip() in whole.text
    assert "HX-Target" in whole.headers["Vary"]


def test_a_restored_history_entry_gets_the_whole_page(past: FlaskClient) -> None:
    headers = swap("rounds") | {"HX-History-Restore-Request": "true"}

    assert "<!doctype html>" in past.get("/rounds", headers=headers).text


def test_every_request_of_a_script_has_a_plain_address_beside_it(past: FlaskClient) -> None:
    for page in PAGES:
        for tag in re.findall(r"<(?:a|form|button)\b[^>]*\bhx-get=[^>]*>", past.get(page).text):
            assert re.search(r"\s(?:href|action)=\"/", tag), tag


def test_the_screens_never_load_a_solver() -> None:
    code = (
        "import sys, web.app\n"
        "print(*{'ortools', 'numpy', 'pandas'} & {m.partition('.')[0] for m in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == ""
