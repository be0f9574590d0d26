"""`python -m bench.load`: the market with fifty users at once, while a solver works beside it.

Prints what it measured and writes it as its part of docs/BENCHMARKS.md. A market is built, the
real server and the worker are started on loopback, users read and bid for a minute; then the
dashboard is asked for by one user alone, in turn with a bare page of Flask that is served the same
way. Whatever happens, what was started is ended: by this process, and by a limit of its own.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import FrameType
from typing import NoReturn

import requests
from sqlalchemy import func, select
from sqlmodel import col

from bench.load_markets import OPEN_BIDS, PAST_BIDS, SOLVED_BIDS, SPRINTS, ask_for_runs, fill
from bench.machine import Meter, describe_machine, load_average, read_meter
from bench.parts import rewrite_part
from bench.visitors import BID, BID_PERCENT, READ, Asked, Pace, visit_together
from broker.commands.service import HOME, WORKERS, server_command
from broker.config import PREFIX
from broker.db import Database, connect, reading
from broker.logs import configure_logs
from broker.schema import migrate
from broker.states import RunState
from broker.tables import RunRow
from tests.postgresql import a_server
from web.auth import SESSION_COOKIE

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "BENCHMARKS.md"
COMMAND = "python -m bench.load"
BROKER = (sys.executable, "-c", "from broker.cli import main; main()")
NICELY = ("nice", "-n", "10")
"""How the services of the operation guide start the worker, and with it every solver."""
BARE = "bench.bare_pages:app"
MOST_BUILD_SECONDS, MOST_OTHER_SECONDS = 900, 240
START_SECONDS, STOP_SECONDS, WARM_SECONDS = 60, 10, 5
TARGETS = {READ: 300, BID: 500}
CAPACITY_TARGET_MS = 25
WARM, WARM_UP = 5, Pace(WARM_SECONDS, (0.1, 0.3))
"""How often a page is asked for before it is measured; how a few users warm the processes up."""
TEXT = """## Many users at once, while a solver works

{sprints} sprints of {past} bids each in the past, a round of {open} bids that is open, and the
rehearsal of a round of {solved:,} bids that the worker solves meanwhile. The market is served by
`broker serve` with {servers} processes on loopback, on {database}; the worker runs with the
niceness of its service. Each user leads a team of their own, has a session, thinks {least:g} to
{most:g} s before each request, and makes a bid instead of reading a page in {percent} % of all
cases: form, review and submission, with the hidden field of the form. A bid below is one form that
was sent. Times are the users' own, from the first byte sent to the last one read; a few users
warm the processes up for {warm} s before. The users are threads of one process on the same machine.
Targets: no error, reads at most {read} ms and bids at most {bid} ms at 99 %.

After that one user asks for the capacity dashboard and for a bare page of Flask, in turn, each
served by one process of the same server. What is measured is the processor time of that process
for each answer; the target is a median of {capacity} ms for the dashboard."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of the bench saw. Units: milliseconds; `busy` in processors."""

    asked: tuple[Asked, ...]
    runs: int
    load: tuple[float | None, float | None]
    busy: float | None
    dashboard: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def is_in_time(self) -> bool:
        """Whether every target is met."""
        late = any(percentile(self.of(kind), 99) > most for kind, most in TARGETS.items())
        errors = any(one.error for one in self.asked)
        return self.runs > 0 and not (errors or late) and self._is_cheap

    @property
    def _is_cheap(self) -> bool:
        return median(self.dashboard) <= CAPACITY_TARGET_MS

    def of(self, kind: str) -> list[float]:
        """Return how long the answers of a kind took that were good."""
        return [one.milliseconds for one in self.asked if one.kind == kind and not one.error]


def main(words: Sequence[str] | None = None) -> int:
    """Build the market, load it, write the part; 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--users", type=int, default=50, help="how many at once")
    parser.add_argument("--seconds", type=float, default=60, help="how long they stay")
    parser.add_argument(
        "--think", type=float, nargs=2, default=(1.0, 3.0), help="from, to; seconds"
    )
    parser.add_argument("--sprints", type=int, default=SPRINTS, help="how many are in the past")
    parser.add_argument("--times", type=int, default=100, help="how often a page is asked alone")
    parser.add_argument("--postgresql", action="store_true", help="on a server, not in a file")
    given = parser.parse_args(words)
    configure_logs(sys.stderr, is_quiet=True)
    _end_by_itself(MOST_BUILD_SECONDS + given.seconds + MOST_OTHER_SECONDS)
    with tempfile.TemporaryDirectory(prefix="load-") as folder, ExitStack() as stack:
        url = _database(stack, Path(folder), given)
        measured = _measure(url, Path(folder), given)
    write_part(measured, given)
    return 0 if measured.is_in_time else 1


def _end_by_itself(seconds: float) -> None:
    """Turn the end of the time and a polite signal into an exit that ends the children."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(f"Ended by {signal.Signals(number).name}.")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    signal.alarm(math.ceil(seconds))


