"""Solvers that do not keep their limit are ended, and what they told on their way counts.

A solver cannot be ended but with its process. What it has told by then is kept in `Notes`: outcomes
that it handed over, or lines of its log. Nothing here knows a round.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from allocation.columns import Whole

OVERTIME_RATIO = 0.2
"""A solver is ended when it has taken so much more than its limit."""
ENDED = 4
"""Exit code of a process that was ended with its solver."""
_Otherwise = TypeVar("_Otherwise")


@dataclass
class Notes:
    """What a solver has told so far: an outcome (the values of all variables) or only its value."""

    values: Whole | None = None
    value: float | None = None
    bound: float = math.inf
    _heads: list[str] = field(default_factory=list)

    def take(self, values: Whole, bound: float) -> None:
        """Note a better outcome, and the bound known then."""
        self.values, self.bound = values, min(bound, self.bound)

    def read_log(self, lines: Sequence[str]) -> None:
        """Note what the lines of SCIP's table say: value and bound as the solver claims them."""
        for line in lines:
            cells = [cell.strip() for cell in line.split("|")]
            if "dualbound" in cells:
                self._heads = cells
            elif self._heads and len(cells) == len(self._heads):
                row = dict(zip(self._heads, cells, strict=True))
                self.value = _number(row["primalbound"], self.value)
                self.bound = _number(row["dualbound"], self.bound)


def _number(text: str, otherwise: _Otherwise) -> float | _Otherwise:
    """Read a number of a log, which has none before the first outcome."""
    return float(text) if re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", text) else otherwise


def most_seconds(limit_seconds: float) -> float:
    """Say how long a solver with such a limit may take."""
    return (1 + OVERTIME_RATIO) * limit_seconds


@contextmanager
def hard_limit(seconds: float, say_so_far: Callable[[], None]) -> Iterator[None]:
    """End this process if the block takes longer; what is known is said before."""

    def end() -> None:
        try:
            say_so_far()
        finally:
            os._exit(ENDED)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
