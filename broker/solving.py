"""Solving in a process of its own: no database, a time limit that holds, always an answer.

The child may crash, hang or run out of memory: then the last outcome that it told is taken, at
worst a baseline's, and the report says why. Whatever comes back passes the judge before anybody
sees it. Read runs.py for what happens to the outcome.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from allocation import wire
from allocation.assembly import baseline_outcome
from allocation.errors import BrokenOutcome, NoOutcome
from allocation.judge import check_outcome, check_overridden
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Override, Status, StoppedBy
from allocation.problem import Problem

Reporter = Callable[[Progress], None]
GRACE_RATIO = 0.05
GRACE_SECONDS = 2.5
"""How much longer than its limit the child may take before it is ended."""
MOST_BYTES = 2**20
"""What is written or read at once."""
STARTED_WITH = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
"""What the child may know of its surroundings; nothing of the database is among it."""
MEMORY_SHARE = 0.8
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Linear algebra is small here: threads of its own would only wait for the solvers'."""
ENGINE = (sys.executable, "-m", "allocation")
"""The command that starts the engine; it speaks the protocol of allocation/__main__.py."""


def solve(
    problem: Problem,
    options: Options,
    report_progress: Reporter,
    engine: Sequence[str] = ENGINE,
    memory_bytes: int | None = None,
) -> Outcome:
    """Allocate a round and judge the outcome, in so much memory or in most of the machine's.

    Raises: BrokenOutcome if the judge refuses the outcome.
    """
    told = _Told(report_progress)
    seconds = options.time_limit_seconds * (1 + GRACE_RATIO) + GRACE_SECONDS
    child = _Child(engine, memory_bytes or _most_memory_bytes())
    why = _ask(child, problem, options, told, time.monotonic() + seconds)
    outcome = told.outcome
    if outcome is None:
        outcome = baseline_outcome(problem, options, time.monotonic, why)
    elif why:
        outcome = _labelled(outcome, why)
    violations = check_outcome(problem, outcome)
    if violations:
        raise BrokenOutcome(problem.round_key, violations)
    return outcome


def solve_override(
    problem: Problem,
    before: Outcome,
    override: Override,
    options: Options,
    report_progress: Reporter,
    engine: Sequence[str] = ENGINE,
    memory_bytes: int | None = None,
) -> Outcome:
    """Decide a round again with what people set, and judge the outcome.

    Raises: NoOutcome if there is none in time; BrokenOutcome if the judge refuses it.
    """
    told = _Told(report_progress)
    seconds = options.time_limit_seconds * (1 + GRACE_RATIO) + GRACE_SECONDS
    more = {
        "before": wire.outcome_document(before),
        "override": wire.override_document(override),
    }
    child = _Child(engine, memory_bytes or _most_memory_bytes())
    why = _ask(child, problem, options, told, time.monotonic() + seconds, more)
    if told.outcome is None:
        raise NoOutcome(why or "The engine ended without an outcome.")
    violations = check_overridden(problem, before, override, told.outcome)
    if violations:
        raise BrokenOutcome(problem.round_key, violations)
    return told.outcome


def _labelled(outcome: Outcome, why: str) -> Outcome:
    """Say in the report what went wrong; what is not proven then promises no equal outcome."""
    report = replace(outcome.report, solver={**outcome.report.solver, "why": why})
    if report.status is Status.FEASIBLE:
        report = replace(report, stopped_by=StoppedBy.WALL_CLOCK)
    return replace(outcome, report=report)


@dataclass(frozen=True, slots=True)
class _Child:
    """How a child is started, and how much address space it gets."""

    engine: Sequence[str]
    memory_bytes: int


def _most_memory_bytes() -> int:
    """Return what one solver may take of this machine, so that the market beside it lives on."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MEMORY_SHARE)


def _ask(
    wanted: _Child,
    problem: Problem,
    options: Options,
    told: _Told,
    deadline: float,
    more: wire.Document | None = None,
) -> str:
    """Let an engine tell what it finds until the deadline; return what went wrong, or nothing."""
    request = wire.canonical_json(
        {"round": wire.round_document(problem), "options": asdict(options), **(more or {})}
    )
    try:
        child = _start(wanted)
    except OSError as error:
        return f"The engine could not be started: {error}."
    try:
        return told.listen(child, request + b"\n", deadline)
    finally:
        _end(child)


class _Told:
    """What a child has told so far."""

    def __init__(self, report_progress: Reporter) -> None:
        self.report_progress = report_progress
        self.outcome: Outcome | None = None
        self.error = ""

    def listen(self, child: subprocess.Popen[bytes], request: bytes, deadline: float) -> str:
        """Take the child's lines until it ends or the time is over; say what went wrong."""
        for line in _converse(child, request, deadline):
            try:
                message = _read_message(line)
            except (KeyError, RecursionError, TypeError, ValueError) as error:
                return f"The engine said what nobody understands: {error}"
            self.take(message)
        try:
            code = child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "The engine was ended at its time limit."
        if code:
            return self.error or _ended_early(code)
        return "" if self.outcome else "The engine ended without an outcome."

    def take(self, message: _Message) -> None:
        """Take one message of the child's protocol."""
        if message.progress:
            self.report_progress(message.progress)
        self.outcome = message.outcome or self.outcome
        self.error = message.error or self.error


