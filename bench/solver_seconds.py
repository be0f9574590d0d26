"""How long solvers work while something is measured: what is left is the seconds outside them.

Whatever calls MathOpt or CP-SAT in this process is timed, in every thread; two solvers at once
count once. Nothing here knows a round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

Call = Callable[..., Any]
Clock = Callable[[], float]


@dataclass
class SolverCalls:
    """When solvers were called. Units: readings of one clock, in seconds."""

    clock: Clock
    finished: list[tuple[float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, call: Call) -> Call:
        """Return the same call, noted whenever it is made."""

        def noted(*args: Any, **options: Any) -> Any:
            began = self.clock()
            try:
                return call(*args, **options)
            finally:
                with self._lock:
                    self.finished.append((began, self.clock()))

        return noted

    def seconds_between(self, began: float, ended: float) -> float:
        """Say for how much of a time at least one solver worked."""
        inside = ((max(began, a), min(ended, b)) for a, b in self.finished)
        return union_seconds([(a, b) for a, b in inside if a < b])


def union_seconds(spans: list[tuple[float, float]]) -> float:
    """Add up spans of time; what several of them cover counts once."""
    total, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


@contextmanager
def watched_solvers(clock: Clock = time.monotonic) -> Iterator[SolverCalls]:
    """Time every call of a solver until the end of the block."""
    calls = SolverCalls(clock)
    places: tuple[tuple[Any, str], ...] = ((mathopt, "solve"), (cp_model.CpSolver, "solve"))
    kept = [getattr(place, name) for place, name in places]
    for (place, name), call in zip(places, kept, strict=True):
        setattr(place, name, calls.timed(call))
    try:
        yield calls
    finally:
        for (place, name), call in zip(places, kept, strict=True):
            setattr(place, name, call)
