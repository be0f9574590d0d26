"""The proof beside the search: when it is asked for, when anew, and what follows from it.

prover.py asks SCIP in a thread of its own; here it is decided about what, and its word is taken.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from allocation.engine import rounding
from allocation.engine.cutting import Cutting
from allocation.engine.prover import Prover
from allocation.engine.question import Answer, Question
from allocation.engine.state import Search

LARGEST_BRANCHED = 30_000
"""Placements above which branch and bound on the whole round does not get beyond its root."""
HEAD_START_SECONDS = 0.3
"""How much is worked before a proof is begun."""
YOUNG_RATIO = 0.3
"""A proof that has taken less than this part of the work is begun anew for something better."""


LARGEST_CUT = 2_500
"""Placements above which one round of cuts takes too long."""
LEAST_CUT_RATIO = 0.03
"""Cuts are looked for where the certificate leaves more than this part of the bound open."""


def wants_cuts(search: Search) -> bool:
    """Say whether cuts may bring the bound down by much, and can be found in time."""
    left = search.bound.value - search.incumbent.value
    is_wide = left > LEAST_CUT_RATIO * search.bound.value
    return search.trusts_one_solver and is_wide and search.columns.count <= LARGEST_CUT


@dataclass
class Proof:
    """The proof of one search. Units: `began` is work in seconds on a usual machine."""

    search: Search
    prover: Prover = field(default_factory=Prover)
    began: float = 0.0
    cutting: Cutting | None = None

    @property
    def is_asked(self) -> bool:
        """Say whether a proof is on its way."""
        return self.prover.is_asked

    @property
    def is_worthwhile(self) -> bool:
        """Say whether branch and bound on the whole round may say more than is known."""
        return not self.search.is_proven and self.search.columns.count <= LARGEST_BRANCHED

    def begin_cutting(self) -> None:
        """Begin a proof beside the root of the whole round, where it begins with cutting."""
        if self.search.options.workers > 1 and self.is_worthwhile and wants_cuts(self.search):
            self._ask()

    def wait_beside(self, step: Future[Answer]) -> None:
        """Wait for a step of the search; a proof that comes before it makes it needless."""
        self.prover.wait_beside(step)
        if self.prover.has_answer:
            self._hear(0.0)

    def mind(self, work_seconds: float, *, is_better: bool) -> None:
        """Ask for a proof beside the search; ask anew if something better comes soon.

        On a large round a proof takes long: it goes on whatever is found.
        """
        is_young = work_seconds - self.began < YOUNG_RATIO * work_seconds
        if self.is_asked and is_better and is_young and self.search.is_small():
            self.prover.stop()
            self.prover.take(0.0)
        has_core = self.search.options.workers > 1 and work_seconds > HEAD_START_SECONDS
        if has_core and not self.is_asked and self.is_worthwhile:
            self.began = work_seconds
            self._ask()

    def end(self) -> None:
        """Wait for the proof, unless there is one already."""
        if not self.is_asked:
            self._ask()
        if self.search.is_proven:
            self.prover.stop()
            self._hear(0.0)
        else:
            self._hear(self.search.deadline.seconds_left())

    def _ask(self) -> None:
        """Have it proven that nothing is better, and nothing with another bid as good."""
        search = self.search
        served = np.isin(search.columns.bid, search.columns.bid[search.incumbent.lots > 0])
        question = search.best_value().wanting(~served)
        if self.cutting is None and wants_cuts(search):
            self.cutting = Cutting(search.model, search.variables, list(search.cuts))
        self.prover.ask(question, search.effort(search.deadline), self.cutting)

    def _hear(self, seconds: float) -> None:
        """Take the proof, as far as it comes in so many seconds.

        An outcome counts only where it is proven best. Whether the proof or the search has it
        first is up to the clock, until ties are broken.
        """
        search, before = self.search, self.search.incumbent.value
        taken = self.prover.take(seconds)
        if taken is None:
            return
        question, answer = taken
        search.cuts = tuple(self.cutting.cuts) if self.cutting else search.cuts
        search.note("SCIP", answer)
        bound = None if answer.bound is None else answer.bound // question.scale
        search.incumbent.learn("SCIP", answer.lots if answer.is_proven else None, bound)
        search.clock_stopped |= search.incumbent.value > before
        if answer.is_proven:
            _learn_best_bids(search, question, answer)


def _learn_best_bids(search: Search, question: Question, answer: Answer) -> None:
    """Remember which bids the best outcomes serve, where the proof says so."""
    start, found = question.start, answer.lots
    if start is None or found is None or question.wanted is None:
        return
    is_best = rounding.value_of(search.columns, start) == search.incumbent.value
    if is_best and search.is_proven and not (found > 0)[question.wanted].any():
        search.best_bids = frozenset(search.columns.bid[start > 0].tolist())
