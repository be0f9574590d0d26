"""What is measured: suites of rounds, each round with its time limit and its sides.

Nothing here measures anything. Read tasks.py for what a task is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.generator import FAMILIES, Shape, default_shape
from bench.tasks import SIDES, RoundSource, Task, rounds_root

WIDE = Shape("granular", 10_000, 100, 60, 500, most_slack_days=11)
"""Large in every direction, with about ten placements per bid."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Rounds that are measured in the same way. Units: the limit is in seconds."""

    name: str
    title: str
    usual_seconds: float
    rounds: tuple[str, ...]
    asked_seconds: float | None = None

    @property
    def limit_seconds(self) -> float:
        """The time limit of each measurement."""
        return self.asked_seconds or self.usual_seconds

    @property
    def counts(self) -> bool:
        """Say whether the targets speak of this suite: of full rounds with the limit they name."""
        return self.name != QUICK.name and self.limit_seconds == self.usual_seconds

    @property
    def command(self) -> str:
        """The command that measures this suite."""
        asked = f" --seconds {self.asked_seconds:g}" if self.asked_seconds else ""
        return f"python -m bench --suite {self.name}{asked}"


QUICK = Suite(
    "quick",
    "A quick look",
    10,
    ("coarse-100-1", "granular-300-1", "bundle-heavy-200-1"),
)
ISSUE = Suite(
    "issue",
    "Generated rounds of every family and size",
    60,
    (
        *(f"coarse-200-{seed}" for seed in range(1, 8)),
        *(f"coarse-500-{seed}" for seed in range(1, 4)),
        *(f"coarse-2000-{seed}" for seed in range(1, 4)),
        *(f"granular-2000-{seed}" for seed in range(1, 4)),
        *(f"bundle-heavy-2000-{seed}" for seed in range(1, 3)),
        *(f"granular-10000-{seed}" for seed in range(1, 3)),
        "bundle-heavy-10000-1",
        "wide-10000-1",
        "granular-20000-1",
    ),
)


def all_suites() -> tuple[Suite, ...]:
    """List every suite; the last has the rounds that lie in folders on this machine."""
    return QUICK, ISSUE, Suite("rounds", "Rounds made from public demand", 60, _folders())


def _folders() -> tuple[str, ...]:
    root = rounds_root()
    return tuple(sorted(f.parent.relative_to(root).as_posix() for f in root.rglob("round.csv")))


_GENERATED = re.compile(rf"(wide|{'|'.join(FAMILIES)})-([0-9]+)-([0-9]+)")


def source_of(name: str) -> RoundSource:
    """Say where a round comes from by its name: `family-bids-seed`, or the path of a folder."""
    match = _GENERATED.fullmatch(name)
    if not match:
        return RoundSource(name, folder=name)
    family, bids, seed = match[1], int(match[2]), int(match[3])
    return RoundSource(name, WIDE if family == "wide" else default_shape(family, bids), seed)


def tasks_of(suite: Suite, only: Sequence[str]) -> Iterator[Task]:
    """List the measurements of a suite: round by round, rules first and our engine last.

    `only` names sides, and rounds by the beginnings of their names; where it names none of either
    kind, all of that kind are in.
    """
    sides = [side for side in SIDES if side in only] or SIDES
    prefixes = tuple(word for word in only if word not in SIDES) or ("",)
    for name in suite.rounds:
        if name.startswith(prefixes):
            for side in sides:
                yield Task(source_of(name), side, suite.limit_seconds)
