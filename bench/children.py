"""`python -m bench.children`: one measurement in a process of its own, so that memory can be told.

Standard input: a task (tasks.py). Standard output: JSON objects, one a line, each with more than
the last; the last one counts. The process ends itself by an alarm when a measurement takes far too
long, whatever becomes of the process that started it. Solvers that are measured alone are held to
their limit more strictly: see peers.py.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from allocation.problem import Problem
from allocation.wire import problem_sha256
from bench.memory import peak_megabytes
from bench.tasks import RELAXATIONS, RULES, SOLVERS, TAMPERINGS, Facts, Task, read_task

GUARD_RATIO = 1.5
GUARD_SECONDS = 90
"""How long a measurement may take: so much of its limit, and this for all around it."""


def main() -> int:
    """Make the measurement that standard input asks for."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())  # solvers print where they like

    def say(facts: Facts) -> None:
        output.write(json.dumps(facts) + "\n")
        output.flush()

    task = read_task(json.load(sys.stdin))
    signal.alarm(round(GUARD_RATIO * task.limit_seconds + GUARD_SECONDS))
    if task.side == TAMPERINGS:
        from bench.tamperings import measure_tamperings  # noqa: PLC0415  # it has no round

        say(measure_tamperings())
        return 0
    problem = task.source.load()
    known = {
        "problem_sha256": problem_sha256(problem),
        "bids": len(problem.bids),
        "base_mb": peak_megabytes(),
    }
    facts = _measure(problem, task, lambda facts: say({**known, **facts}))
    say({**known, "peak_mb": peak_megabytes(), **facts})
    return 0


def _measure(problem: Problem, task: Task, say: Callable[[Facts], None]) -> Facts:
    """Load only what this side needs: OR-Tools is slow to import and large in memory."""
    if task.side in RULES:
        from bench.rules import measure_rule  # noqa: PLC0415  # see above

        return measure_rule(problem, task)
    if task.side in RELAXATIONS:
        from bench.relaxations import measure_relaxation  # noqa: PLC0415  # see above

        return measure_relaxation(problem, task)
    if task.side in SOLVERS:
        from bench.peers import measure_peer  # noqa: PLC0415  # see above

        return measure_peer(problem, task, say)
    from bench.ours import measure_ours  # noqa: PLC0415  # see above

    return measure_ours(problem, task, say)


if __name__ == "__main__":
    sys.exit(main())
