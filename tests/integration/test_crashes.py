"""Hosts die, stop and lose their disk in the middle of a run: nothing is half-done, and it goes on.

`make torture` kills a host at every word to its database, and with strace at every write and sync.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from allocation.options import Options
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker import runs
from broker.audit import Change
from broker.db import Database, connect
from broker.errors import Refused, StorageFailed
from broker.publications import store_outcome
from broker.rounds import find_round
from broker.runs import ReportProgress
from broker.tables import RunRow, Table
from tests.crashes import (
    CRASHED,
    REFUSED,
    a_host,
    a_while_later,
    as_usual,
    end_of,
    half_done,
    run_until,
    words_of,
)
from tests.cutting import Cut, a_cutter
from tests.markets import (
    a_database,
    a_scarce_problem,
    address_of,
    at,
    better_baseline,
    bring,
    described,
    run_it,
)
from tests.postgresql import a_market

IS_TORTURE = "BROKER_TORTURE" in os.environ
SAMPLES = 6
LITTLE_BYTES = 60_000
DISK_CALLS = {"pwrite64": ("KILL", "ENOSPC", "EIO"), "fdatasync": ("KILL", "EIO")}
"""What SQLite asks of the disk, and what becomes of it."""
CHILD = (sys.executable, "-m", "tests.crashing_host")
KILLED = -signal.SIGKILL
RUN = Table.metadata.tables["run"]


def a_closed_round(db: Database) -> Database:
    bring(db, described(a_scarce_problem()))
    return db


@pytest.fixture
def closed(either_market: Database) -> Database:
    return a_closed_round(either_market)


# --- killed ------------------------------------------------------------------------------------


def markets(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[Database]:
    """Return one closed round after the other, each in a market of its own."""
    if kind == "postgresql":
        while True:
            with a_market(request.getfixturevalue("server")) as db:
                yield a_closed_round(db)
    first = tmp_path / "first.db"
    shutil.copy(request.getfixturevalue("migrated_file"), first)
    db = a_closed_round(a_database(first))
    db.dispose()
    while True:
        db = a_database(Path(shutil.copy(first, tmp_path / "broker.db")))
        yield db
        db.dispose()
        for file in tmp_path.glob("broker.db*"):
            file.unlink()


def sampled(words: int) -> list[int]:
    """Return at which words a host dies: at all of them, or at some spread over the run."""
    if IS_TORTURE:
        return list(range(1, words + 1))
    return [1 + (words - 1) * n // (SAMPLES - 1) for n in range(SAMPLES)]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_round_is_published_once_wherever_its_host_was_killed(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    every = markets(request, kind, tmp_path)
    words = words_of(next(every), as_usual)
    assert words > 100
    for word in sampled(words):
        db = next(every)
        assert run_until(db, word, as_usual) == KILLED
        assert half_done(db) == []
        assert a_while_later(db).round_state == "published"
        assert half_done(db) == []
    print(f"{kind}: killed at {len(sampled(words))} of {words} words")  # noqa: T201  # for `pytest -s`
    every.close()  # type: ignore[attr-defined]


def publish_in_two_steps(session: Session, claim: Any, outcome: Outcome, _: Change) -> None:
    """Store the results, commit, and only then say that they are published."""
    row, run = find_round(session, claim.round_key), session.get_one(RunRow, claim.run_id)
    store_outcome(session, row, run, outcome)
    session.connection().exec_driver_sql("COMMIT")
    raise Refused("The second step never came.")


def test_a_publication_in_two_steps_would_be_found_half_done(
    closed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_publish", publish_in_two_steps)
    with pytest.raises(Refused, match="second step"):
        as_usual(closed)
    assert [line for line in half_done(closed) if "bids decided" in line]


@pytest.mark.timeout(3000)
@pytest.mark.skipif(not IS_TORTURE, reason="every write and sync belongs to `make torture`")
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(("call", "fate"), [(c, f) for c, all_ in DISK_CALLS.items() for f in all_])
def test_nothing_is_half_done_whatever_becomes_of_a_write_or_sync(
    request: pytest.FixtureRequest, tmp_path: Path, call: str, fate: str
) -> None:
    every = markets(request, "sqlite", tmp_path)
    number, outcomes = 0, []
    while True:
        number += 1
        db = next(every)
        code = run_under_strace(db, call, fate, number)
        assert half_done(db) == []
        assert a_while_later(db).round_state == "published"
        assert half_done(db) == []
        outcomes.append(code)
        if code == 0 and fate == "KILL":
            break
        if number >= 120:
            break
    print(f"{call} {fate}: {number} places, ended with {sorted(set(outcomes))}")  # noqa: T201  # for `pytest -s`
    assert set(outcomes) <= {0, REFUSED, KILLED, 128 + signal.SIGKILL}
    every.close()  # type: ignore[attr-defined]


def run_under_strace(db: Database, call: str, fate: str, number: int) -> int:
    how = "signal=KILL" if fate == "KILL" else f"error={fate}"
    inject = f"inject={call}:{how}:when={number}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    command += [*CHILD, address_of(db)]
    return subprocess.run(command, check=False, capture_output=True).returncode


# --- stopped -----------------------------------------------------------------------------------


def test_a_host_that_is_stopped_past_its_lease_can_publish_nothing_when_it_wakes(
    closed: Database,
) -> None:
    begun, go_on = os.pipe(), os.pipe()

    def waits(problem: Problem, options: Options, report: ReportProgress) -> Outcome:
        os.write(begun[1], b"x")
        os.read(go_on[0], 1)
        return better_baseline(problem, options, report)

    address = address_of(closed)
    pid = a_host(lambda: as_usual(connect(address), waits))
    os.read(begun[0], 1)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Refused, match="is being run by"):
        as_usual(closed)
    ran = a_while_later(closed)
    os.kill(pid, signal.SIGCONT)
    os.write(go_on[1], b"x")
    assert end_of(pid) == REFUSED
    assert half_done(closed) == []
    assert run_it(closed).run_id == ran.run_id
    for end in (*begun, *go_on):
        os.close(end)


def test_a_market_that_is_published_twice_would_be_found(closed: Database) -> None:
    ran = as_usual(closed)
    with pytest.raises(IntegrityError):
        publish_again(closed, ran.run_id)
    with closed.writer.begin() as connection:
        connection.execute(text("DROP INDEX uq_run_published"))
    publish_again(closed, ran.run_id)
    assert [line for line in half_done(closed) if "2 published runs" in line]


def publish_again(db: Database, run_id: str) -> None:
    columns = ", ".join(column.name for column in RUN.columns if column.name != "id")
    again = f"INSERT INTO run (id, {columns}) SELECT 'again', {columns} FROM run WHERE id = :id"  # noqa: S608  # our own names
    with db.writer.begin() as connection:
        connection.execute(text(again), {"id": run_id})


# --- the disk ----------------------------------------------------------------------------------


def test_a_disk_that_is_full_ends_a_run_with_a_sentence_and_the_next_one_publishes(
    market: Database,
) -> None:
    a_closed_round(market)
    market.dispose()
    address = address_of(market)

    def does() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE_BYTES, LITTLE_BYTES))
        try:
            as_usual(connect(address))
        except StorageFailed as error:
            os._exit(REFUSED if "nothing that was under way was stored" in str(error) else CRASHED)

    assert end_of(a_host(does)) == REFUSED
    assert half_done(market) == []
    assert a_while_later(market).round_state == "published"


# --- a connection that is cut ------------------------------------------------------------------


@pytest.mark.parametrize("cut", list(Cut))
def test_a_connection_that_is_cut_at_the_commit_leaves_all_or_nothing(
    server: URL, cut: Cut
) -> None:
    with a_market(server) as db, a_cutter(db.url) as cutter:
        a_closed_round(db)
        mine = connect(cutter.url.render_as_string(hide_password=False))
        solve = cutter.cutting(better_baseline, cut)
        with pytest.raises(StorageFailed, match="stored whole or not at all"):
            run_it(mine, solve=solve, clock=at(1))
        assert half_done(db) == []
        assert run_it(mine, clock=at(1.1)).round_state == "published"
        assert half_done(db) == []
        mine.dispose()


# --- a clock that is wrong ---------------------------------------------------------------------


def test_what_time_it_is_is_told_by_the_database_and_not_by_a_host_whose_clock_is_wrong(
    either_market: Database,
) -> None:
    address = address_of(either_market)
    asked = f"from tests.crashing_host import tell_the_time; tell_the_time({address!r}, 7200)"
    command = [sys.executable, "-c", asked]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    host, market = map(float, told.stdout.split())
    assert host - market > 7000
