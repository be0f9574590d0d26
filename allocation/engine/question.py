"""What a solver is asked, and what it answers: the same words for HiGHS and for CP-SAT.

A question is the model, perhaps narrowed: only some placements open, sums that must be reached,
choices that are known already, placements that are wanted beside the objective. Nothing here
knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from allocation.columns import Flags, Whole
from allocation.engine import rounding
from allocation.engine.search import Deadline
from allocation.engine.variables import Cut, Terms, Variables
from allocation.model import Model


@dataclass(frozen=True)
class Question:
    """Which outcome has the largest objective? None asks for any outcome at all.

    Shape: `open_placements` has a flag per placement that may be awarded; `requirements` are sums
    with the least that they must reach; `known_choices` are outcomes whose choice of placements is
    not asked for again, `known_lots` one whose lots are not; `wanted` has a flag per placement;
    `start` is a feasible outcome, or None; `cuts` exclude no outcome, and a solver may use them.
    """

    model: Model
    variables: Variables
    objective: Terms | None
    start: Whole | None
    open_placements: Flags
    requirements: tuple[tuple[Terms, int], ...] = ()
    known_choices: tuple[Whole, ...] = ()
    known_lots: Whole | None = None
    wanted: Flags | None = None
    cuts: tuple[Cut, ...] = ()

    @property
    def scale(self) -> int:
        """How often a point of the objective counts: twice where something is wanted beside it."""
        return 1 if self.wanted is None else 2

    def wanting(self, placements: Flags) -> Question:
        """Prefer, among the best by half a point, what awards one of some placements.

        An answer without any of them is then proven best only if nothing as good has one.
        """
        return replace(self, wanted=placements)

    def requiring(self, terms: Terms, at_least: int) -> Question:
        """Return the question with one more sum that must be reached."""
        return replace(self, requirements=(*self.requirements, (terms, at_least)))

    def about(self, objective: Terms | None, start: Whole | None) -> Question:
        """Return the same question with another objective."""
        return replace(self, objective=objective, start=start)

    def closed_choices(self) -> list[int]:
        """List the variables of placements that may not be awarded."""
        closed: list[int] = self.variables.choices_of(~self.open_placements).tolist()
        return closed

    def wanted_choices(self) -> list[int]:
        """List the variables of placements that are wanted."""
        if self.wanted is None:
            return []
        wanted: list[int] = self.variables.choices_of(self.wanted).tolist()
        return wanted

    def other_choice(self, lots: Whole) -> tuple[Terms, int]:
        """Return the sum that tells a choice of placements from another, and its least."""
        chosen = lots > 0
        signs = np.where(chosen, -1, 1).astype(np.int64)
        return self.variables.weighing(signs), 1 - int(chosen.sum())

    def accepts(self, lots: Whole) -> bool:
        """Check an outcome against the model and the requirements in whole numbers."""
        if not rounding.is_feasible(self.model.columns, lots):
            return False
        values = self.variables.values_of(lots)
        return all(terms.sum_of(values) >= least for terms, least in self.requirements)


@dataclass(frozen=True)
class Answer:
    """What a solver says. The outcome is in whole lots, and may still break a rule.

    Units: the bound is whole, of the objective; `work_seconds` is what the search would take on
    a usual machine, by what it counted. `is_proven` says that the outcome has the largest objective
    (and more of what is wanted than others), or that there is none; `stopped_by_clock` that the
    wall clock ended the search; `failure` what the solver said where it broke down.
    """

    lots: Whole | None
    bound: int | None
    is_proven: bool
    stopped_by_clock: bool
    failure: str = ""
    work_seconds: float = 0.0


@dataclass(frozen=True)
class Effort:
    """How hard a solver may work. The deadline is the last guard of those that count their work.

    `most_nodes` ends branch and bound, `work_seconds` (on a usual machine) whatever counts more.
    """

    seed: int
    workers: int
    deadline: Deadline
    most_nodes: int | None = None
    work_seconds: float | None = None


Ask = Callable[[Question, Effort], Answer]
