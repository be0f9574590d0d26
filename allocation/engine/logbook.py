"""What a run takes note of while it works: seconds per stage, solvers that broke down.

Here progress is told. Time comes in as a clock; nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from allocation.engine.search import Clock
from allocation.options import Progress

Reporter = Callable[[Progress], None]
Known = tuple[int | None, int | None]
"""The best value and the best bound, in value points; None while there is none."""


@dataclass
class Logbook:
    """The notes of one run. `report` is told after a stage what `known` says then.

    A stage that runs again, for another component, is told only where it brings something new.
    """

    clock: Clock
    began: float
    report: Reporter
    known: Callable[[], Known]
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    told: Known = (None, None)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and tell what is known after it."""
        began = self.clock()
        yield
        now, known = self.clock(), self.known()
        is_new = name not in self.seconds or known != self.told
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - began, 3)
        if is_new:
            self.told = known
            self.report(Progress(name, *known, now - self.began))
