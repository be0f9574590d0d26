"""A real browser, a real server, and a market that went through the real solver."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from allocation.options import Options
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.commands.service import server_command
from broker.runs import ReportProgress
from broker.solving import solve
from tests.cast import PASSWORD, bring_people
from tests.markets import a_database
from tests.past import build_past

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 30


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    named = os.environ.get("BROKER_CHROMIUM")
    program = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program, "No Chromium: run tests/browser/install.sh."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a market with a past and return its address."""
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("site") / "broker.db"))
    db = a_database(file)
    build_past(db, solve=solve_briefly)
    bring_people(db, password=PASSWORD)
    db.dispose()
    with served(file) as address:
        yield address


@contextmanager
def served(file: Path) -> Iterator[str]:
    """Serve a market and return its address."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "BROKER_DATABASE_URL": f"sqlite:///{file}"}
    server = subprocess.Popen(
        server_command("127.0.0.1", port, workers=1), env=environment, stderr=subprocess.PIPE
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(server, address)
        yield address
    finally:
        server.terminate()
        server.communicate(timeout=30)


def solve_briefly(problem: Problem, options: Options, report: ReportProgress) -> Outcome:
    """Solve for as long as a test may take."""
    del options
    return solve(problem, Options(time_limit_seconds=3), report)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(server: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the server is ready to show pages."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, server.communicate()[1].decode()
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310  # our own loopback server
                return
        except OSError:  # not there yet, or slow to come up
            time.sleep(0.1)
    pytest.fail(f"The server did not answer within {START_SECONDS} seconds.")
