"""SIGTERM loses nothing: what a server began is answered, what a run began is done by the next."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import select
from sqlmodel import col

from broker.clock import system_clock
from broker.commands.service import SAFE_DEFAULTS
from broker.db import Database, reading
from broker.leases import LEASE
from broker.tables import RunRow
from tests.markets import a_scarce_problem, bring, described, event_kinds, run_it

BROKER = (sys.executable, "-c", "from broker.cli import main; main()")
SLOW_APPLICATION = """
import os, time
from web.wsgi import app
@app.get("/slow")
def slow():
    open(os.environ["STARTED"], "w").close()
    time.sleep(1.5)
    return "whole"
"""
WAIT_SECONDS = 30


@contextmanager
def started(
    command: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)


@pytest.fixture
def surroundings(market: Database, tmp_path: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "BROKER_DATABASE_URL": f"sqlite:///{market.file}",
        "STARTED": str(tmp_path / "started"),
        "PYTHONPATH": f"{tmp_path}:{Path.cwd()}",
    }


def test_a_request_that_is_being_answered_is_answered_whole(
    surroundings: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "slow_application.py").write_text(SLOW_APPLICATION)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        sys.executable,
        "-m",
        "gunicorn",
        f"--bind=127.0.0.1:{port}",
        *SAFE_DEFAULTS,
        "slow_application:app",
    )
    answers: list[str] = []
    with started(command, surroundings) as server:
        address = f"http://127.0.0.1:{port}/slow"
        asking = threading.Thread(
            target=lambda: answers.append(requests.get(address, timeout=20).text)
        )

        def is_up() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).ok
            except requests.RequestException:
                return False

        wait_for(is_up)
        asking.start()
        wait_for(Path(surroundings["STARTED"]).exists)
        server.send_signal(signal.SIGTERM)
        asking.join(20)
        assert server.wait(20) == 0
    assert answers == ["whole"]


def test_a_run_that_is_stopped_while_it_solves_is_done_by_the_next_host_once(
    market: Database, surroundings: Mapping[str, str]
) -> None:
    bring(market, described(a_scarce_problem()))

    def states() -> list[str]:
        with reading(market) as session:
            return list(session.scalars(select(col(RunRow.state))))

    with started((*BROKER, "run", "sprint-1"), surroundings) as run:
        wait_for(states)
        run.send_signal(signal.SIGTERM)
        run.wait(20)
    run_it(market, clock=lambda: system_clock() + LEASE * 2)
    assert states().count("published") == 1
    assert event_kinds(market).count("run.published") == 1
