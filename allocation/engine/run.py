"""One allocation on its way: what was asked for, what is known of the round, what is handed over.

The stages fill it in the order of portfolio.py. Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from allocation.assembly import Result, assemble, describe_solver
from allocation.certificate import Bound, Duals
from allocation.columns import Columns, Whole
from allocation.engine.cleaning import Cleaned
from allocation.engine.floor_stages import FloorState
from allocation.engine.list_prices import Priced
from allocation.engine.logbook import Known, Logbook, Reporter
from allocation.engine.relaxation import Relaxation
from allocation.engine.search import Clock, Deadline
from allocation.engine.state import Search
from allocation.model import Model
from allocation.options import Options
from allocation.outcome import Baselines, Outcome
from allocation.problem import Problem

Keeper = Callable[[Outcome], None]
KEEPING_SHARE = 0.1
KEEPING_SECONDS = 1.0
"""The part of the time so far that may have gone into handing over outcomes, or so much."""


@dataclass
class Run:
    """One allocation. `columns` and `model` have every eligible placement.

    What has no value at first is there after the stage that finds it. `searches` are those of the
    components, smallest first; together they are the round.
    """

    problem: Problem
    options: Options
    clock: Clock
    report: Reporter
    keep: Keeper
    began: float
    searches: list[Search] = field(default_factory=list)
    kept_seconds: float = 0.0
    floors: FloorState | None = None
    logbook: Logbook = field(init=False)
    deadline: Deadline = field(init=False)
    columns: Columns = field(init=False)
    model: Model = field(init=False)
    cleaned: Cleaned = field(init=False)
    baselines: Baselines = field(init=False)
    baseline_lots: list[Whole] = field(init=False)
    relaxed: Relaxation | None = field(init=False)
    priced: Priced = field(init=False)

    def __post_init__(self) -> None:
        self.logbook = Logbook(self.clock, self.began, self.report, self.known)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time a stage and tell what is known after it."""
        return self.logbook.stage(name)

    @property
    def value(self) -> int:
        """The value of the best outcome so far, in points."""
        return sum(search.incumbent.value for search in self.searches)

    @property
    def bound(self) -> Bound:
        """What the published prices prove."""
        return self.priced.bound

    @property
    def duals(self) -> Duals:
        """The prices that the search follows."""
        return self.priced.guides

    @property
    def bound_value(self) -> int:
        """The best bound so far, in points: bounds of components add up."""
        bounds = [search.incumbent.bound for search in self.searches]
        return min(self.bound.value, sum(bounds))

    @property
    def is_proven(self) -> bool:
        """Say whether nothing better can exist, neither fairer nor worth more."""
        is_fairest = self.floors is None or self.floors.is_fairest
        return is_fairest and all(search.is_proven for search in self.searches)

    @property
    def is_certified(self) -> bool:
        """Say whether the certificate proves that nothing is worth more."""
        return self.value == self.bound.value

    def known(self) -> Known:
        """Say the best value and the best bound so far; nothing before there is a relaxation."""
        return (self.value, self.bound_value) if self.searches else (None, None)

    def keep_outcome(self) -> None:
        """Hand over the best outcome so far, in case this process does not live to its end.

        Where many components ask for it, only a small part of the time goes into that.
        """
        began = self.clock()
        if self.kept_seconds <= max(KEEPING_SECONDS, KEEPING_SHARE * (began - self.began)):
            self.keep(self.outcome())
            self.kept_seconds += self.clock() - began

    def outcome(self) -> Outcome:
        """Put together what is known now."""
        return assemble(self.result(), self.options, self.clock)

    def result(self) -> Result:
        """Say what is known now."""
        return Result(
            columns=self.columns,
            lots=self.lots(),
            certified=self.bound,
            price_rule=self.priced.rule,
            bound=self.bound_value,
            baselines=self.baselines,
            began=self.began,
            seconds=dict(self.logbook.seconds),
            solver=self.described(),
            provers=self.provers(),
            stopped_by_clock=self.is_stopped_by_clock(),
            is_unique=all(search.is_unique for search in self.searches),
            tied_bids=self.tied_bids(),
            fairness=self.floors.fairness(self.value) if self.floors else None,
        )

    def lots(self) -> Whole:
        """Return the best outcome so far: the lots of every eligible placement."""
        lots = np.zeros(self.columns.count, np.int64)
        for search in self.searches:
            best = search.incumbent.lots
            lots[search.source] = self.floors.best_lots(search) if self.floors else best
        return lots

    def provers(self) -> tuple[str, ...]:
        """Name who claims that nothing is worth more: of the component that fewest speak for."""
        return min((search.provers() for search in self.searches), key=len)

    def is_stopped_by_clock(self) -> bool:
        """Say whether the wall clock ended a search that was not proven, or the tie-break."""
        return any(search.clock_stopped for search in self.searches)

    def tied_bids(self) -> frozenset[int]:
        """List the bids without an award that an equally good outcome would serve, if known."""
        known = [search.tied_bids or frozenset() for search in self.searches]
        return frozenset[int]().union(*known)

    def described(self) -> dict[str, object]:
        """Name the solvers that were asked, and what they failed to answer."""
        asked = {name for search in self.searches for name in search.incumbent.bounds}
        relaxed = [self.relaxed.algorithm.name] if self.relaxed else []
        names = [*relaxed, *sorted(asked.difference(relaxed))]
        described = describe_solver("portfolio", names, self.options)
        failures = self.logbook.failures
        return described | ({"failures": failures} if failures else {})
