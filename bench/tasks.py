"""What one measurement is: a round, a side, a time limit; and how it travels to its process.

A side is whatever is measured on a round: our engine, a raw peer, a simple rule, an LP solver.
Nothing here imports a solver. Read suites.py for which tasks there are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from allocation.folders import read_round
from allocation.problem import Problem
from bench.generator import Shape, generate

Facts = dict[str, Any]
"""What a measurement found: names to numbers and texts, as they stand in the records."""

ENGINE = "engine"
SOLVERS = ("highs", "scip", "cp-sat-2", "cp-sat-8")
RULES = ("first-come", "density-greedy")
ABLATIONS = (
    "without-cleaning",
    "without-components",
    "without-price-guided-rounding",
    "without-shaken-orders",
    "without-diving",
    "without-branch-and-bound",
    "without-neighbourhoods",
    "without-close-neighbourhoods",
    "without-neighbourhoods-that-meet",
    "without-neighbourhoods-of-any-bids",
    "without-proof",
    "without-cuts",
    "without-cp-sat",
    "without-tie-break",
)
"""Our engine with a stage left out. Read ablations.py for what that means."""
TAMPERINGS = "tamperings"
"""The judge against random changes to outcomes."""
RELAXATIONS = ("glop-primal", "glop-dual", "pdlp", "highs-lp", "highs-ipm")
SIDES = (*RULES, *RELAXATIONS, *SOLVERS, ENGINE)
PEERS = (*RULES, *SOLVERS)
WORKERS = 2
"""Workers of the engine, and of the LP solvers that can use several."""


@dataclass(frozen=True, slots=True)
class RoundSource:
    """Where a round comes from: a shape and a seed, or a folder below the rounds' root."""

    name: str
    shape: Shape | None = None
    seed: int = 0
    folder: str = ""

    @property
    def is_there(self) -> bool:
        """Say whether the round is on this machine; an invented one always is."""
        return self.shape is not None or (rounds_root() / self.folder / "round.csv").exists()

    def load(self) -> Problem:
        """Generate or read the round. Raises: InvalidFolder if its folder is broken."""
        if self.shape:
            return generate(self.shape, self.seed)
        return read_round(rounds_root() / self.folder).problem


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement to make. Units: the limit is in seconds of wall clock."""

    source: RoundSource
    side: str
    limit_seconds: float
    seed: int = 0

    @property
    def is_possible(self) -> bool:
        """Say whether what it takes is on this machine."""
        return self.side == TAMPERINGS or self.source.is_there

    def document(self) -> Facts:
        """Return the task as JSON."""
        return asdict(self)


def read_task(document: Mapping[str, Any]) -> Task:
    """Rebuild a task from its JSON."""
    source = dict(document["source"])
    shape = Shape(**source.pop("shape")) if source["shape"] else source.pop("shape")
    return Task(
        RoundSource(shape=shape, **source),
        document["side"],
        document["limit_seconds"],
        document["seed"],
    )


def rounds_root() -> Path:
    """Return the folder below which rounds of public demand lie: `$BROKER_ROUNDS`."""
    beside_the_checkout = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("BROKER_ROUNDS", beside_the_checkout))
