"""What is measured: suites of rounds, each round with its time limit and its sides.

Nothing here measures anything. Read tasks.py for what a task is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.generator import FAMILIES, Shape, default_shape
from bench.tasks import (
    ABLATIONS,
    ENGINE,
    SIDES,
    SOLVERS,
    TAMPERINGS,
    RoundSource,
    Task,
    rounds_root,
)

WIDE = Shape("granular", 10_000, 100, 60, 500, most_slack_days=11)
"""Large in every direction, with about ten placements per bid."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Rounds that are measured in the same way. Units: the limit is in seconds.

    `light_rounds` are too large for solvers that are used alone: they are left out there. `counts`
    says whether the targets speak of the suite.
    """

    name: str
    title: str
    usual_seconds: float
    rounds: tuple[str, ...]
    sides: tuple[str, ...] = SIDES
    light_rounds: tuple[str, ...] = ()
    counts: bool = True
    asked_seconds: float | None = None

    @property
    def limit_seconds(self) -> float:
        """The time limit of each measurement."""
        return self.asked_seconds or self.usual_seconds

    @property
    def is_judged(self) -> bool:
        """Say whether the targets speak of what is measured: with the limit that they name."""
        return self.counts and self.limit_seconds == self.usual_seconds

    @property
    def command(self) -> str:
        """The command that measures this suite."""
        asked = f" --seconds {self.asked_seconds:g}" if self.asked_seconds else ""
        return f"python -m bench --suite {self.name}{asked}"

    def sides_of(self, round_name: str) -> tuple[str, ...]:
        """List what is measured on a round; the random changes need no round."""
        if round_name == TAMPERINGS:
            return (TAMPERINGS,)
        is_light = round_name in self.light_rounds
        return tuple(s for s in self.sides if not (is_light and s in SOLVERS))


QUICK = Suite(
    "quick",
    "A quick look",
    10,
    ("coarse-100-1", "granular-300-1", "bundle-heavy-200-1"),
    counts=False,
)
ISSUE = Suite(
    "issue",
    "The rounds that the targets name",
    60,
    (
        *(f"coarse-200-{seed}" for seed in range(1, 4)),
        *(f"coarse-500-{seed}" for seed in range(1, 3)),
        "coarse-2000-1",
        "granular-2000-1",
        "bundle-heavy-2000-1",
        "philly-medium/round-1",
        "philly-medium/round-3",
        "granular-10000-1",
        "granular-20000-1",
        TAMPERINGS,
    ),
    light_rounds=("granular-20000-1",),
)
MORE = Suite(
    "more",
    "More generated rounds",
    60,
    (
        *(f"coarse-200-{seed}" for seed in range(4, 8)),
        "coarse-500-3",
        *(f"coarse-2000-{seed}" for seed in range(2, 4)),
        *(f"granular-2000-{seed}" for seed in range(2, 4)),
        "bundle-heavy-500-1",
        "bundle-heavy-2000-2",
        "granular-10000-2",
        "bundle-heavy-10000-1",
        "wide-10000-1",
    ),
)
ABLATION = Suite(
    "ablation",
    "Our engine with one stage left out",
    30,
    ("coarse-200-1", "coarse-500-1", "granular-2000-1", "philly-medium/round-1"),
    sides=(ENGINE, *ABLATIONS),
    counts=False,
)


def all_suites() -> tuple[Suite, ...]:
    """List every suite; one has all the rounds that lie in folders on this machine."""
    folders = Suite("rounds", "Rounds made from public demand", 60, _folders())
    return QUICK, ISSUE, MORE, folders, ABLATION


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
    known = {*suite.sides, TAMPERINGS}
    sides = {side for side in only if side in known} or known
    prefixes = tuple(word for word in only if word not in known) or ("",)
    for name in suite.rounds:
        if name.startswith(prefixes):
            for side in suite.sides_of(name):
                if side in sides:
                    yield Task(source_of(name), side, suite.limit_seconds)
