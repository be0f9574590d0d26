"""The written tie-break: among the best outcomes the public hash weights decide, not the solver.

First the largest Σ w over awarded placements, then the largest Σ w × lots; then a proof that no
other outcome does as well. Only placements that can be part of a best outcome (by the certificate)
take part, so that the search is small. Source: MODEL.md, Tie-break.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.certificate import Bound
from allocation.columns import Flags, Whole
from allocation.engine import rounding
from allocation.engine.constraint_search import Answer, Effort, has_any, maximise
from allocation.engine.cpsat_models import CpModel, write_model
from allocation.engine.variables import Terms, Variables
from allocation.model import Model


@dataclass(frozen=True)
class Settled:
    """The outcome that the tie-break names. `is_unique` says that it is proven to be the only one.

    `tied_bids` are the bids without an award that an equally good outcome would serve (indices);
    None where that could not be settled in time.
    """

    lots: Whole
    is_unique: bool
    tied_bids: frozenset[int] | None


class _BestOutcomes:
    """The outcomes of the best value, searched with one objective after the other."""

    def __init__(self, model: Model, variables: Variables, lots: Whole, open_: Flags) -> None:
        self.variables = variables
        self.columns = model.columns
        self.written: CpModel = write_model(model, variables)
        for k in np.flatnonzero(~open_).tolist():
            self.written.model.add(self.written.variables[k] == 0)
        value = rounding.value_of(self.columns, lots)
        self.require(variables.objective(self.columns.value), value)

    def require(self, terms: Terms, at_least: int) -> None:
        """Keep only the outcomes whose sum is at least so much."""
        self.written.model.add(self.written.sum_of(terms) >= at_least)

    def search(self, objective: Terms, lots: Whole, effort: Effort) -> Answer:
        """Find the outcome that maximises an objective."""
        return maximise(self.written, objective, effort, self.variables.values_of(lots))

    def lots_of(self, answer: Answer) -> Whole | None:
        """Return the outcome of an answer, if it is one in whole numbers."""
        if answer.values is None:
            return None
        lots = self.variables.lots_of(answer.values)
        return lots if rounding.is_feasible(self.columns, lots) else None

    def require_another(self, lots: Whole) -> None:
        """Keep only the outcomes that differ from one in a placement or in its lots."""
        cp, columns = self.written, self.columns
        chosen = lots > 0
        choice = Terms(np.arange(columns.count), np.where(chosen, -1, 1).astype(np.int64))
        differs = [cp.sum_of(choice)]
        for k in np.flatnonzero(chosen & (self.variables.place >= 0)).tolist():
            amount = cp.variables[columns.count + int(self.variables.place[k])]
            held, most = int(lots[k]), int(columns.max_lots[k])
            up, down = cp.model.new_bool_var(""), cp.model.new_bool_var("")
            cp.variables.extend([up, down])
            cp.model.add(amount >= (held + 1) * up)
            cp.model.add(amount <= most - (most - held + 1) * down)
            differs.extend([up, down])
        cp.model.add(sum(differs) >= 1 - int(chosen.sum()))


def settle(
    model: Model, variables: Variables, lots: Whole, bound: Bound, effort: Effort
) -> Settled:
    """Return the one outcome that the tie-break names, starting from any of the best value."""
    value = rounding.value_of(model.columns, lots)
    open_ = bound.can_reach(model.columns, value)
    if not (open_ & (lots == 0)).any() and not (variables.place[lots > 0] >= 0).any():
        return Settled(lots, is_unique=True, tied_bids=frozenset())
    best = _BestOutcomes(model, variables, lots, open_)
    served = _bids_of_best_outcomes(best, lots, open_, effort)
    heaviest, is_heaviest = _heaviest(best, lots, effort)
    is_unique = is_heaviest and _is_only(best, heaviest, effort)
    tied = None if served is None else served - set(best.columns.bid[heaviest > 0].tolist())
    return Settled(heaviest, is_unique, None if tied is None else frozenset(tied))


def _bids_of_best_outcomes(
    best: _BestOutcomes, lots: Whole, open_: Flags, effort: Effort
) -> set[int] | None:
    """List the bids that some outcome of the best value serves; None if the time ran out."""
    columns = best.columns
    served = set(columns.bid[lots > 0].tolist())
    while True:
        unknown = open_ & ~np.isin(columns.bid, list(served))
        if not unknown.any():
            return served
        wanted = Terms(np.flatnonzero(unknown), np.ones(int(unknown.sum()), np.int64))
        answer = best.search(wanted, lots, effort)
        found = best.lots_of(answer)
        more = set() if found is None else set(columns.bid[found > 0].tolist()) - served
        if not more:
            return served if answer.is_proven else None
        served |= more


def _heaviest(best: _BestOutcomes, lots: Whole, effort: Effort) -> tuple[Whole, bool]:
    """Maximise Σ w over awarded placements, then Σ w × lots; say whether both are proven."""
    weight = best.columns.tie_break_weight
    every = np.arange(best.columns.count)
    is_proven = True
    for objective in (Terms(every, weight), best.variables.objective(weight)):
        answer = best.search(objective, lots, effort)
        found = best.lots_of(answer)
        is_proven = is_proven and answer.is_proven and found is not None
        if found is not None:
            lots = found
            best.require(objective, answer.value)
    return lots, is_proven


def _is_only(best: _BestOutcomes, lots: Whole, effort: Effort) -> bool:
    """Prove that no other outcome is as good on every count."""
    best.require_another(lots)
    return has_any(best.written, effort).is_infeasible
