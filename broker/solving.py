"""Solving in a process of its own: no database, a time limit that holds, always an answer.

The child may crash, hang or run out of memory: then the last outcome that it told is taken, at
worst a baseline's, and the report says why. Whatever comes back passes the judge before anybody
sees it. Read runs.py for what happens to the outcome.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import IO, Any

from allocation import wire
from allocation.assembly import baseline_outcome
from allocation.errors import BrokenOutcome
from allocation.judge import check_outcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem

Reporter = Callable[[Progress], None]
GRACE_RATIO = 0.05
GRACE_SECONDS = 2.5
"""How much longer than its limit the child may take before it is ended."""
STARTED_WITH = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
"""What the child may know of its surroundings; nothing of the database is among it."""


ENGINE = (sys.executable, "-m", "allocation")
"""The command that starts the engine; it speaks the protocol of allocation/__main__.py."""


def solve(
    problem: Problem,
    options: Options,
    report_progress: Reporter,
    engine: Sequence[str] = ENGINE,
) -> Outcome:
    """Allocate a round and judge the outcome.

    Raises: BrokenOutcome if the judge refuses the outcome.
    """
    told = _Told(report_progress)
    seconds = options.time_limit_seconds * (1 + GRACE_RATIO) + GRACE_SECONDS
    with _child(engine, problem, options) as child:
        why = told.listen(child, time.monotonic() + seconds)
    outcome = told.outcome
    if outcome is None:
        outcome = baseline_outcome(problem, options, time.monotonic, why)
    elif why:
        solver = {**outcome.report.solver, "why": why}
        outcome = replace(outcome, report=replace(outcome.report, solver=solver))
    violations = check_outcome(problem, outcome)
    if violations:
        raise BrokenOutcome(problem.round_key, violations)
    return outcome


class _Told:
    """What a child has told so far."""

    def __init__(self, report_progress: Reporter) -> None:
        self.report_progress = report_progress
        self.outcome: Outcome | None = None
        self.error = ""

    def listen(self, child: subprocess.Popen[bytes], deadline: float) -> str:
        """Take the child's lines until it ends or the time is over; say what went wrong."""
        for line in _lines_until(child, deadline):
            try:
                self.take(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                return f"The engine said what nobody understands: {error}"
        if child.poll() is None and time.monotonic() >= deadline:
            return "The engine was ended at its time limit."
        code = child.wait()
        if code == 0:
            return ""
        return self.error or f"The engine ended early with code {code}."

    def take(self, message: dict[str, Any]) -> None:
        """Take one message of the child's protocol."""
        if "progress" in message:
            self.report_progress(Progress(**message["progress"]))
        if "outcome" in message:
            self.outcome = wire.outcome_from_document(message["outcome"])
        if "error" in message:
            self.error = message["error"]


@contextmanager
def _child(
    engine: Sequence[str], problem: Problem, options: Options
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the engine with a problem; end it whatever happens."""
    environment = {name: os.environ[name] for name in STARTED_WITH if name in os.environ}
    child = subprocess.Popen(  # noqa: S603  # the command is ours
        engine,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        _hand_over(child, problem, options)
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            with suppress(BrokenPipeError):  # what it did not read any more is of no use
                if stream:
                    stream.close()


def _hand_over(child: subprocess.Popen[bytes], problem: Problem, options: Options) -> None:
    """Write the request; the pipe stays open, and its end tells the child to end as well."""
    request = {"round": wire.round_document(problem), "options": asdict(options)}
    if child.stdin:
        try:
            child.stdin.write(wire.canonical_json(request) + b"\n")
            child.stdin.flush()
        except BrokenPipeError:  # it has ended already; its exit code says more
            return


def _lines_until(child: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """Yield the child's lines as they come, until it closes its output or the time is over."""
    lines: queue.Queue[bytes | None] = queue.Queue()
    if child.stdout:
        threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            return
        if line is None:
            return
        yield line


def _read(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)
