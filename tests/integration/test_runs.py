"""A round is allocated and published exactly once, whatever happens to the hosts that try."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import multiprocessing
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from allocation.assembly import baseline_outcome
from allocation.errors import BrokenOutcome, NoOutcome
from allocation.options import Options, Progress
from allocation.outcome import Award, Outcome
from allocation.problem import Problem
from allocation.wire import certificate_from_document, outcome_sha256, report_from_document
from broker.clock import system_clock
from broker.db import Database, connect, reading, transact, writing
from broker.errors import NotFound, Refused
from broker.leases import kept, release_lease, take_lease
from broker.round_documents import show_round
from broker.rounds import create_round, find_round, open_round
from broker.states import RunPurpose
from broker.tables import (
    AwardRow,
    BidRow,
    DeclineRow,
    ListPriceRow,
    PoolRow,
    RoundRow,
    RunRow,
    RunStageRow,
)
from tests.builders import a_bid, a_problem
from tests.intruders import past_the_log
from tests.markets import (
    NOON,
    a_change,
    a_scarce_problem,
    address_of,
    at,
    better_baseline,
    bring,
    described,
    event_kinds,
    row_counts,
    run_it,
)
from tests.outcomes import a_judged_outcome

Report = Callable[[Progress], None]


@pytest.fixture
def closed(either_market: Database) -> Database:
    bring(either_market, described(a_scarce_problem()))
    return either_market


def rounds_of(db: Database) -> RoundRow:
    with reading(db) as session:
        return find_round(session, "sprint-1")


def runs_of(db: Database) -> list[RunRow]:
    with reading(db) as session:
        return list(session.scalars(select(RunRow).order_by(col(RunRow.fence))))


def no_outcome(problem: Problem, options: Options, report: Report) -> Outcome:
    del options, report
    raise NoOutcome(f"No stage found an outcome for {problem.round_key}.")


def too_generous(problem: Problem, options: Options, report: Report) -> Outcome:
    """Return an outcome that pays a winner: the judge must see it."""
    outcome = better_baseline(problem, options, report)
    first = dataclasses.replace(outcome.awards[0], payment_credits=0, lots=2)
    return dataclasses.replace(outcome, awards=(first, *outcome.awards[1:]))


# --- what is published ---------------------------------------------------------------------


def test_a_run_publishes_the_outcome_and_nothing_else(closed: Database) -> None:
    ran = run_it(closed)
    outcome = a_judged_outcome(a_scarce_problem())
    assert (ran.round_state, ran.run_state, ran.revision) == ("published", "published", 1)
    assert ran.outcome == outcome
    with reading(closed) as session:
        keys = dict(session.execute(select(col(BidRow.id), col(BidRow.key))).all())
        pools = dict(session.execute(select(col(PoolRow.id), col(PoolRow.key))).all())
        awards = session.scalars(select(AwardRow)).all()
        declines = session.scalars(select(DeclineRow)).all()
        prices = session.scalars(select(ListPriceRow)).all()
    stored = (
        Award(keys[a.bid_id], a.alternative, a.start, a.lots, a.value_score, a.payment_credits)
        for a in awards
    )
    assert sorted(stored, key=lambda award: award.bid_key) == list(outcome.awards)
    assert {(keys[d.bid_id], d.reason) for d in declines} == {
        (d.bid_key, d.reason) for d in outcome.declines
    }
    assert {(pools[p.pool_id], p.day, p.tier): p.list_price_microcredits for p in prices} == {
        (p.pool_key, p.day, p.tier): p.list_price_microcredits for p in outcome.prices
    }


def test_a_run_keeps_what_proves_it(closed: Database) -> None:
    outcome = run_it(closed).outcome
    assert outcome is not None
    [run] = runs_of(closed)
    assert run.outcome_sha256 == outcome_sha256(outcome.awards, outcome.declines, outcome.prices)
    assert report_from_document(json.loads(run.report or "")) == outcome.report
    assert certificate_from_document(json.loads(run.certificate or "")) == outcome.certificate


def test_every_change_of_a_run_leaves_exactly_one_event(closed: Database) -> None:
    before = len(event_kinds(closed))
    run_it(closed)
    kinds = ["run.solving", "run.checked", "round.published", "ledger.release", "run.published"]
    assert event_kinds(closed)[before:] == kinds


def test_a_published_round_says_so_and_changes_nothing(closed: Database) -> None:
    first = run_it(closed)
    before = row_counts(closed)
    for purpose in RunPurpose:
        again = run_it(closed, solve=no_outcome, purpose=purpose)
        assert (again.run_id, again.outcome_sha256) == (first.run_id, first.outcome_sha256)
        assert again.outcome is None
    assert row_counts(closed) == before


def test_progress_is_told_and_stored_for_the_screens(closed: Database) -> None:
    seen: list[Progress] = []
    ran = run_it(closed, seen=seen)
    assert [line.stage for line in seen] == ["baselines"]
    with reading(closed) as session:
        [line] = session.scalars(select(RunStageRow)).all()
    assert (line.run_id, line.position, line.stage, line.milliseconds) == (
        ran.run_id,
        1,
        "baselines",
        250,
    )
    assert (line.value, line.bound) == (seen[0].value, seen[0].bound)


def test_a_rehearsal_publishes_nothing_and_the_run_after_it_does(closed: Database) -> None:
    rehearsed = run_it(closed, purpose=RunPurpose.REHEARSAL)
    assert (rehearsed.round_state, rehearsed.run_state) == ("closed", "checked")
    counts = row_counts(closed)
    assert (counts["award"], counts["decline"], counts["list_price"]) == (0, 0, 0)
    published = run_it(closed)
    assert published.outcome_sha256 == rehearsed.outcome_sha256
    assert [(run.purpose, run.state) for run in runs_of(closed)] == [
        ("rehearsal", "checked"),
        ("publication", "published"),
    ]


# --- what is refused -----------------------------------------------------------------------


def test_a_round_that_is_open_and_not_due_is_not_run(either_market: Database) -> None:
    bring(either_market, described(a_scarce_problem()), is_open=True)
    with pytest.raises(Refused, match="is open for bids and has no closing time"):
        run_it(either_market)
    assert runs_of(either_market) == []


def test_a_round_that_is_due_is_closed_and_run(either_market: Database) -> None:
    with writing(either_market) as session:
        closes_at = NOON + dt.timedelta(hours=2)
        create_round(session, described(a_problem()), a_change(), closes_at=closes_at)
        open_round(session, "sprint-1", a_change())
    with pytest.raises(Refused, match="open for bids until 2026-02-20 14:00"):
        run_it(either_market, clock=at(1.9))
    assert run_it(either_market, clock=at(2)).round_state == "published"
    assert rounds_of(either_market).closed_at == closes_at


def test_a_scheduled_round_and_one_that_is_not_there_are_not_run(either_market: Database) -> None:
    transact(either_market, lambda s: create_round(s, described(a_problem()), a_change()))
    with pytest.raises(Refused, match="is scheduled; only a closed round"):
        run_it(either_market)
    with pytest.raises(NotFound, match="no round sprint-9"):
        run_it(either_market, "sprint-9")


def without_an_engine(problem: Problem, options: Options, _: Report) -> Outcome:
    return baseline_outcome(problem, options, time.monotonic, "There is no engine.")


def test_a_round_with_floors_is_published_with_what_they_cost(either_market: Database) -> None:
    bring(either_market, described(a_problem(a_bid(), floor_ratio=Fraction(1, 2))))
    outcome = run_it(either_market, solve=without_an_engine).outcome
    assert outcome is not None
    floors = outcome.report.floors
    assert floors is not None
    [team] = floors.teams
    assert (team.floor, team.shortfall, floors.price_of_fairness) == (50, 0, 0)
    [run] = runs_of(either_market)
    assert run.report is not None
    assert report_from_document(json.loads(run.report)).floors == floors


# --- what fails ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solve", "error", "why"),
    [
        (no_outcome, NoOutcome, "No stage found an outcome for sprint-1."),
        (too_generous, BrokenOutcome, "failed its check"),
    ],
)
def test_a_run_without_a_sound_outcome_fails_and_a_new_one_may_follow(
    closed: Database, solve: Callable[..., Outcome], error: type[Exception], why: str
) -> None:
    with pytest.raises(error):
        run_it(closed, solve=solve)
    [run] = runs_of(closed)
    assert run.state == "failed"
    assert why in (run.failure or "")
    assert rounds_of(closed).state == "closed"
    assert row_counts(closed)["award"] == 0
    assert run_it(closed).round_state == "published"


def test_an_interrupted_run_says_so_and_gives_its_lease_back(closed: Database) -> None:
    def interrupted(*_: object) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_it(closed, solve=interrupted)
    assert [(run.state, run.failure) for run in runs_of(closed)] == [
        ("failed", "KeyboardInterrupt")
    ]
    assert rounds_of(closed).lease_holder is None


def test_an_outcome_of_another_round_is_refused(closed: Database) -> None:
    def mistaken(_: Problem, options: Options, report: Report) -> Outcome:
        return better_baseline(a_problem(), options, report)

    with pytest.raises(BrokenOutcome):
        run_it(closed, solve=mistaken)


# --- several hosts -------------------------------------------------------------------------


def test_while_one_host_runs_a_round_another_is_refused(closed: Database) -> None:
    def meanwhile(problem: Problem, options: Options, report: Report) -> Outcome:
        with pytest.raises(Refused, match="is being run by ada/"):
            run_it(closed, clock=at(1))
        return better_baseline(problem, options, report)

    assert run_it(closed, solve=meanwhile).round_state == "published"
    assert [run.state for run in runs_of(closed)] == ["published"]


def test_a_host_that_sleeps_past_its_lease_can_publish_nothing(closed: Database) -> None:
    taken_over: list[str] = []

    def sleeps(problem: Problem, options: Options, report: Report) -> Outcome:
        taken_over.append(run_it(closed, clock=at(1.5)).run_id)
        return better_baseline(problem, options, report)

    with pytest.raises(Refused):
        run_it(closed, solve=sleeps, clock=at(1))
    runs = runs_of(closed)
    assert [run.state for run in runs] == ["failed", "published"]
    assert "its lease ran out" in (runs[0].failure or "")
    assert [runs[1].id] == taken_over
    assert row_counts(closed)["award"] == len(a_judged_outcome(a_scarce_problem()).awards)


def test_a_run_that_was_checked_by_a_dead_host_goes_stale(closed: Database) -> None:
    ran = run_it(closed, purpose=RunPurpose.REHEARSAL)
    with past_the_log(closed) as session:
        session.get_one(RunRow, ran.run_id).purpose = RunPurpose.PUBLICATION
    run_it(closed)
    assert [run.state for run in runs_of(closed)] == ["stale", "published"]


def test_a_lease_is_renewed_for_as_long_as_the_work_takes(closed: Database) -> None:
    with writing(closed) as session:
        lease = take_lease(session, find_round(session, "sprint-1"), "host", NOON)
    taken_until = rounds_of(closed).lease_until
    deadline = time.monotonic() + 10
    with kept(closed, lease, at(3), every_seconds=0.01):
        while rounds_of(closed).lease_until == taken_until and time.monotonic() < deadline:
            time.sleep(0.01)
    assert rounds_of(closed).lease_until == NOON + dt.timedelta(hours=3, seconds=60)


def test_a_lease_that_was_lost_is_neither_renewed_nor_released(closed: Database) -> None:
    with writing(closed) as session:
        row = find_round(session, "sprint-1")
        lost = take_lease(session, row, "first", NOON)
        take_lease(session, row, "second", NOON + dt.timedelta(seconds=60))
    before = rounds_of(closed)
    with kept(closed, lost, at(3), every_seconds=0.01):
        time.sleep(0.1)
    transact(closed, lambda session: release_lease(session, lost))
    assert rounds_of(closed) == before
    assert (before.lease_holder, before.fence) == ("second", 2)


def test_a_round_is_published_once_however_many_hosts_try(closed: Database) -> None:
    closed.dispose()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    answers = context.Queue()
    hosts = [
        context.Process(target=_run_with, args=(address_of(closed), barrier, answers))
        for _ in range(3)
    ]
    for host in hosts:
        host.start()
    said = sorted(answers.get(timeout=60) for _ in hosts)
    for host in hosts:
        host.join(60)
    assert said.count("published it") == 1
    assert set(said) <= {"published it", "was published", "refused"}
    with reading(closed) as session:
        shown = show_round(session, "sprint-1")
    assert [run["state"] for run in shown["runs"]] == ["published"]
    assert shown["state"] == "published"


def _run_with(address: str, barrier: Any, answers: Any) -> None:
    db = connect(address)
    barrier.wait(60)
    try:
        ran = run_it(db, clock=system_clock)
        answers.put("published it" if ran.outcome else "was published")
    except Refused:
        answers.put("refused")
    db.dispose()
