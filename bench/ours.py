"""Our engine on a round: what it finds, how sure it is, and when it knew what.

Every outcome goes through the judge, and is written as the command writes it. Times count from
the call of the engine, so building the model is in them, while peers have it for nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from allocation.engine.portfolio import allocate
from allocation.judge import check_outcome
from allocation.judge.case import open_case
from allocation.judge.feasibility import check_awards, check_capacity, check_credits
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from allocation.results import write_outcome
from bench.ablations import left_out
from bench.memory import peak_megabytes
from bench.solver_seconds import watched_solvers
from bench.tasks import WORKERS, Facts, Task

Say = Callable[[Facts], None]


@dataclass
class _Diary:
    """What the engine tells while it works. Units: seconds since `began`."""

    began: float
    say: Say
    progress: list[Facts] = field(default_factory=list)
    first_outcome_seconds: float | None = None

    def report(self, progress: Progress) -> None:
        """Note what is known after a stage, and tell it at once, in case the process dies."""
        seconds = round(time.monotonic() - self.began, 3)
        self.progress.append(
            {
                "stage": progress.stage,
                "value": progress.value,
                "bound": progress.bound,
                "seconds": seconds,
            }
        )
        self.say({"progress": self.progress, "value": progress.value, "bound": progress.bound})

    def keep(self, _: Outcome) -> None:
        """Note when there was a whole outcome for the first time."""
        if self.first_outcome_seconds is None:
            self.first_outcome_seconds = round(time.monotonic() - self.began, 3)


def measure_ours(problem: Problem, task: Task, say: Say) -> Facts:
    """Allocate a round with the engine, all of it or without one stage, and judge the outcome."""
    options = Options(task.limit_seconds, task.seed, WORKERS)
    with left_out(task.side), watched_solvers() as calls:
        diary = _Diary(time.monotonic(), say)
        outcome = allocate(problem, options, time.monotonic, diary.report, diary.keep)
        ended = time.monotonic()
    peak_mb, seconds = peak_megabytes(), ended - diary.began
    return {
        **_said(outcome),
        "progress": diary.progress,
        "first_outcome_seconds": diary.first_outcome_seconds or round(seconds, 3),
        "seconds": round(seconds, 3),
        "solver_seconds": round(calls.seconds_between(diary.began, ended), 3),
        "peak_mb": peak_mb,
        **_judged(problem, outcome),
        "writing_seconds": _writing_seconds(outcome),
    }


def _said(outcome: Outcome) -> Facts:
    report = outcome.report
    return {
        "value": report.value,
        "bound": report.bound,
        "certified_bound": report.certified_bound,
        "proof": report.proof.value,
        "tie_break": report.tie_break.value,
        "stopped_by": report.stopped_by.value,
        "stage_seconds": dict(report.seconds),
        "placements": report.counts.placements,
        "outcome_sha256": report.outcome_sha256,
    }


def _judged(problem: Problem, outcome: Outcome) -> Facts:
    began = time.monotonic()
    violations = check_outcome(problem, outcome)
    judged = time.monotonic()
    case = open_case(problem, outcome)
    broken = [v for check in (check_awards, check_capacity, check_credits) for v in check(case)]
    return {
        "judge_seconds": round(judged - began, 3),
        "feasibility_seconds": round(time.monotonic() - judged, 3),
        "status": f"refused: {violations[0]}" if violations else outcome.report.status.value,
        "is_feasible": not broken,
    }


def _writing_seconds(outcome: Outcome) -> float:
    """Write the files of an outcome once, and forget them."""
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        write_outcome(Path(place) / "out", outcome, force=False)
        return round(time.monotonic() - began, 3)
