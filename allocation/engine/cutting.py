"""Cutting: relax, find what no outcome awards like that, cut it off, and relax again.

Around every row that the relaxation fills with parts of awards, a few choices are looked at with
the rows in which they meet (cuts.py). The same model gives the same cuts: nothing but the number
of rounds depends on when the loop is stopped. Read cuts.py next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from ortools.math_opt.python import mathopt

from allocation.engine import mathopt_models
from allocation.engine.cuts import NOTHING, Ground, Row, find_cut, ground_of
from allocation.engine.relaxation import Floats
from allocation.engine.search import safe_floor
from allocation.engine.variables import Cut, Variables
from allocation.model import Model

CLUSTER_CHOICES = 12
"""So many choices are looked at together."""
MOST_ROUNDS = 60
LEAST_PROGRESS = 0.01
"""The loop ends after a round that lowers the bound by less than this part of what is left."""
SIFT_EVERY = 3
"""After so many rounds, cuts that the relaxation does not touch are forgotten."""

IsOver = Callable[[], bool]


@dataclass
class Cutting:
    """The cuts of one model so far, and how far they brought the bound down.

    Units: `bound` is the optimum of the relaxation with them, in points. `is_dry` says that more
    rounds would bring little.
    """

    model: Model
    variables: Variables
    cuts: list[Cut] = field(default_factory=list)
    bound: int | None = None
    is_dry: bool = False
    rounds: int = 0

    def go_on(self, value: int, is_over: IsOver) -> tuple[Cut, ...]:
        """Cut until it is over, or little is left to gain above a value; return all cuts."""
        if not self.is_dry and not is_over():
            relaxed = _Relaxed(self.model, self.variables, self.cuts)
            ground = ground_of(self.model, self.variables)
            optimum = relaxed.solve()
            while optimum is not None and not (self.is_dry or is_over()):
                found = _found(ground, relaxed, is_over)
                if is_over():
                    break
                self.rounds += 1
                before, optimum = optimum, self._next(relaxed, found)
                self._judge(before, optimum, value)
        return tuple(self.cuts)

    def _next(self, relaxed: _Relaxed, found: list[Cut]) -> float | None:
        """Take the cuts that were found, and forget now and then what has become slack."""
        relaxed.add(found)
        optimum = relaxed.solve()
        if optimum is not None and self.rounds % SIFT_EVERY == 0:
            relaxed.forget_slack()
        self.cuts = list(relaxed.cuts)
        return optimum

    def _judge(self, before: float, optimum: float | None, value: int) -> None:
        """Note the bound, and whether it is worth going on."""
        if optimum is None:
            self.is_dry = True
            return
        self.bound = safe_floor(optimum)
        is_little = before - optimum < LEAST_PROGRESS * (before - value)
        is_proven = self.bound is not None and self.bound <= value
        self.is_dry = is_little or is_proven or self.rounds >= MOST_ROUNDS


class _Relaxed:
    """The relaxation with cuts, and what it awards: solved again from where it stood."""

    def __init__(self, model: Model, variables: Variables, cuts: list[Cut]) -> None:
        self.program = mathopt_models.mixed_integer_program(model, variables, is_integer=False)
        self.variables = list(self.program.variables())
        self.cuts: list[Cut] = []
        self.rows: list[mathopt.LinearConstraint] = []
        self.solver = mathopt.IncrementalSolver(self.program, mathopt.SolverType.GLOP)
        self.awarded: Floats = np.zeros(variables.count)
        self.add(cuts)

    def add(self, cuts: list[Cut]) -> None:
        """Add cuts."""
        for cut in cuts:
            self.cuts.append(cut)
            self.rows.append(mathopt_models.add_cut(self.program, self.variables, cut))

    def solve(self) -> float | None:
        """Return the optimum; None where there is no answer."""
        try:
            result = self.solver.solve()
        except Exception:  # noqa: BLE001  # MathOpt raises what comes; then there are no more cuts
            return None
        if result.termination.reason is not mathopt.TerminationReason.OPTIMAL:
            return None
        self.awarded = np.array(result.variable_values(self.variables))
        optimum: float = result.objective_value()
        return optimum

    def forget_slack(self) -> None:
        """Forget the cuts that what is awarded stays below."""
        is_tight = [self._reached(cut) >= cut.most * (1 - NOTHING) for cut in self.cuts]
        for row, tight in zip(self.rows, is_tight, strict=True):
            if not tight:
                self.program.delete_linear_constraint(row)
        self.rows = [row for row, tight in zip(self.rows, is_tight, strict=True) if tight]
        self.cuts = [cut for cut, tight in zip(self.cuts, is_tight, strict=True) if tight]

    def _reached(self, cut: Cut) -> float:
        return float(cut.terms.coefficient @ self.awarded[cut.terms.variable])


# --- where to look ---------------------------------------------------------------------------


def _found(ground: Ground, relaxed: _Relaxed, is_over: IsOver) -> list[Cut]:
    """Look around every row that is full of parts; each cut once."""
    found: dict[tuple[bytes, bytes, int], Cut] = {}
    share = relaxed.awarded.tolist()
    for cluster in _clusters(ground, share):
        if is_over():
            break
        cut = find_cut(ground, cluster, share)
        if cut is not None:
            terms = cut.terms
            found[(terms.variable.tobytes(), terms.coefficient.tobytes(), cut.most)] = cut
    return list(found.values())


def _clusters(ground: Ground, share: list[float]) -> Iterator[list[int]]:
    """Grow a cluster from every full row and bid in which parts are awarded; each cluster once."""
    seen: set[tuple[int, ...]] = set()
    for choices in _contested(ground, share):
        cluster = _grown(ground, choices, share)
        if tuple(sorted(cluster)) not in seen:
            seen.add(tuple(sorted(cluster)))
            yield cluster


def _contested(ground: Ground, share: list[float]) -> Iterator[list[int]]:
    """List the choices of every row, and of every bid, that parts of awards fill."""
    bids = (Row(1, choices, [1] * len(choices)) for choices in ground.choices_of.values())
    for row in (*ground.rows, *bids):
        has_parts = any(NOTHING < share[choice] < 1 - NOTHING for choice in row.choices)
        used = sum(use * share[choice] for choice, use in zip(row.choices, row.uses, strict=True))
        if has_parts and used > row.most - NOTHING:
            yield row.choices


def _grown(ground: Ground, choices: list[int], share: list[float]) -> list[int]:
    """Take what is awarded of some choices, halves first, then of those that they meet."""
    cluster: dict[int, None] = {}
    meetings, seen = deque([choices]), set[int]()
    while meetings and len(cluster) < CLUSTER_CHOICES:
        awarded = [c for c in meetings.popleft() if share[c] > NOTHING and c not in cluster]
        awarded.sort(key=lambda c: -min(share[c], 1 - share[c]))
        for choice in awarded[: CLUSTER_CHOICES - len(cluster)]:
            cluster[choice] = None
            new = [row for row in ground.rows_of[choice] if row not in seen]
            meetings.append(ground.choices_of[ground.bid[choice]])
            meetings.extend(ground.rows[row].choices for row in new)
            seen.update(new)
    return list(cluster)
