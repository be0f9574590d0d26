"""What is due by the clock happens by itself, once, whoever ticks and however often."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import Session

from allocation.errors import NoOutcome
from allocation.options import Options
from allocation.outcome import Outcome
from broker.access import service
from broker.audit import ActorId
from broker.clock import database_time, system_clock
from broker.db import Database, reading, transact, writing
from broker.errors import InvalidCancellation, Refused
from broker.leases import take_lease
from broker.round_tables import CancellationRow
from broker.rounds import close_round, create_round, find_round
from broker.rounds_by_hand import cancel_round
from broker.runs import run_round
from broker.ticking import Deed, Ticked, Ticker, tick
from tests.builders import a_problem
from tests.commands import Broker
from tests.integration.test_rounds import a_wish, an_offer
from tests.ledgers import balances_of, violations
from tests.markets import (
    ADA,
    NOON,
    a_change,
    at,
    better_baseline,
    bring,
    bring_bid,
    described,
    event_kinds,
    run_it,
)

HOST = service(ActorId("host"))
OPENS_AT, CLOSES_AT = NOON + dt.timedelta(hours=1), NOON + dt.timedelta(hours=5)
AFTER_THE_SPRINT = 24 * 30


def a_ticker(db: Database, hours: float, solve: Callable[..., Outcome] = better_baseline) -> Ticker:
    return Ticker(db, at(hours), HOST.id, Options(), solve, lambda _: None)


def ticked(
    db: Database, hours: float, solve: Callable[..., Outcome] = better_baseline
) -> list[str]:
    return [one.deed for one in tick(a_ticker(db, hours, solve))]


@pytest.fixture
def announced(either_market: Database) -> Database:
    with writing(either_market) as session:
        create_round(
            session, described(an_offer()), a_change(), opens_at=OPENS_AT, closes_at=CLOSES_AT
        )
    return either_market


def test_a_round_lives_its_whole_life_by_the_clock(announced: Database) -> None:
    assert ticked(announced, 0.9) == []
    assert ticked(announced, 1) == [Deed.OPENED]
    transact(announced, lambda session: bring_bid(session, a_wish(), a_change(2)))
    assert ticked(announced, 4.9) == []
    assert ticked(announced, 5) == [Deed.CLOSED, Deed.PUBLISHED]
    assert ticked(announced, 6) == []
    assert ticked(announced, AFTER_THE_SPRINT) == [Deed.FINISHED]
    assert ticked(announced, AFTER_THE_SPRINT) == []
    assert [kind for kind in event_kinds(announced) if kind.startswith("round.")] == [
        f"round.{state}" for state in ("scheduled", "open", "closed", "published", "finished")
    ]


def test_hosts_that_tick_at_the_same_time_do_everything_once(announced: Database) -> None:
    for hours, deeds in ((1, [Deed.OPENED]), (5, [Deed.CLOSED, Deed.PUBLISHED])):
        with ThreadPoolExecutor(4) as hosts:
            told = list(hosts.map(lambda _, h=hours: ticked(announced, h), range(4)))
        done = [deed for one in told for deed in one if deed is not Deed.HELD_ELSEWHERE]
        assert sorted(done) == sorted(deeds)
    assert event_kinds(announced).count("run.published") == 1


def test_a_sprint_is_finished_on_the_day_after_its_last(announced: Database) -> None:
    ticked(announced, 1)
    ticked(announced, 5)
    last_day = dt.datetime.combine(dt.date(2026, 3, 6), dt.time(23, 59), tzinfo=dt.UTC)
    hours = (last_day - NOON).total_seconds() / 3600
    assert ticked(announced, hours) == []
    assert ticked(announced, hours + 1) == [Deed.FINISHED]


def test_a_round_whose_bidding_time_was_missed_waits_for_people(announced: Database) -> None:
    [missed] = tick(a_ticker(announced, 6))
    assert missed.deed is Deed.FAILED
    assert "cannot open any more" in missed.sentence
    assert "broker round schedule sprint-1" in missed.sentence


def test_a_round_that_another_host_runs_is_left_to_it(market: Database) -> None:
    bring(market, described(a_problem()))
    with writing(market) as session:
        take_lease(session, find_round(session, "sprint-1"), "other", NOON)
    [held] = tick(a_ticker(market, 0.01))
    assert (held.deed, held.error) == (Deed.HELD_ELSEWHERE, None)
    assert "is being run by other" in held.sentence


def test_an_allocation_that_failed_is_tried_again_after_longer_and_longer_pauses(
    market: Database,
) -> None:
    bring(market, described(a_problem()))
    minute = 1 / 60

    def fails(*_: object) -> Outcome:
        raise NoOutcome("No stage found an outcome for sprint-1.")

    assert ticked(market, 1, fails) == [Deed.FAILED]
    assert ticked(market, 1 + 0.9 * minute) == [Deed.WAITING]
    assert ticked(market, 1 + minute, fails) == [Deed.FAILED]
    assert ticked(market, 1 + 2.9 * minute) == [Deed.WAITING]
    assert ticked(market, 1 + 3 * minute) == [Deed.PUBLISHED]


def test_what_goes_wrong_with_one_round_does_not_keep_the_others(announced: Database) -> None:
    def fails(*_: object) -> Outcome:
        raise NoOutcome("No stage found an outcome for sprint-1.")

    ticked(announced, 1)
    deeds: list[Ticked] = list(tick(a_ticker(announced, 5, fails)))
    assert [one.deed for one in deeds] == [Deed.CLOSED, Deed.FAILED]
    assert isinstance(deeds[1].error, NoOutcome)


def test_the_database_tells_the_time_where_order_matters(either_market: Database) -> None:
    before = system_clock()
    with reading(either_market) as session:
        told = database_time(session)
    assert abs(told - before) < dt.timedelta(seconds=5)
    assert told.tzinfo is not None


# --- cancelling ---------------------------------------------------------------------------------


def cancel(session: Session, reason: str = "The cluster burnt down.", hours: float = 6) -> bool:
    return cancel_round(session, HOST, "sprint-1", reason, a_change(hours).at)


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_cancelled_round_holds_no_credits_and_allocates_nothing(
    announced: Database,
    is_closed: bool,  # noqa: FBT001  # a table's column
) -> None:
    ticked(announced, 1)
    before = balances_of(announced)
    transact(announced, lambda session: bring_bid(session, a_wish(), a_change(2)))
    if is_closed:
        with writing(announced) as session:
            close_round(session, "sprint-1", a_change(5))
        assert balances_of(announced) != before
    assert transact(announced, cancel)
    assert not transact(announced, cancel)
    assert balances_of(announced) == before
    assert violations(announced) == []
    assert ticked(announced, AFTER_THE_SPRINT) == []
    with reading(announced) as session:
        row = find_round(session, "sprint-1")
        stored = session.get(CancellationRow, row.id)
    assert row.state == "cancelled"
    assert stored is not None
    assert stored.reason == "The cluster burnt down."


def test_a_run_that_is_under_way_publishes_nothing_of_a_cancelled_round(market: Database) -> None:
    bring(market, described(a_problem()))

    def meanwhile(*arguments: object) -> Outcome:
        transact(market, cancel)
        return better_baseline(*arguments)  # type: ignore[arg-type]

    with pytest.raises(Refused):
        run_round(market, "sprint-1", Options(), at(1), ADA, meanwhile, lambda _: None)
    with reading(market) as session:
        assert find_round(session, "sprint-1").state == "cancelled"
    assert "run.stale" in event_kinds(market)


def test_a_published_round_is_not_cancelled_and_no_round_without_a_reason(
    market: Database,
) -> None:
    bring(market, described(a_problem()))
    with pytest.raises(InvalidCancellation, match="reason: is empty"):
        transact(market, lambda session: cancel(session, " "))
    run_it(market)
    with pytest.raises(Refused, match="is published and cannot become cancelled"):
        transact(market, cancel)


# --- the commands -------------------------------------------------------------------------------


def test_tick_says_what_it_did_and_that_nothing_is_due(migrated: Broker, sound: Path) -> None:
    migrated("import", sound)
    said = migrated("tick", "--json", "--time-limit", "5")
    assert said.code == 0
    [deed] = json.loads(said.out)["deeds"]
    assert deed["deed"] == "published"
    assert json.loads(migrated("round", "show", deed["round_key"], "--json").out)["runs"]
    while "Nothing is due." not in (said := migrated("tick")).out:
        assert said.code == 0


def test_a_round_is_announced_scheduled_opened_and_cancelled_by_commands(
    migrated: Broker, sound: Path
) -> None:
    for name in ("bids", "alternatives", "items"):
        file = sound / f"{name}.csv"
        file.write_text(file.read_text().splitlines()[0] + "\n")
    said = migrated("round", "announce", sound)
    assert (said.code, "the market draws it" in said.err) == (2, True)
    head = sound / "round.csv"
    head.write_text(head.read_text().replace(",nonce", "").replace(",abc123", ""))
    said = migrated("round", "announce", sound, "--closes-at", "2199-01-01T00:00Z", "--json")
    assert said.code == 0, said.err
    key = json.loads(said.out)["round_key"]
    said = migrated("round", "schedule", key, "--closes-at", "2200-01-01T01:00+01:00", "--json")
    assert json.loads(said.out)["closes_at"] == "2200-01-01T00:00:00+00:00"
    assert migrated("round", "open", key).code == 0
    said = migrated("round", "schedule", key)
    assert (said.code, "two persons" in said.err) == (3, True)
    assert migrated("round", "cancel", key).code == 2
    assert migrated("round", "cancel", key, "--reason", "A test.").out == (
        f"Round {key} is cancelled.\n"
    )
    again = migrated("round", "cancel", key, "--reason", "A test.")
    assert (again.code, "already" in again.out) == (0, True)


@pytest.mark.parametrize("moment", ["tomorrow", "2026-03-02", "2026-03-02T18:00"])
def test_a_time_without_an_offset_is_refused(migrated: Broker, moment: str) -> None:
    said = migrated("round", "schedule", "sprint-1", "--opens-at", moment)
    assert said.code == 2
    assert moment in said.err