def _database(stack: ExitStack, folder: Path, given: argparse.Namespace) -> str:
    if not given.postgresql:
        return f"sqlite:///{folder / 'market.db'}"
    server = stack.enter_context(a_server())
    return server.set(drivername="postgresql").render_as_string(hide_password=False)


def _measure(url: str, folder: Path, given: argparse.Namespace) -> Measured:
    db, began = connect(url), time.monotonic()
    migrate(db)
    secrets = list(fill(db, max(5, given.users), given.sprints).values())
    print(f"The market is built after {time.monotonic() - began:.0f} s.", flush=True)
    host = Host(url, folder, given.seconds + MOST_OTHER_SECONDS)
    pace = Pace(given.seconds, tuple(given.think))
    try:
        asked, runs, load, busy = _loaded(db, host, secrets[: given.users], pace)
        dashboard, bare = _alone(host, secrets[0], given.times)
    finally:
        db.dispose()
    return Measured(tuple(asked), runs, load, busy, dashboard, bare)


# --- many at once ------------------------------------------------------------------------------


def _loaded(
    db: Database, host: Host, secrets: Sequence[str], pace: Pace
) -> tuple[list[Asked], int, tuple[float | None, float | None], float | None]:
    """Let users in while the worker solves, and return what they saw, and the machine's load."""
    port = _free_port()
    serve = (*BROKER, "serve", "--no-worker", f"--port={port}")
    ask_for_runs(db)
    with host.started("server", serve), host.started("worker", (*NICELY, *BROKER, "worker")):
        host.wait_until_up(port)
        _wait_for_a_run(db)
        visit_together(f"http://{HOME}:{port}", secrets[:WARM], WARM_UP)
        before, meter = load_average(), read_meter()
        asked = visit_together(f"http://{HOME}:{port}", secrets, pace)
        return asked, _runs(db), (before, load_average()), _busy(meter, read_meter())


def _busy(before: Meter, after: Meter) -> float | None:
    if before.busy is None or after.busy is None:
        return None
    return round((after.busy - before.busy) / (after.wall - before.wall), 2)


def _wait_for_a_run(db: Database) -> None:
    until = time.monotonic() + START_SECONDS
    while not _runs(db):
        if time.monotonic() > until:
            raise SystemExit("The worker began no run.")
        time.sleep(0.2)


def _runs(db: Database) -> int:
    """Count the rehearsals that began, or are over, since the market was built."""
    rehearsals = select(func.count()).where(col(RunRow.state) != RunState.PUBLISHED)
    with reading(db) as session:
        return session.scalar(rehearsals) or 0


# --- one alone ---------------------------------------------------------------------------------


