"""The fairness floors of a round, and the outcome that misses them least.

What a team's slice is worth is a small LP per team. Where the best outcome misses a floor, the
largest shortfall is made smallest in exact steps: can every team get what this shortfall leaves
it? A shortfall is proven smallest where no outcome has a smaller one. Source: MODEL.md, Floors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from allocation.assembly import fairest
from allocation.certificate import Bound
from allocation.columns import Columns, Whole
from allocation.engine import rounding
from allocation.engine.neighbourhoods import solve_core
from allocation.engine.question import Answer, Ask, Effort, Question
from allocation.engine.relaxation import slice_worth, solve_relaxation
from allocation.engine.search import Deadline
from allocation.engine.variables import lay_out
from allocation.floors import Floors, slice_ceilings, slice_share
from allocation.model import Model, add_floors

NOISE = Fraction(1, 10**6)
NOISE_RATIO = Fraction(1, 10**10)
"""A floor so little below a whole number, absolutely and as a part of it, counts as that number."""
PASSES = 10
"""How often teams that miss their floor are moved to the front of the queue."""
STEP_SHARE = 0.3
"""The part of the time left that one step of the search may use."""


@dataclass(frozen=True)
class Fairest:
    """The outcome with the smallest largest shortfall, and whether that is proven."""

    lots: Whole
    shortfall: Fraction
    is_proven: bool


def find_floors(columns: Columns, bound: Bound, deadline: Deadline) -> Floors:
    """Return every team's floor: a part of what its bids alone are worth on its slice.

    Where the deadline comes first, what a slice is worth at most stands in for what it is worth.
    """
    problem = columns.problem
    points = []
    for team, ceiling in enumerate(slice_ceilings(columns, bound)):
        most = problem.floor_ratio * ceiling
        mine = columns.only(np.flatnonzero(columns.team == team))
        worth = slice_worth(mine, slice_share(problem, team), deadline)
        due = most if worth is None else problem.floor_ratio * Fraction(worth)
        points.append(whole_floor(due, most))
    return Floors(tuple(points))


def whole_floor(due: Fraction, most: Fraction) -> int:
    """Round a floor down; a hair below a whole number counts as it, if it can be that much."""
    return min(math.floor(most), math.floor(due + NOISE + NOISE_RATIO * due))


def demanding(model: Model, least_values: list[int]) -> Model:
    """Return the model in which every team's awards must reach so much (C7)."""
    columns = model.columns.demanding(least_values)
    return replace(model, columns=columns, floors=add_floors(columns))


def serve_floors(
    columns: Columns, floors: Floors, order: list[int], deadline: Deadline
) -> list[Whole]:
    """Serve every team up to its floor first, then everybody; those who miss it go to the front."""
    urgency = np.zeros(len(floors.points), np.int64)
    outcomes: list[Whole] = []
    for _ in range(PASSES):
        queue = sorted(order, key=(-urgency[columns.team]).tolist().__getitem__)
        first = rounding.serve_up_to(columns, queue, floors.points)
        outcomes.append(rounding.serve(columns, queue, first))
        missed = rounding.team_values(columns, outcomes[-1]) < np.array(floors.points, np.int64)
        if not missed.any() or not deadline.seconds_left():
            break
        urgency += missed
    return outcomes


def ask_core(question: Question, effort: Effort) -> Answer:
    """Look for an outcome of a large round: keep what its relaxation awards in full, then the rest.

    That there is none cannot be said in this way.
    """
    relaxed = solve_relaxation(question.model, effort.deadline.share(STEP_SHARE))
    lots = solve_core(question.model.columns, relaxed.fraction, effort).lots if relaxed else None
    is_found = lots is not None and question.accepts(lots)
    return Answer(lots if is_found else None, None, is_proven=False, stopped_by_clock=True)


def find_fairest(
    model: Model, floors: Floors, known: Sequence[Whole], ask: Ask, effort: Effort
) -> Fairest:
    """Make the largest shortfall smallest, starting from the fairest of some known outcomes.

    First all floors are asked for; then in turn anything better than the best, and half of the way
    between the best and what is too much to ask.
    """
    search = _Search(model, floors, fairest(model.columns, list(known), floors), ask, effort)
    if search.shortfall:
        search.reach(Fraction(0))
    while search.is_open:
        search.look_for(search.least_better)
        if search.is_open:
            search.reach((search.too_small + search.shortfall) / 2)
    return Fairest(search.lots, search.shortfall, search.is_proven or not search.shortfall)


@dataclass
class _Search:
    """The search for the smallest shortfall: the best so far, and what could not be reached."""

    model: Model
    floors: Floors
    lots: Whole
    ask: Ask
    effort: Effort
    too_small: Fraction = Fraction(0)
    is_proven: bool = False

    @property
    def shortfall(self) -> Fraction:
        """The largest shortfall of the best outcome so far."""
        values = rounding.team_values(self.model.columns, self.lots)
        return self.floors.largest_shortfall(values.tolist())

    @property
    def least_better(self) -> list[int]:
        """What every team must get in anything better than the best so far."""
        return self.floors.least_values_below(self.shortfall)

    @property
    def is_open(self) -> bool:
        """Say whether something may still be gained, and there is time for it."""
        if self.is_proven or not self.shortfall or self.effort.deadline.seconds_left() <= 0:
            return False
        return self.floors.least_values(self.too_small) != self.least_better

    def reach(self, shortfall: Fraction) -> None:
        """Look for a shortfall no larger than this; remember where there is none."""
        if not self.look_for(self.floors.least_values(shortfall)):
            self.too_small = shortfall

    def look_for(self, least_values: list[int]) -> bool:
        """Look for an outcome that gives every team so much, and keep it if there is one.

        Where it is proven that there is none, and nothing less would be better, the search ends.
        """
        model = demanding(self.model, least_values)
        every = np.ones(model.columns.count, np.bool_)
        question = Question(model, lay_out(model), None, None, every)
        effort = replace(self.effort, deadline=self.effort.deadline.share(STEP_SHARE))
        answer = self.ask(question, effort)
        is_found = answer.lots is not None and question.accepts(answer.lots)
        if answer.lots is not None and is_found:
            self.lots = answer.lots
        elif answer.lots is None and answer.is_proven:
            self.is_proven = least_values == self.least_better
        return is_found
