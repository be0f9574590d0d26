"""`python -m bench.counterfactuals`: how long an exact counterfactual takes.

Prints what it measured and writes it as its part of docs/BENCHMARKS.md.

On generated rounds that are proven soon, every declined bid is asked what it should have offered.
Seconds are of the process's own work, so that others on the same machine count little; the wall
clock stands beside them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from allocation.counterfactuals import Standing
from allocation.engine.counterfactual import answer, winning_offer
from allocation.engine.counterfactual_round import DecidedRound
from allocation.engine.portfolio import allocate
from allocation.engine.question import Effort
from allocation.engine.search import Deadline
from allocation.options import Options
from allocation.outcome import Outcome, Status, TieBreak
from allocation.problem import Problem
from bench.generator import default_shape, generate
from bench.parts import rewrite_part

SOON_SECONDS = 1.0
"""Rounds that are proven within so much work count."""
LIMIT_SECONDS = 6.0
BUDGET_SECONDS = 10.0
MOST_NODES = 20_000
SIZES = (20, 30, 40, 50)
SEEDS = range(4)
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
COMMAND = "python -m bench.counterfactuals"
TEXT = f"""## What would have won

On generated rounds of {SIZES[0]} to {SIZES[-1]} bids (coarse, granular and bundle-heavy,
{len(SEEDS)} seeds of each size) that are proven within {SOON_SECONDS:g} s, every declined bid is
asked what it should have offered, and then also which other start, number of lots or tier would
have won. An answer is exact if one credit less is known to lose. Work is the process's own, so
that others on the same machine count little; which rounds are proven in time, and so how many bids
are asked, may differ from run to run."""


@dataclass(frozen=True, slots=True)
class Took:
    """One question: how sure its answer is, and what it took. Units: seconds."""

    is_exact: bool
    work_seconds: float
    wall_seconds: float


def soon_proven() -> Iterator[tuple[Problem, Outcome]]:
    for family in ("coarse", "granular", "bundle-heavy"):
        for bids in SIZES:
            for seed in SEEDS:
                problem = generate(default_shape(family, bids), seed)
                began = time.process_time()
                outcome = allocate(
                    problem,
                    Options(LIMIT_SECONDS),
                    time.monotonic,
                    lambda _: None,
                    lambda _: None,
                )
                report, seconds = outcome.report, time.process_time() - began
                is_settled = report.tie_break is TieBreak.UNIQUE
                if report.status is Status.OPTIMAL and is_settled and seconds <= SOON_SECONDS:
                    yield problem, outcome


def ask_all(*, with_changes: bool) -> Iterator[Took]:
    for problem, outcome in soon_proven():
        decided = DecidedRound(problem, outcome)
        for decline in outcome.declines:
            deadline = Deadline(time.monotonic, time.monotonic() + BUDGET_SECONDS)
            effort = Effort(0, 1, deadline, most_nodes=MOST_NODES)
            worked, began = time.process_time(), time.monotonic()
            if with_changes:
                offer = answer(decided, decline, effort).winning_offer
            else:
                offer = winning_offer(decided, decline, effort)
            is_exact = offer is not None and offer.standing is Standing.EXACT
            yield Took(is_exact, time.process_time() - worked, time.monotonic() - began)


def line(what: str, took: list[Took]) -> str:
    worked = sorted(one.work_seconds for one in took)
    walled = sorted(one.wall_seconds for one in took)
    exact = sum(one.is_exact for one in took)
    return (
        f"{what}: {exact} of {len(took)} exact; work median {median(worked):.3f} s, mean "
        f"{mean(worked):.3f} s, 95 % {worked[int(0.95 * len(worked))]:.3f} s, most "
        f"{worked[-1]:.3f} s; wall median {median(walled):.3f} s, 95 % "
        f"{walled[int(0.95 * len(walled))]:.3f} s"
    )


def write_part(lines: Sequence[str]) -> None:
    rows = [f"- {line}" for line in lines]
    rewrite_part(DOCUMENT, COMMAND, [TEXT, "", f"Command: `{COMMAND}`", "", *rows])


def main() -> None:
    lines = []
    asked = (("minimum winning offers", False), ("with every other change", True))
    for what, with_changes in asked:
        lines.append(line(what, list(ask_all(with_changes=with_changes))))
        print(lines[-1], flush=True)
    write_part(lines)


if __name__ == "__main__":
    main()
