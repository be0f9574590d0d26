"""Receipts tell what would have won and how sure that is; as a page and for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlmodel import col

from allocation.engine.portfolio import allocate
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.counterfactuals.answers import decided_round, write_estimates
from broker.counterfactuals.tables import CounterfactualRow
from broker.counterfactuals.working import Budget, explain_round
from broker.db import Database, reading, transact, writing
from broker.tables import AwardRow, DeclineRow
from tests.markets import a_scarce_problem, at, bring, described, run_it
from tests.screens import screens

ROUND = "sprint-1"
ESTIMATED = "an estimate from list prices"
VERIFIED = "each checked by solving again"


def solve(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    return allocate(problem, options, time.monotonic, report, lambda _: None)


@pytest.fixture
def published(market: Database) -> Database:
    bring(market, described(a_scarce_problem()))
    run_it(market, solve=solve)
    transact(market, lambda session: write_estimates(session, decided_round(session, ROUND)))
    return market


@pytest.fixture
def client(published: Database) -> Iterator[FlaskClient]:
    with screens(published) as app:
        yield app.test_client()


def explain(db: Database) -> None:
    with ThreadPoolExecutor(1) as executor:
        explain_round(db, ROUND, Budget(30, 5, 1), at(2), executor, lambda _: None)


def declined(db: Database) -> list[str]:
    with reading(db) as session:
        return list(session.scalars(select(col(DeclineRow.bid_id))))


def awarded(db: Database) -> list[str]:
    with reading(db) as session:
        return list(session.scalars(select(col(AwardRow.bid_id))))


def test_a_receipt_says_first_an_estimate_and_later_what_was_verified(
    published: Database, client: FlaskClient
) -> None:
    for bid_id in declined(published):
        assert ESTIMATED in client.get(f"/receipts/{bid_id}").text
    explain(published)
    for bid_id in declined(published):
        page = client.get(f"/receipts/{bid_id}").text
        assert VERIFIED in page
        assert ESTIMATED not in page


def test_a_receipt_for_programs_says_what_the_page_says(
    published: Database, client: FlaskClient
) -> None:
    explain(published)
    for bid_id in declined(published):
        facts = client.get(f"/receipts/{bid_id}.json").get_json()
        assert facts["decision"] == "declined"
        decline = facts["decline"]
        assert decline["would_have_won"]["standing"] == "exact"
        offer = decline["minimum_winning_offer_credits"]
        page = client.get(f"/receipts/{bid_id}").text
        assert (f"Offer {offer} credits" in page) is (offer is not None)
        assert decline["reason"] in page


def test_an_award_has_a_receipt_for_programs_too(published: Database, client: FlaskClient) -> None:
    for bid_id in awarded(published):
        facts = client.get(f"/receipts/{bid_id}.json").get_json()
        assert facts["award"]["payment_credits"] <= facts["award"]["offer_credits"]
        assert facts["decline"] is None


def test_who_would_have_been_displaced_is_counted_and_not_named(
    published: Database, client: FlaskClient
) -> None:
    explain(published)
    titles = [f"Bid {key}" for key in ("b1", "b2", "b3", "b4")]
    for bid_id in declined(published):
        page = client.get(f"/receipts/{bid_id}").text
        assert sum(title in page for title in titles) == 1


def test_the_page_of_a_round_says_how_many_answers_are_verified(
    published: Database, client: FlaskClient
) -> None:
    count = len(declined(published))
    assert f"{count} have an estimate so far" in client.get(f"/rounds/{ROUND}").text
    explain(published)
    said = f"verified for {count} of {count} bids that the run declined"
    assert said in client.get(f"/rounds/{ROUND}").text


def test_how_far_the_answers_of_a_round_are_shows_by_itself_until_all_are_there(
    published: Database, client: FlaskClient
) -> None:
    swap = {"HX-Request": "true", "HX-Target": "explained"}
    waiting = client.get(f"/rounds/{ROUND}", headers=swap).text
    assert waiting.lstrip().startswith('<div id="explained" hx-get=')
    assert f'max="{len(declined(published))}" value="0"' in waiting
    explain(published)
    done = client.get(f"/rounds/{ROUND}", headers=swap).text
    assert "hx-get" not in done
    assert "<progress" not in done


def test_bounds_name_the_budget_within_which_they_were_found(
    published: Database, client: FlaskClient
) -> None:
    bid_id = declined(published)[0]
    with ThreadPoolExecutor(1) as executor:
        explain_round(published, ROUND, Budget(30, 2.5, 1), at(2), executor, lambda _: None)
    bounds = {"standing": "interval", "lower_credits": 700, "upper_credits": 900}
    with writing(published) as session:
        row = col(CounterfactualRow.bid_id)
        session.execute(update(CounterfactualRow).where(row == bid_id).values(**bounds))
    page = client.get(f"/receipts/{bid_id}").text
    assert "between two bounds" in page
    assert "with a budget of 2.5\u00a0s of solving for this bid" in page
    facts = client.get(f"/receipts/{bid_id}.json").get_json()["decline"]["would_have_won"]
    assert facts["budget_milliseconds"] == 2500


def test_the_table_of_declines_shows_offers_that_were_computed_later(
    published: Database, client: FlaskClient
) -> None:
    explain(published)
    rows = client.get(f"/rounds/{ROUND}/declines.json").get_json()["rows"]
    for row in rows:
        facts = client.get(f"/receipts/{row['receipt']}.json").get_json()
        said = facts["decline"]["minimum_winning_offer_credits"]
        assert row["minimum_winning_offer_credits"] == said


def test_there_is_no_receipt_for_programs_of_no_bid(client: FlaskClient) -> None:
    assert client.get("/receipts/nothing.json").status_code == 404
