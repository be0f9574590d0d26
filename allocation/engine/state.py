"""What is known while the best outcome of a round is searched for, and what may still be used.

The stages (finding.py, proving.py, floor_stages.py, settling.py) work on this state one after the
other; each leaves the incumbent at least as good. Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from allocation.certificate import Bound
from allocation.columns import Whole
from allocation.engine import rounding
from allocation.engine.logbook import Logbook
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.relaxation import Floats, Relaxation
from allocation.engine.search import Deadline, Incumbent
from allocation.engine.variables import Cut, Variables, lay_out
from allocation.model import Model
from allocation.options import Options

LARGEST_WHOLE = 2_500
"""Placements above which CP-SAT is of no use, and a proof is begun once only."""
RELAXATION_SHARE = 0.5
"""The part of the time left that the LP may use."""
LEAST_WORK_SHARE = 0.3
"""The part of the work that is left for the search of parts, whatever came before it."""


@dataclass
class Search:
    """The search for the best outcome of a model: what is known, and what may be used.

    Units: work in seconds on a usual machine. Shape: `source` has the index of every placement
    among all eligible ones of the round. `best_bids` are the bids that the best outcomes
    serve, where a proof says so; `tied_bids` those of them without an award, None until the
    tie-break has said which. `keep` hands over the best outcome of the round so far; `cuts` exclude
    no outcome of the model.
    """

    options: Options
    logbook: Logbook
    keep: Callable[[], None]
    source: Whole
    model: Model
    bound: Bound
    relaxed: Relaxation | None
    baseline_lots: list[Whole]
    incumbent: Incumbent
    deadline: Deadline
    most_work_seconds: float
    work_seconds: float = 0.0
    clock_stopped: bool = False
    best_bids: frozenset[int] | None = None
    is_unique: bool = False
    tied_bids: frozenset[int] | None = None
    cuts: tuple[Cut, ...] = ()

    def __post_init__(self) -> None:
        self.take_model(self.model)

    def take_model(self, model: Model) -> None:
        """Go on with a model of the same placements."""
        self.model, self.columns, self.cuts = model, model.columns, ()
        self.variables: Variables = lay_out(model)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time a stage and tell what is known after it."""
        return self.logbook.stage(name)

    # --- what is known ---------------------------------------------------------------------

    @property
    def is_proven(self) -> bool:
        """Say whether nothing can be worth more than the best outcome."""
        return self.incumbent.is_proven

    def provers(self) -> tuple[str, ...]:
        """Name who claims that nothing is worth more: solvers, and the certificate."""
        is_certified = self.incumbent.value == self.bound.value
        return (*self.incumbent.provers, *(("certificate",) if is_certified else ()))

    @property
    def trusts_one_solver(self) -> bool:
        """Say whether the numbers are small enough to believe what one solver proves."""
        return self.incumbent.trusts_one_solver

    def is_small(self) -> bool:
        """Say whether CP-SAT can work on the whole model."""
        return self.columns.count <= LARGEST_WHOLE

    def learn(self, solver: str, answer: Answer) -> None:
        """Take a solver's outcome and bound; what it leaves free is filled."""
        self.note(solver, answer)
        was_proven = self.is_proven
        self.incumbent.learn(solver, answer.lots, answer.bound)
        if not was_proven:
            self.clock_stopped |= answer.stopped_by_clock
            self.fill()

    def note(self, solver: str, answer: Answer) -> None:
        """Remember a solver that could not answer, for the report."""
        if answer.failure:
            self.logbook.failures.append(f"{solver}: {answer.failure}")

    def fill(self) -> None:
        """Serve whatever still fits, best gain first: a declined bid must not fit."""
        self.incumbent.offer(rounding.serve(self.columns, self.by_gain(), self.incumbent.lots))

    # --- what guides -----------------------------------------------------------------------

    def by_gain(self) -> list[int]:
        """Return every placement, best gain first."""
        order: list[int] = np.argsort(-self.bound.gain.astype(float), kind="stable").tolist()
        return order

    def guides(self) -> tuple[Floats, Floats, Floats]:
        """Return what the relaxation awards, and every placement's gain and worth in points."""
        worth = self.model.largest_value.astype(float)
        gain = self.bound.gain.astype(float) / self.bound.certificate.scale
        fraction = self.relaxed.fraction if self.relaxed else np.zeros(self.columns.count)
        return fraction, gain, worth

    def guided_orders(self) -> list[list[int]]:
        """Return the orders that the relaxation and its prices suggest to serve in."""
        return rounding.price_guided_orders(*self.guides())

    def best_value(self) -> Question:
        """Ask for the outcome of the largest value, from the best one so far."""
        objective = self.variables.objective(self.columns.value)
        every = np.ones(self.columns.count, np.bool_)
        start, cuts = self.incumbent.lots, self.cuts
        return Question(self.model, self.variables, objective, start, every, cuts=cuts)

    # --- what may be used ------------------------------------------------------------------

    def effort(self, deadline: Deadline) -> Effort:
        """Return the effort of one solver until a deadline."""
        return Effort(self.options.seed, self.options.workers, deadline)

    def work_left(self) -> float:
        """Say how much work is left for the search of parts."""
        most = self.most_work_seconds
        return max(LEAST_WORK_SHARE * most, most - self.work_seconds)

    def count_work(self, answer: Answer) -> None:
        """Count what a solver did, and note where only the clock ended it."""
        self.work_seconds += answer.work_seconds
        self.clock_stopped |= answer.stopped_by_clock and not answer.is_proven