def _alone(host: Host, secret: str, times: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the processor time of each answer: of the dashboard, and of the bare page."""
    market, bare = _free_port(), _free_port()
    served = (*BROKER, "serve", "--no-worker", "--workers=1", f"--port={market}")
    beside = (*server_command(HOME, bare, 1)[:-1], BARE)
    with host.started("dashboard", served) as one, host.started("bare", beside) as other:
        host.wait_until_up(market)
        host.wait_until_up(bare, "/")
        browser = requests.Session()
        browser.trust_env = False
        browser.cookies.set(SESSION_COOKIE, secret)
        took = [
            (
                _work(browser, f"http://{HOME}:{market}/capacity", _served_by(one)),
                _work(browser, f"http://{HOME}:{bare}/", _served_by(other)),
            )
            for _ in range(WARM + times)
        ]
    dashboard, plain = zip(*took[WARM:], strict=True)
    return dashboard, plain


def _work(browser: requests.Session, address: str, pid: int) -> float:
    before = _used(pid)
    answer = browser.get(address, timeout=START_SECONDS)
    if not answer.ok:
        raise SystemExit(f"{address} answered {answer.status_code}.")
    return (_used(pid) - before) / 1e6


def _used(pid: int) -> int:
    """Return the processor time of a process so far, in nanoseconds; see clock_getcpuclockid(3)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def _served_by(child: subprocess.Popen[bytes]) -> int:
    """Return the process that answers, the last in the line of a server with one worker."""
    pid = child.pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


# --- what is started ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Host:
    """Starts programs on this machine and ends them; no one of them lives longer than so long."""

    url: str
    folder: Path
    most_seconds: float

    @contextmanager
    def started(self, name: str, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program, and end it and all that it started."""
        held = ("timeout", f"--kill-after={STOP_SECONDS}", f"{self.most_seconds:.0f}", *command)
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(  # our own program
                held,
                cwd=ROOT,
                env=self._surroundings(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            yield child
        finally:
            _end(child)

    def _surroundings(self) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in os.environ if not name.startswith(PREFIX)}
        key_file = str(self.folder / "audit-key")
        ours = {"BROKER_DATABASE_URL": self.url, "BROKER_AUDIT_KEY_FILE": key_file}
        return kept | ours | {"PYTHONPATH": str(ROOT)}

    def wait_until_up(self, port: int, page: str = "/healthz") -> None:
        """Wait until a server answers. Raises: SystemExit with what it said instead."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with suppress(requests.RequestException), requests.Session() as browser:
                browser.trust_env = False
                if browser.get(f"http://{HOME}:{port}{page}", timeout=5).ok:
                    return
            time.sleep(0.1)
        said = (log.read_text(errors="replace")[-2000:] for log in self.folder.glob("*.log"))
        raise SystemExit("\n".join(["A server did not start.", *said]))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program and its group: politely, then at once."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOME, 0))
        port: int = free.getsockname()[1]
    return port


# --- telling -----------------------------------------------------------------------------------


def percentile(times: Sequence[float], percent: int) -> float:
    """Return the time within which so many percent of all are; nothing is within infinity."""
    ranked = sorted(times)
    return ranked[math.ceil(percent / 100 * len(ranked)) - 1] if ranked else math.inf


def write_part(measured: Measured, given: argparse.Namespace) -> None:
    """Print what was measured, and write it as this command's part of the document."""
    command = f"{COMMAND} --postgresql" if given.postgresql else COMMAND
    lines = [*_users(measured, given), "", *_pages(measured), "", *_errors(measured)]
    print("\n".join(lines))
    words = TEXT.format(
        sprints=given.sprints, past=PAST_BIDS, open=OPEN_BIDS, solved=SOLVED_BIDS, servers=WORKERS,
        database="PostgreSQL" if given.postgresql else "SQLite", percent=BID_PERCENT,
        least=given.think[0], most=given.think[1], read=TARGETS[READ], bid=TARGETS[BID],
        capacity=CAPACITY_TARGET_MS, warm=WARM_SECONDS,
    )  # fmt: skip
    rewrite_part(DOCUMENT, command, [words, "", f"Command: `{command}`", "", *lines])


def _users(measured: Measured, given: argparse.Namespace) -> Iterator[str]:
    before, after = measured.load
    yield (
        f"{describe_machine()}; {given.users} users for {given.seconds:g} s; load before {before}, "
        f"after {after}; processors busy in the mean: {measured.busy}; rehearsals begun: "
        f"{measured.runs}."
    )
    yield from ("", "| what | requests | errors | 50 % | 99 % | most |")
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for kind, name in ((READ, "reads"), (BID, "bids")):
        good = measured.of(kind)
        wrong = sum(bool(one.error) for one in measured.asked if one.kind == kind)
        times = (f"{percentile(good, percent):.0f} ms" for percent in (50, 99, 100))
        yield f"| {name} | {len(good) + wrong} | {wrong} | {' | '.join(times)} |"


def _pages(measured: Measured) -> Iterator[str]:
    yield from ("| processor time of an answer | median | 95 % |", "| --- | ---: | ---: |")
    for name, took in (("/capacity", measured.dashboard), ("a bare page", measured.bare)):
        yield f"| {name} | {median(took):.1f} ms | {percentile(took, 95):.1f} ms |"
    ratio = median(measured.dashboard) / median(measured.bare)
    yield f"| times the bare page | {ratio:.0f} | |"


def _errors(measured: Measured) -> Iterator[str]:
    counted = Counter(one.error for one in measured.asked if one.error)
    for error, count in counted.most_common(5):
        yield f"- {count} times: {error}"
    yield f"Every target is met: {'yes' if measured.is_in_time else 'no'}."


if __name__ == "__main__":
    sys.exit(main())
