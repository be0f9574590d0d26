"""The simple rules that a round is compared with, timed. They need no solver."""

from __future__ import annotations

import time

from allocation import baselines
from allocation.problem import Problem
from bench.tasks import Facts, Task

_RULES = {"first-come": baselines.first_come, "density-greedy": baselines.density_greedy}


def measure_rule(problem: Problem, task: Task) -> Facts:
    """Serve a round by one rule."""
    began = time.monotonic()
    placed = _RULES[task.side](problem)
    return {
        "value": baselines.value_of(problem, placed),
        "bound": None,
        "seconds": round(time.monotonic() - began, 3),
        "status": "done",
    }
