"""`python -m bench.replays`: how long a policy takes to be replayed on past rounds.

Prints what it measured and writes it as its part of docs/BENCHMARKS.md.

The market is made here: past rounds with bids from the generator, each allocated and published as
`broker run` does it. A policy is then replayed on all of them, and each replayed outcome must be
what was published, by its hash.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from bench.generator import Shape, default_shape
from bench.machine import describe_machine, load_average
from bench.pages import OPERATOR, at_round, bring
from bench.parts import rewrite_part
from broker.clock import system_clock
from broker.db import Database, connect, reading, transact
from broker.policy.comparing import Comparison, comparison_from_document
from broker.policy.documents import Policy
from broker.policy.replaying import ROUNDS, ask_replays, replay_next, replays_of
from broker.policy.tables import PolicyReplayRow
from broker.runs import published_run, run_round
from broker.schema import migrate
from broker.solving import solve
from broker.tables import RoundRow

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
COMMAND = "python -m bench.replays"
FAMILY, BIDS = "coarse", 300
TARGET_SECONDS = 120
TEXT = f"""## Replaying a policy on past rounds

A market of {ROUNDS} past rounds of {BIDS} bids of the family `{FAMILY}`, each allocated and
published as `broker run` does it. They come from files, so a policy changes neither their value
scores nor their price rule, and a replay must decide what was published. *Progress* is how often
the stage that a page shows was told. Target: all replays together in at most {TARGET_SECONDS} s,
every outcome with the `outcome_sha256` that was published."""
_FACT = {"present_percent": 100, "missing_percent": 80, "is_required": False}
POLICY = {
    "format": 1,
    "themes": [],
    "readiness": dict.fromkeys(("owner_after_award", "success_measure", "end"), _FACT),
    "calibration": {"least_percent": 70, "most_percent": 115, "prior_weight": 1000},
    "multiplier": {"least_percent": 50, "most_percent": 200},
    "floor_percent": 0,
    "pricing": "clearing",
    "approvals": [],
    "eligibility": [],
}


@dataclass(frozen=True, slots=True)
class Replayed:
    """A round and its replay. Units: seconds; `stages` is how often progress was told."""

    round_key: str
    seconds: float
    stages: int
    run_status: str
    status: str
    is_same: bool


def main(words: Sequence[str] | None = None) -> int:
    """Make the market, replay, and write the part; 1 if it took too long or decided otherwise."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many past rounds")
    parser.add_argument("--bids", type=int, default=BIDS, help="how many bids each has")
    asked = parser.parse_args(words)
    before = load_average()
    with tempfile.TemporaryDirectory() as folder:
        db = connect(f"sqlite:///{Path(folder) / 'market.db'}")
        fill(db, asked.rounds, default_shape(FAMILY, asked.bids))
        found = list(measure(db, asked.rounds))
        db.dispose()
    lines = list(_table(found))
    print("\n".join(lines))
    if (asked.rounds, asked.bids) == (ROUNDS, BIDS):
        said = f"{describe_machine()}; load before {before}."
        rewrite_part(DOCUMENT, COMMAND, [TEXT, "", f"Command: `{COMMAND}`", "", said, "", *lines])
    is_right = len(found) == asked.rounds and all(one.is_same for one in found)
    return 0 if is_right and _whole_seconds(found) <= TARGET_SECONDS else 1


def fill(db: Database, rounds: int, shape: Shape) -> None:
    """Publish so many rounds, as `broker run` does it."""
    migrate(db)
    for number in range(rounds):
        began = perf_counter()
        key = bring(db, f"past-{number + 1}", number, shape, is_open=False)
        run_round(db, key, Options(), at_round(number), OPERATOR.id, solve, lambda _: None)
        print(f"{perf_counter() - began:8.2f} s: published round {key}", flush=True)


def measure(db: Database, rounds: int) -> Iterator[Replayed]:
    """Replay the policy on every round, one after another."""
    policy = Policy.model_validate_json(json.dumps(POLICY))
    at = system_clock()
    sha256 = transact(db, lambda session: ask_replays(session, OPERATOR, policy, at, rounds))
    done: set[str] = set()
    is_left = True
    while is_left:
        told: list[Progress] = []
        began = perf_counter()
        is_left = replay_next(db, system_clock, _noting(told), sha256)
        seconds = perf_counter() - began
        for row in _newly_done(db, sha256, done):
            yield _replayed(db, row, seconds, len(told))


def _noting(told: list[Progress]) -> Callable[..., Outcome]:
    """Return what solves as `broker run` does and notes the progress that it tells."""

    def noting(
        problem: Problem, options: Options, report_progress: Callable[[Progress], None]
    ) -> Outcome:
        def tell(progress: Progress) -> None:
            report_progress(progress)
            told.append(progress)
            print(f"{progress.seconds:8.2f} s: {problem.round_key} {progress.stage}", flush=True)

        return solve(problem, options, tell)

    return noting


def _newly_done(db: Database, sha256: str, done: set[str]) -> Iterator[PolicyReplayRow]:
    with reading(db) as session:
        rows = [one for one in replays_of(session, sha256) if one.result and one.id not in done]
        session.expunge_all()
    done.update(one.id for one in rows)
    return iter(rows)


def _replayed(db: Database, row: PolicyReplayRow, seconds: float, stages: int) -> Replayed:
    """Compare a replay with what its round published, read anew from the run."""
    found: Comparison = comparison_from_document(json.loads(row.result or ""))
    with reading(db) as session:
        where = session.get_one(RoundRow, row.round_id)
        key, run = where.key, published_run(session, where)
        published = run.outcome_sha256 if run else None
        status = json.loads(run.report or "{}").get("status", "") if run else ""
    is_same = found.replayed.outcome_sha256 == published
    return Replayed(key, seconds, stages, status, found.status, is_same)


def _whole_seconds(found: Sequence[Replayed]) -> float:
    return sum(one.seconds for one in found)


def _table(found: Sequence[Replayed]) -> Iterator[str]:
    yield "| round | seconds | progress | published | replayed | the same outcome |"
    yield "| --- | ---: | ---: | --- | --- | --- |"
    for one in found:
        same = "yes" if one.is_same else "**no**"
        cells = (one.round_key, f"{one.seconds:.1f}", str(one.stages), one.run_status, one.status)
        yield f"| {' | '.join((*cells, same))} |"
    same_count = sum(one.is_same for one in found)
    stages = sum(one.stages for one in found)
    whole = f"**{_whole_seconds(found):.1f}**"
    yield f"| **together** | {whole} | {stages} | | | {same_count} of {len(found)} |"


if __name__ == "__main__":
    sys.exit(main())
