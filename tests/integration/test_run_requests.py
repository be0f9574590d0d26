"""Rehearsals and runs that are asked for on a page: the worker does them, everybody sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from allocation.options import Options, Progress
from allocation.outcome import Outcome, Placed
from allocation.problem import BidKey, Problem
from broker.access import Actor, Role
from broker.audit import ActorId
from broker.background import run_next
from broker.db import Database, reading, transact, writing
from broker.errors import NotAllowed, Refused
from broker.round_tables import RunOutcomeRow, RunRequestRow
from broker.run_outcomes import kept_outcome
from broker.run_requests import ask_run
from broker.states import RunPurpose
from broker.tables import AwardRow, RunRow
from broker.ticking import Deed, Ticker, tick
from tests.builders import FIRST_DAY, a_bid, a_problem, an_alternative, an_item
from tests.cast import ADMIN, LEAD, Browser, Places, bring_people, signed_in, stranger
from tests.markets import (
    NOON,
    a_scarce_problem,
    at,
    better_baseline,
    bring,
    described,
    event_kinds,
    run_it,
)
from tests.outcomes import an_outcome
from tests.screens import screens

ADA = Actor(ActorId("ada"), "ada", "Ada", frozenset({Role.PLATFORM_ADMIN}))
KEY = "sprint-1"


def ask(db: Database, purpose: RunPurpose = RunPurpose.REHEARSAL, actor: Actor = ADA) -> str:
    return transact(db, lambda session: ask_run(session, actor, KEY, purpose, NOON))


def runs_of(db: Database) -> list[tuple[str, str]]:
    with reading(db) as session:
        runs = session.scalars(select(RunRow).order_by(col(RunRow.started_at), col(RunRow.id)))
        return [(run.purpose, run.state) for run in runs]


@pytest.fixture
def closed(either_market: Database) -> Database:
    bring(either_market, described(a_scarce_problem()))
    return either_market


def test_an_asked_rehearsal_is_done_once_and_keeps_what_it_decided(closed: Database) -> None:
    ask(closed)
    assert runs_of(closed) == []
    assert run_next(closed, at(1), better_baseline)
    assert not run_next(closed, at(2), better_baseline)
    assert runs_of(closed) == [("rehearsal", "checked")]
    with reading(closed) as session:
        run = session.scalars(select(RunRow)).one()
        outcome = kept_outcome(session, run.id)
        assert outcome is not None
        assert outcome.report.outcome_sha256 == run.outcome_sha256
        assert session.scalars(select(AwardRow)).all() == []
    assert event_kinds(closed)[-3:] == ["round.rehearsal-asked", "run.solving", "run.checked"]


def test_an_asked_run_publishes(closed: Database) -> None:
    ask(closed, RunPurpose.PUBLICATION)
    assert run_next(closed, at(1), better_baseline)
    assert runs_of(closed) == [("publication", "published")]


def test_only_one_request_waits_and_only_for_a_closed_round(closed: Database) -> None:
    ask(closed)
    with pytest.raises(Refused, match="A rehearsal of round sprint-1 waits"):
        ask(closed, RunPurpose.PUBLICATION)
    run_it(closed)
    with pytest.raises(Refused, match="only a closed round"):
        ask(closed)
    assert not run_next(closed, at(2), better_baseline)


def test_nobody_but_admins_asks_for_a_run(closed: Database) -> None:
    with pytest.raises(NotAllowed):
        ask(closed, actor=Actor(ActorId("cleo"), "cleo", "C", frozenset({Role.FINANCE_AUDITOR})))


def test_a_request_whose_host_sleeps_past_its_lease_is_met_by_another(closed: Database) -> None:
    def sleeps(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
        assert run_next(closed, at(1.5), better_baseline)
        return better_baseline(problem, options, report)

    ask(closed)
    with pytest.raises(Refused):
        run_next(closed, at(1), sleeps)
    assert runs_of(closed) == [("rehearsal", "failed"), ("rehearsal", "checked")]
    with reading(closed) as session:
        met = session.scalars(select(col(RunRequestRow.run_id))).one()
        assert session.get_one(RunRow, met).state == "checked"


def test_a_tick_rehearses_before_it_publishes(closed: Database) -> None:
    ask(closed)
    ticker = Ticker(closed, at(1), ActorId("cron"), Options(), better_baseline, lambda _: None)
    assert [done.deed for done in tick(ticker)][:2] == [Deed.REHEARSED, Deed.PUBLISHED]
    assert sorted(runs_of(closed)) == [("publication", "published"), ("rehearsal", "checked")]


def test_what_was_asked_and_what_a_rehearsal_decided_stay(closed: Database) -> None:
    ask(closed)
    run_next(closed, at(1), better_baseline)
    for statement in (
        update(RunRequestRow).values(asked_by="nobody"),
        delete(RunRequestRow),
        update(RunOutcomeRow).values(document="{}"),
        delete(RunOutcomeRow),
    ):
        with pytest.raises(IntegrityError, match="never changed or deleted"), writing(closed) as s:
            s.execute(statement)


# --- on the screens --------------------------------------------------------------------------


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    bids = [a_bid(key, an_alternative(an_item(units=8), offer=100)) for key in ("b1", "b2")]
    bring(market, described(a_problem(*bids), b1="Whispered one"))
    bring_people(market, Places(other_team="red"))
    with screens(market) as app:
        yield app


def run_page(browser: FlaskClient, db: Database, number: int = 0) -> str:
    with reading(db) as session:
        runs = session.scalars(select(RunRow).order_by(col(RunRow.started_at))).all()
    return browser.get(f"/runs/{runs[number].id}").get_data(as_text=True)


def of(app: Flask, key: str) -> Browser:
    return signed_in(app, key)


def test_an_admin_rehearses_and_publishes_from_the_round(app: Flask, market: Database) -> None:
    browser = of(app, ADMIN)
    page = browser.get(f"/rounds/{KEY}").get_data(as_text=True)
    assert "Rehearse and run" in page
    answer = browser.post(f"/rounds/{KEY}/rehearse")
    assert (answer.status_code, answer.location) == (303, f"/rounds/{KEY}/progress")
    waiting = stranger(app).get(f"/rounds/{KEY}/progress").get_data(as_text=True)
    assert "Ada Admin asked for a rehearsal" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert run_next(market, at(4), better_baseline)
    swap = browser.get(
        f"/rounds/{KEY}/progress", headers={"HX-Request": "true", "HX-Target": "progress"}
    )
    assert swap.headers["HX-Refresh"] == "true"
    assert browser.post(f"/rounds/{KEY}/run").status_code == 303
    assert run_next(market, at(5), better_baseline)
    assert "Difference to the rehearsal" in run_page(stranger(app), market, 1)
    assert "both decided the same" in run_page(stranger(app), market, 1)


def test_a_rehearsal_shows_its_numbers_to_all_and_its_bids_to_admins(
    app: Flask, market: Database
) -> None:
    run_it(market, purpose=RunPurpose.REHEARSAL, clock=at(1))
    run_it(market, solve=the_other_way, purpose=RunPurpose.REHEARSAL, clock=at(2))
    for browser in (stranger(app), of(app, LEAD)):
        page = run_page(browser, market, 1)
        assert "Bound, by the certificate" in page
        assert "are decided otherwise" in page
        assert "Whispered" not in page
        with reading(market) as session:
            run = session.scalars(select(RunRow).order_by(col(RunRow.started_at))).all()[1]
        assert browser.get(f"/runs/{run.id}/outcome.json").status_code in {303, 403}
        listed = browser.get(f"/rounds/{KEY}/runs.csv").get_data(as_text=True)
        assert run.outcome_sha256 is not None
        assert run.outcome_sha256 in listed
        assert "ada" in listed
    admin = of(app, ADMIN)
    assert "Whispered one" in run_page(admin, market, 1)
    assert admin.get(f"/runs/{run.id}/outcome.json").get_json()["awards"]
    run_it(market, clock=at(3))
    assert "Whispered one" in run_page(stranger(app), market, 1)


def the_other_way(
    problem: Problem, options: Options, report: Callable[[Progress], None]
) -> Outcome:
    """Award the other one of two bids that are worth the same."""
    del options, report
    return an_outcome(problem, (Placed(BidKey("b2"), 1, FIRST_DAY, 1),))
