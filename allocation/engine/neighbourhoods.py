"""Neighbourhood search: free some bids of an outcome, solve for them alone, again and again.

Each neighbourhood is a small round of its own: the freed bids compete for what the others leave.
Neighbourhoods of every kind and size are tried; what gains most for its work is drawn most often.
Work is counted, not timed, so that the clock changes nothing. Read draws.py for the kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from allocation.certificate import Bound
from allocation.columns import Columns, Flags, Whole
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs_briefly
from allocation.engine.cleaning import without_slack_rows
from allocation.engine.diving import dive
from allocation.engine.draws import Draw, Draws
from allocation.engine.parts import Decided, part_of
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.variables import lay_out
from allocation.model import build

SMALLEST_SIZE = 85
SIZE_RATIO = 2**0.5
"""How many placements the smallest neighbourhood frees, and each size to the one before."""
MOST_NODES = 20
"""How far one neighbourhood is searched."""
FIRST_SECONDS = 0.1
CURIOUS_SHARE = 0.06
GROWTH = 2.0
"""Larger neighbourhoods are tried once they are likely to cost no more than so much, or than this
part of the work so far: so many times what the size before them has cost."""
STEP_SHARE = 0.12
GUARD_RATIO = 3.0
"""The clock ends a step that takes so many times this part of all work."""
MEMORY = 0.9
"""How much of what a kind and size has gained and cost is remembered from step to step."""
CURIOSITY = 0.15
"""How often any kind and size is drawn, whatever it has gained."""
MOST_SHAKEN_RATIO = 0.1
"""How far values are shaken at most (sigma, log-normal) before a part is decided by diving."""
USE_SECONDS = 1e-7
"""What taking a part out of a round costs on a usual machine, for each use of a place."""
ALL_OF_IT = 1 - 1e-6


def solve_core(columns: Columns, fraction: npt.NDArray[np.float64], effort: Effort) -> Decided:
    """Keep what the relaxation awards in full, and decide everything else at once."""
    in_full = fraction >= ALL_OF_IT
    settled = np.isin(columns.bid, columns.bid[in_full])
    return solve_part(columns, ~settled, np.where(in_full, columns.max_lots, 0), effort)


def solve_part(columns: Columns, freed: Flags, lots: Whole, effort: Effort) -> Decided:
    """Decide the freed bids anew; the outcome is unchanged where nothing is found."""
    part = part_of(columns, freed, lots)
    model = without_slack_rows(build(part.columns))
    variables = lay_out(model)
    objective = variables.objective(part.columns.value)
    every = np.ones(part.columns.count, np.bool_)
    question = Question(model, variables, objective, lots[part.source], every)
    start = question.start if rounding.is_feasible(part.columns, lots[part.source]) else None
    answer = ask_highs_briefly(question.about(objective, start), effort)
    if answer.lots is None or not rounding.is_feasible(part.columns, answer.lots):
        return Decided(lots, answer)
    decided = np.where(freed, 0, lots)
    decided[part.source] = answer.lots
    return Decided(decided, answer)


Decide = Callable[[Columns, Flags, Whole, Effort, np.random.Generator], Decided]
"""Decides freed bids anew, given the lots of the best outcome so far."""


def _by_solver(
    columns: Columns, freed: Flags, lots: Whole, effort: Effort, _: np.random.Generator
) -> Decided:
    return solve_part(columns, freed, lots, effort)


def _by_diving(
    columns: Columns, freed: Flags, lots: Whole, effort: Effort, random: np.random.Generator
) -> Decided:
    """Dive at values that are shaken a little, so that the same part may end otherwise."""
    spread = MOST_SHAKEN_RATIO * random.random() ** 2
    shaken = columns.value * np.exp(spread * random.standard_normal(columns.count))
    values = np.maximum(1, np.rint(shaken)).astype(np.int64)
    return dive(replace(columns, value=values), freed, lots, effort)


@dataclass
class _Arm:
    """One way to decide one kind and size of neighbourhoods, and what it gained and cost lately."""

    decide: Decide
    draw: Draw
    size: int
    previous: _Arm | None
    gain: float = 0.0
    work_seconds: float = 0.0
    uses: float = 0.0

    def learn(self, gain: int, work_seconds: float) -> None:
        """Remember a step, and forget a little of those before."""
        self.gain = MEMORY * self.gain + gain
        self.work_seconds = MEMORY * self.work_seconds + work_seconds
        self.uses = MEMORY * self.uses + 1

    @property
    def rate(self) -> float:
        """Points gained for a second of work."""
        return self.gain / self.work_seconds if self.uses else 0.0

    def is_open(self, most_seconds: float) -> bool:
        """Say whether a step of this kind and size is likely to cost no more than so much."""
        before = self.previous
        if before is None:
            return True
        return bool(before.uses) and GROWTH * before.work_seconds <= most_seconds * before.uses


@dataclass
class NeighbourhoodSearch:
    """A search on its way: the best outcome so far, and the work it took on a usual machine.

    `by_gain` has every placement, best gain first; `bound` is what a solver has proven about the
    whole round, where a neighbourhood was all of it.
    """

    columns: Columns
    lots: Whole
    by_gain: Whole
    random: np.random.Generator
    most_work_seconds: float
    work_seconds: float = 0.0
    bound: int | None = None
    arms: list[_Arm] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Say whether the work that may be done is done."""
        return self.work_seconds >= self.most_work_seconds

    def step(self, effort: Effort) -> Answer:
        """Draw a neighbourhood, and decide it anew."""
        arm = self._drawn()
        freed = arm.draw(arm.size, self.lots, self.random)
        before = rounding.value_of(self.columns, self.lots)
        limited = self._limited(effort)
        decided = arm.decide(self.columns, freed, self.lots, limited, self.random)
        lots = rounding.serve(self.columns, self.by_gain, decided.lots)
        gain = rounding.value_of(self.columns, lots) - before
        work = decided.answer.work_seconds + USE_SECONDS * len(self.columns.use_cell)
        arm.learn(max(0, gain), work)
        self.work_seconds += work
        if gain > 0 and rounding.is_feasible(self.columns, lots):
            self.lots = lots
        if freed.all() and decided.answer.is_proven:
            self.bound = decided.answer.bound
        return decided.answer

    def _limited(self, effort: Effort) -> Effort:
        """Return the effort of one step, with the clock as its last guard."""
        guard = effort.deadline.within(GUARD_RATIO * STEP_SHARE * self.most_work_seconds)
        return replace(effort, most_nodes=MOST_NODES, deadline=guard)

    def _drawn(self) -> _Arm:
        """Take what has not been tried yet, the smallest first; then by what it gains."""
        most = max(FIRST_SECONDS, CURIOUS_SHARE * self.work_seconds)
        arms = [arm for arm in self.arms if arm.is_open(most)]
        untried = [arm for arm in arms if not arm.uses]
        if untried:
            return min(untried, key=lambda arm: arm.size)
        rate = np.array([arm.rate for arm in arms])
        total = rate.sum()
        chance = rate / total if total > 0 else np.full(len(arms), 1 / len(arms))
        chance = CURIOSITY / len(arms) + (1 - CURIOSITY) * chance
        return arms[int(self.random.choice(len(arms), p=chance / chance.sum()))]


def begin_search(
    columns: Columns, lots: Whole, bound: Bound, seed: int, most_work_seconds: float
) -> NeighbourhoodSearch:
    """Return a search that starts from an outcome. Units: work on a usual machine, in seconds."""
    arms: list[_Arm] = []
    for decide, draw in product((_by_solver, _by_diving), Draws(columns, bound).kinds):
        previous: _Arm | None = None
        for size in _sizes(columns.count):
            previous = _Arm(decide, draw, size, previous)
            arms.append(previous)
    by_gain = np.argsort(-bound.gain.astype(float), kind="stable")
    random = np.random.default_rng(seed)
    return NeighbourhoodSearch(columns, lots, by_gain, random, most_work_seconds, arms=arms)


def _sizes(count: int) -> list[int]:
    """List the sizes of neighbourhoods, from the smallest up to everything."""
    sizes = [SMALLEST_SIZE]
    while sizes[-1] < count:
        sizes.append(min(count, round(SIZE_RATIO * sizes[-1])))
    return sizes
