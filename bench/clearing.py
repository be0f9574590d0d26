"""`python -m bench.clearing`: how well list prices clear rounds; its part of docs/BENCHMARKS.md.

For every round: winners capped at their offer, losers above their list cost, what the gap is made
of, and whether other LP algorithms lead to the same list prices. Every outcome goes through the
judge. Rounds are those of `$BROKER_ROUNDS`; names after the options choose other ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ortools.math_opt.python import mathopt

from allocation.columns import build_columns
from allocation.engine.list_prices import settle_prices
from allocation.engine.portfolio import allocate
from allocation.engine.relaxation import Algorithm, solve_relaxation
from allocation.engine.search import Deadline
from allocation.judge import check_outcome
from allocation.model import build
from allocation.options import Options
from allocation.outcome import ClearingReport, Outcome
from allocation.prices import price_list
from allocation.problem import Problem
from bench.parts import rewrite_part
from bench.suites import all_suites, source_of
from bench.tasks import WORKERS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
LARGEST_COMPARED = 20_000
"""Placements above which the slower LP algorithms are not waited for."""
OTHERS = (
    Algorithm(mathopt.SolverType.GLOP, mathopt.LPAlgorithm.PRIMAL_SIMPLEX),
    Algorithm(mathopt.SolverType.HIGHS, mathopt.LPAlgorithm.DUAL_SIMPLEX),
    Algorithm(mathopt.SolverType.HIGHS, mathopt.LPAlgorithm.BARRIER),
    Algorithm(mathopt.SolverType.PDLP, None),
)
PARTS = ("regret", "winners_loss", "capacity_left", "credits_left")
COLUMNS = (
    *("round", "rule", "winners", "capped at their offer", "declined", "above their list cost"),
    *("certified bound − value", "regret", "winners' loss", "capacity left", "credits left"),
    "same list by other LP algorithms",
)
TEXT = """## How well list prices clear

Winners *capped at their offer* have a list cost above what they are worth; declined bids *above
their list cost* offered more than it and lacked no credits: bundles and whole lots have no exact
price. The gap, in value points, is made of what bids would still gain at the certificate's
prices, what winners lose, and what capacity and credits left over are worth; what is missing in
the sum was rounded off. *Rule* is the one that named the prices: MODEL.md, Prices. The last
column says how many of four other LP algorithms (GLOP's primal simplex, HiGHS' dual simplex and
interior points, PDLP) lead to exactly the same list prices. The rounds are those made from public
demand; their values come from a formula and are nobody's bids. The time limit is of wall clock, so
that the search goes less far on a machine with other work: a gap here does not measure it."""


def main(words: list[str]) -> int:
    """Measure the rounds and write the part; the exit code says whether the judge found nothing."""
    parser = argparse.ArgumentParser(prog="python -m bench.clearing")
    parser.add_argument("--seconds", type=float, default=15.0, help="time limit of each round")
    parser.add_argument("rounds", nargs="*")
    asked = parser.parse_args(words)
    names = asked.rounds or next(s.rounds for s in all_suites() if s.name == "rounds")
    lines, is_sound = [], True
    for name in names:
        problem = source_of(name).load()
        outcome = _allocated(problem, asked.seconds)
        is_sound &= not check_outcome(problem, outcome)
        lines.append(_line((name, *_cells(problem, outcome))))
        print(lines[-1], flush=True)
    command = " ".join(("python -m bench.clearing", f"--seconds {asked.seconds:g}", *asked.rounds))
    table = [_line(COLUMNS), _line(["---", "---", *["---:"] * (len(COLUMNS) - 2)]), *lines]
    rewrite_part(
        DOCUMENT, "python -m bench.clearing", [TEXT, "", f"Command: `{command}`", "", *table]
    )
    return 0 if is_sound else 1


def _allocated(problem: Problem, seconds: float) -> Outcome:
    options = Options(seconds, 0, WORKERS)
    return allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)


def _cells(problem: Problem, outcome: Outcome) -> Iterator[str]:
    report, scale = outcome.report, outcome.certificate.scale
    clearing = report.clearing
    assert clearing is not None  # noqa: S101  # the engine's report always has it
    yield clearing.price_rule
    yield from map(_whole, (report.counts.awarded, clearing.winners_capped))
    yield from map(_whole, (report.counts.declined, clearing.losers_above_list_cost))
    yield _whole(report.certified_bound - report.value)
    yield from (_whole(_points(clearing, part, scale)) for part in PARTS)
    yield _same_lists(problem, outcome)


def _points(clearing: ClearingReport, part: str, scale: int) -> int:
    numerator: int = getattr(clearing, part)
    return round(numerator / scale)


def _same_lists(problem: Problem, outcome: Outcome) -> str:
    """Count the other algorithms that lead to the published prices, of those that ended."""
    model = build(build_columns(problem))
    if model.columns.count > LARGEST_COMPARED:
        return "–"
    same = ended = 0
    for algorithm in OTHERS:
        deadline = Deadline(time.monotonic, time.monotonic() + 60)
        relaxed = solve_relaxation(model, deadline, algorithm)
        if relaxed is not None:
            priced = settle_prices(model, relaxed, deadline)
            listed = price_list(problem, priced.bound.certificate).prices
            same, ended = same + (listed == outcome.prices), ended + 1
    return f"{same} of {ended}"


def _whole(number: int) -> str:
    return f"{number:,}"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
