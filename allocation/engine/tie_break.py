"""The written tie-break: among the best outcomes the public hash weights decide, not the solver.

First the bids that the best outcomes serve, then among them the choice of placements with the
largest Σ w, then its lots with the largest Σ w × lots, each with a proof that nothing else does as
well. Only what can be part of a best outcome takes part. Source: MODEL.md, Tie-break.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from allocation.certificate import Bound
from allocation.columns import Columns, Whole
from allocation.engine import rounding
from allocation.engine.question import Ask, Effort, Question

CLOSE_RATIO = 1e-7
"""Weights closer than this part of their sum are told apart in whole numbers only."""
MOST_CLOSE_CHOICES = 20


@dataclass(frozen=True)
class Settled:
    """The outcome that the tie-break names. `is_unique` says that it is proven to be the only one.

    `tied_bids` are the bids without an award that an equally good outcome would serve (indices);
    None where that could not be settled in time.
    """

    lots: Whole
    is_unique: bool
    tied_bids: frozenset[int] | None


@dataclass(frozen=True)
class Solvers:
    """Who is asked: `choices` about which placements win, `lots` (exact) about how many lots."""

    choices: Ask
    lots: Ask


def settle(
    question: Question,
    bound: Bound,
    best_bids: frozenset[int] | None,
    solvers: Solvers,
    effort: Effort,
) -> Settled:
    """Return the one outcome that the tie-break names.

    The question asks for the best value, from an outcome that has it. First it is found out which
    bids the best outcomes serve, if that is not known; the others take no further part.
    """
    columns, best, points = question.model.columns, question.start, question.objective
    if best is None or points is None:
        raise ValueError("The tie-break begins with an outcome of the best value.")
    value = rounding.value_of(columns, best)
    open_ = bound.can_reach(columns, value)
    question = replace(question, open_placements=open_)
    served = best_bids or _bids_of_best_outcomes(question, best, solvers.choices, effort)
    if served is not None:
        question = replace(question, open_placements=open_ & np.isin(columns.bid, list(served)))
    question = question.requiring(points, value)
    choice, is_only_choice = best, not (question.open_placements & (best == 0)).any()
    if not is_only_choice:
        choice, is_only_choice = _heaviest_choice(question, best, solvers.choices, effort)
    lots, are_only_lots = _heaviest_lots(question, choice, solvers.lots, effort)
    tied = None if served is None else served - set(columns.bid[lots > 0].tolist())
    return Settled(lots, is_only_choice and are_only_lots, tied)


def _bids_of_best_outcomes(
    question: Question, best: Whole, ask: Ask, effort: Effort
) -> frozenset[int] | None:
    """List the bids that some outcome of the best value serves; None if the time ran out."""
    columns = question.model.columns
    value, bid, open_ = rounding.value_of(columns, best), columns.bid, question.open_placements
    served = frozenset(bid[best > 0].tolist())
    while True:
        unknown = open_ & ~np.isin(bid, list(served))
        if not unknown.any():
            return served
        answer = ask(question.wanting(unknown), effort)
        if answer.lots is None or not question.accepts(answer.lots):
            return None
        is_best = rounding.value_of(columns, answer.lots) == value
        more = frozenset(bid[answer.lots > 0].tolist()) - served
        if not is_best or not more:
            return served if is_best and answer.is_proven else None
        served |= more


def _heaviest_choice(
    question: Question, best: Whole, ask: Ask, effort: Effort
) -> tuple[Whole, bool]:
    """Maximise Σ w over awarded placements; say whether the choice is proven to be the only one.

    A floating-point solver does not tell close sums apart: every choice that comes close is looked
    at in whole numbers, until there is none left.
    """
    columns = question.model.columns
    weigh = question.variables.weighing(columns.tie_break_weight)
    answer = ask(question.about(weigh, best), effort)
    if answer.lots is None or not answer.is_proven or not question.accepts(answer.lots):
        return best, False
    known = [answer.lots]
    weights = [_weight_of(columns, answer.lots)]
    close = question.requiring(weigh, weights[0] - int(weights[0] * CLOSE_RATIO) - 1)
    while len(known) < MOST_CLOSE_CHOICES:
        other = ask(replace(close, start=None, known_choices=tuple(known)), effort)
        if other.lots is None:
            heaviest = max(weights)
            is_only = other.is_proven and weights.count(heaviest) == 1
            return known[weights.index(heaviest)], is_only
        if not close.accepts(other.lots):
            break
        known.append(other.lots)
        weights.append(_weight_of(columns, other.lots))
    return known[weights.index(max(weights))], False


def _weight_of(columns: Columns, lots: Whole) -> int:
    """Return Σ w over awarded placements, in whole numbers."""
    return int(columns.tie_break_weight[lots > 0].sum())


def _heaviest_lots(
    question: Question, choice: Whole, ask: Ask, effort: Effort
) -> tuple[Whole, bool]:
    """Maximise Σ w × lots for a choice; say whether its lots are proven to be the only ones."""
    columns, chosen = question.model.columns, choice > 0
    if not (columns.min_lots < columns.max_lots)[chosen].any():
        return choice, True
    all_of_it = question.variables.weighing(chosen.astype(np.int64))
    fixed = replace(question, open_placements=chosen).requiring(all_of_it, int(chosen.sum()))
    weigh = question.variables.objective(columns.tie_break_weight)
    answer = ask(fixed.about(weigh, choice), effort)
    if answer.lots is None or not fixed.accepts(answer.lots):
        return choice, False
    weight = weigh.sum_of(question.variables.values_of(answer.lots))
    equal = fixed.requiring(weigh, weight).about(None, None)
    other = ask(replace(equal, known_lots=answer.lots), effort)
    return answer.lots, answer.is_proven and other.lots is None and other.is_proven