@dataclass(frozen=True, slots=True)
class _Message:
    """One line of the child's protocol; what it does not say is empty."""

    progress: Progress | None
    outcome: Outcome | None
    error: str


def _read_message(line: bytes) -> _Message:
    """Read a line.

    Raises: KeyError, RecursionError, TypeError or ValueError if it is no message.
    """
    document = json.loads(line)
    if not isinstance(document, dict):
        raise TypeError("it is not an object")
    progress, outcome = document.get("progress"), document.get("outcome")
    return _Message(
        progress=_read_progress(progress) if progress is not None else None,
        outcome=wire.outcome_from_document(outcome) if outcome is not None else None,
        error=str(document.get("error", "")),
    )


def _read_progress(document: Any) -> Progress:
    progress = Progress(**document)
    kinds = (str, int | None, int | None, int | float)
    fields = (progress.stage, progress.value, progress.bound, progress.seconds)
    if not all(isinstance(field, kind) for field, kind in zip(fields, kinds, strict=True)):
        raise TypeError(f"{document} is no progress")
    return progress


def _ended_early(code: int) -> str:
    """Say how a process ended that was not done."""
    how = f"signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"code {code}"
    return f"The engine ended early with {how}."


def _start(wanted: _Child) -> subprocess.Popen[bytes]:
    """Start the engine as the head of a group of its own, so that it ends with all it started."""
    known = {name: os.environ[name] for name in STARTED_WITH if name in os.environ}
    child = subprocess.Popen(  # noqa: S603  # the command is ours
        wanted.engine,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=known | ONE_THREAD,
        start_new_session=True,
    )
    _limit(child.pid, wanted.memory_bytes)
    return child


def _limit(pid: int, memory_bytes: int) -> None:
    """Limit the memory of a process that reads its problem yet, where the system can."""
    if sys.platform == "linux":
        with suppress(ProcessLookupError):  # it ended at once, and that is said elsewhere
            resource.prlimit(pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the engine and all that it started, wherever they are."""
    with suppress(ProcessLookupError):  # they are gone already
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            stream.close()


def _converse(child: subprocess.Popen[bytes], request: bytes, deadline: float) -> Iterator[bytes]:
    """Hand over the request and yield whole lines of the answer as they come.

    Neither side holds up the other: an engine may not read, not write, or write without an end. It
    is over when the engine closes its output, or at the deadline. The engine's input stays open;
    its end would tell the engine to end as well.
    """
    unread = bytearray()
    with _watched(child) as ready:
        while (left := deadline - time.monotonic()) > 0:
            for key, event in ready.select(left):
                if event == selectors.EVENT_WRITE:
                    request = request[_write(key.fd, request) :]
                    if not request:
                        ready.unregister(key.fileobj)
                elif part := os.read(key.fd, MOST_BYTES):
                    unread += part
                    yield from _whole_lines(unread)
                else:
                    return


def _watched(child: subprocess.Popen[bytes]) -> selectors.BaseSelector:
    """Watch when the engine takes input and has output."""
    ready = selectors.DefaultSelector()
    for stream, event in (
        (child.stdin, selectors.EVENT_WRITE),
        (child.stdout, selectors.EVENT_READ),
    ):
        if stream:
            os.set_blocking(stream.fileno(), False)
            ready.register(stream, event)
    return ready


def _whole_lines(unread: bytearray) -> list[bytes]:
    """Take the lines that are complete out of what was read."""
    end = unread.rfind(b"\n") + 1
    lines = bytes(unread[:end]).splitlines()
    del unread[:end]
    return lines


def _write(fd: int, request: bytes) -> int:
    """Write what fits into a pipe; to an engine that has ended, everything and nothing."""
    try:
        return os.write(fd, request[:MOST_BYTES])
    except BrokenPipeError:  # its exit code says more
        return len(request)
