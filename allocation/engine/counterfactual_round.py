"""A decided round, opened again with one bid forced into one of its alternatives.

All other bids are decided anew around it. Since every outcome without that alternative stays what
it was, the forced value against the value of the round says whether the bid would have won.
Placements that the certificate rules out take no part, so that the question stays small. Read
counterfactual.py for what is asked. Source: MODEL.md, Counterfactuals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from allocation.certificate import Bound, Duals, certify
from allocation.columns import Columns, Flags, Whole, build_columns
from allocation.counterfactuals import Displaced
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs, ask_scip_plainly
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.search import LARGEST_TRUSTED_SUM, largest_row_sum
from allocation.engine.variables import Terms, lay_out
from allocation.model import Model, build
from allocation.outcome import Certificate, Outcome, Status, TieBreak
from allocation.problem import Alternative, Bid, Problem

MOST_GUESSES = 4
"""How many placements of the bid are tried by hand before a solver is asked."""
LARGEST_SCALE, LARGEST_AIM = 2**16, 2**36
"""How much a point of value counts at most, and all of them together."""
MOST_ASKED = 5_000
"""Placements above which no solver is asked about one bid: then the prices alone bound it."""
EXACT_SECONDS = 2.0
"""How long CP-SAT may work on one question, on a usual machine."""
STEP_SECONDS = 2e-5
"""What preparing a question costs on a usual machine, about, per placement of the round."""


@dataclass(frozen=True)
class Forced:
    """What the round is worth with one alternative forced in.

    Shape: `lots` per placement of `columns`; `own` flags those of the alternative. Units: `upper`
    bounds the forced value in points. `most_weight` bounds Σ w of all outcomes that are worth
    `upper`; None where nobody asked.
    """

    columns: Columns
    bound: Bound
    own: Flags
    lots: Whole
    upper: int
    most_weight: int | None = None

    @property
    def value(self) -> int:
        """The value of the outcome, in points."""
        return rounding.value_of(self.columns, self.lots)

    @property
    def is_exact(self) -> bool:
        """Say whether no outcome with the alternative is worth more."""
        return self.value >= self.upper

    @property
    def own_lots(self) -> int:
        """The lots that the alternative gets in this outcome."""
        return int(self.lots[self.own].sum())

    @property
    def most_own_lots(self) -> int:
        """The most lots that any placement of the alternative could get."""
        return int(self.columns.max_lots[self.own].max())

    @property
    def own_value_per_lot(self) -> int:
        """The value score per lot of the alternative, in points."""
        return int(self.columns.value[self.own][0])

    @property
    def own_start(self) -> int:
        """The start of the alternative in this outcome, in days from the sprint's first."""
        return int(self.columns.start[self.own & (self.lots > 0)][0])

    def with_better(self, open_: Whole, found: Whole) -> Forced:
        """Take an outcome over some of the placements, where it is worth more."""
        lots = np.zeros(self.columns.count, np.int64)
        lots[open_] = found
        is_better = _rank(self.columns, lots) > _rank(self.columns, self.lots)
        return replace(self, lots=lots) if is_better else self

    @property
    def has_one_size(self) -> bool:
        """Say whether every placement of the alternative comes with the same lots."""
        sizes = {*self.columns.min_lots[self.own].tolist(), *self.columns.max_lots[self.own]}
        return len(sizes) == 1


class DecidedRound:
    """A round with its outcome, prepared for many questions about bids that lost.

    Units: `work_seconds` is what the questions took so far, on a usual machine.
    """

    def __init__(self, problem: Problem, outcome: Outcome) -> None:
        self.problem = problem
        self.columns = build_columns(problem)
        self.duals = _duals(problem, outcome.certificate)
        self.lots = _lots_of(self.columns, outcome)
        report = outcome.report
        self.value, self.bound = report.value, report.bound
        self.is_proven = report.status is Status.OPTIMAL
        self.is_unique = report.tie_break is TieBreak.UNIQUE
        self.bid_index = {bid.key: n for n, bid in enumerate(problem.bids)}
        self.work_seconds = 0.0

    @cached_property
    def weights(self) -> tuple[int, int]:
        """The sums that the tie-break compares, of the outcome as it was decided."""
        return weights_of(self.columns, self.lots)

    def place(self, bid: Bid, alternative: Alternative) -> Columns:
        """List the eligible placements of one alternative, as if its bid were the only one."""
        alone = replace(self.problem, bids=(replace(bid, alternatives=(alternative,)),))
        return build_columns(alone)

    def force(
        self,
        bid: Bid,
        own: Columns,
        effort: Effort,
        *,
        known: Forced | None = None,
        enough: int | None = None,
        at_most: int | None = None,
    ) -> Forced | None:
        """Decide all other bids around some placements of one bid, of which one is awarded.

        `known` is an earlier answer to begin with, `enough` a value at which it need not go on,
        `at_most` a value that is known not to be exceeded. None where no placement is given.
        """
        if not own.count:
            return None
        forced = self.guess(bid, own, known)
        if at_most is not None:
            forced = replace(forced, upper=min(forced.upper, at_most))
        if known is not None and forced.is_exact and known.is_exact and forced.has_one_size:
            forced = replace(forced, most_weight=known.most_weight)
        is_enough = enough is not None and forced.value >= enough
        return forced if forced.is_exact or is_enough else self.solved(forced, effort)

    def guess(self, bid: Bid, own: Columns, known: Forced | None) -> Forced:
        """Serve the bid and fit the others in by hand; the prices say what more there may be."""
        index = self.bid_index[bid.key]
        others = self.columns.bid != index
        columns = _joined(self.columns.only(np.flatnonzero(others)), own, index)
        is_own = columns.bid == index
        bound = _forced_bound(certify(columns, self.duals, None), columns, is_own, index)
        base = np.zeros(columns.count, np.int64)
        base[~is_own] = self.lots[others]
        lots = _guess(columns, bound, is_own, base, known)
        self.work_seconds += STEP_SECONDS * columns.count
        return Forced(columns, bound, is_own, lots, bound.value)

    def solved(self, forced: Forced, effort: Effort) -> Forced:
        """Let a solver look for more, of value or else of weight, among all that may be more."""
        open_ = np.flatnonzero(forced.bound.can_reach(forced.columns, forced.value))
        if len(open_) > MOST_ASKED:
            return forced
        question = narrowed(forced, open_)
        aim = _Aim(question)
        answer = self.ask(question.about(aim.terms, forced.lots[open_]), effort)
        if answer.lots is not None and question.accepts(answer.lots):
            forced = forced.with_better(open_, answer.lots)
        if answer.bound is None or answer.bound // aim.scale < forced.value:
            return forced
        upper = answer.bound // aim.scale
        weight = aim.most_weight(answer.bound) if upper == forced.value else None
        return replace(forced, upper=min(forced.upper, upper), most_weight=weight)

    def ask(self, question: Question, effort: Effort) -> Answer:
        """Ask SCIP, then HiGHS, where floating point is trusted and sound; else CP-SAT."""
        if largest_row_sum(question.model) >= LARGEST_TRUSTED_SUM:
            return self.ask_exactly(question, effort)
        for ask in (ask_scip_plainly, ask_highs):
            answer = ask(question, effort)
            self.work_seconds += answer.work_seconds
            if answer.is_proven and answer.lots is not None and question.accepts(answer.lots):
                break
        return answer

    def ask_exactly(self, question: Question, effort: Effort) -> Answer:
        """Ask CP-SAT, which reckons in whole numbers."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

        self.work_seconds += EXACT_SECONDS
        return ask_cpsat(question, replace(effort, work_seconds=EXACT_SECONDS))

    def displaced_by(self, forced: Forced) -> Displaced:
        """Say whose awards are gone in an outcome with the bid forced in."""
        awarded = set(self.columns.bid[self.lots > 0].tolist())
        gone = sorted(awarded - set(forced.columns.bid[forced.lots > 0].tolist()))
        worth = (self.columns.value * self.lots)[np.isin(self.columns.bid, gone)]
        return Displaced(tuple(self.problem.bids[b].key for b in gone), int(worth.sum()))


def _rank(columns: Columns, lots: Whole) -> tuple[int, tuple[int, int]]:
    return rounding.value_of(columns, lots), weights_of(columns, lots)


class _Aim:
    """Value first, then the weights of the tie-break, as far as one sum can hold them.

    A point of value counts `scale`; all weights together count less than one point.
    """

    def __init__(self, question: Question) -> None:
        columns = question.model.columns
        weights = columns.tie_break_weight
        heaviest = np.zeros(len(columns.problem.bids), np.int64)
        np.maximum.at(heaviest, columns.bid, weights)
        points = question.variables.objective(columns.value)
        self.bid_count = int((heaviest > 0).sum())
        self.total_weight = int(heaviest.sum()) + 1
        largest = int(question.model.largest_value.sum()) + 1
        self.scale = max(1, min(LARGEST_SCALE, LARGEST_AIM // largest))
        per_variable = np.zeros(question.variables.count, np.int64)
        np.add.at(per_variable, points.variable, points.coefficient * self.scale)
        weigh = question.variables.weighing(weights * self.scale // self.total_weight)
        np.add.at(per_variable, weigh.variable, weigh.coefficient)
        self.terms = Terms(np.arange(question.variables.count), per_variable)

    def most_weight(self, bound: int) -> int:
        """Bound Σ w of the outcomes with the largest value; each weight was rounded down."""
        rest = bound % self.scale + self.bid_count
        return rest * self.total_weight // self.scale


def narrowed(forced: Forced, open_: Whole) -> Question:
    """Ask about some placements only, of which one must be of the forced alternative."""
    columns = forced.columns.only(open_)
    model: Model = build(columns)
    variables = lay_out(model)
    own = np.flatnonzero(forced.own[open_])
    one_of_own = variables.choice_terms(own, np.ones_like(own))
    every = np.ones(columns.count, np.bool_)
    return Question(model, variables, None, None, every).requiring(one_of_own, 1)


def weights_of(columns: Columns, lots: Whole) -> tuple[int, int]:
    """Return Σ w over awarded placements and Σ w × lots. Source: MODEL.md, Tie-break."""
    chosen = columns.only(np.flatnonzero(lots))
    weights = chosen.tie_break_weight.tolist()
    held = lots[lots > 0].tolist()
    return sum(weights), sum(w * n for w, n in zip(weights, held, strict=True))


def _joined(others: Columns, own: Columns, bid: int) -> Columns:
    """Put the placements of one bid among those of all others, in their order."""
    at = int(np.searchsorted(others.bid, bid))
    entry = int(others.use_from[at])
    later = others.use_column + np.where(others.use_column >= at, own.count, 0)

    def put(theirs: Whole, ours: Whole) -> Whole:
        return np.insert(theirs, at, ours)

    return replace(
        others,
        bid=put(others.bid, np.full(own.count, bid)),
        team=put(others.team, own.team),
        alternative=put(others.alternative, own.alternative),
        start=put(others.start, own.start),
        is_reserved=np.insert(others.is_reserved, at, own.is_reserved),
        offer=put(others.offer, own.offer),
        value=put(others.value, own.value),
        min_lots=put(others.min_lots, own.min_lots),
        max_lots=put(others.max_lots, own.max_lots),
        use_column=np.insert(later, entry, own.use_column + at),
        use_cell=np.insert(others.use_cell, entry, own.use_cell),
        use_units=np.insert(others.use_units, entry, own.use_units),
    )


def _forced_bound(bound: Bound, columns: Columns, own: Flags, bid: int) -> Bound:
    """Return what the prices prove where the bid must be served, at a loss if need be."""
    per_lot = bound.gain[own] // columns.max_lots[own]
    lots = np.where(per_lot < 0, columns.min_lots[own], columns.max_lots[own])
    best = max((per_lot * lots).tolist())
    surplus = bound.surplus.copy()
    scaled = bound.scaled - int(surplus[bid]) + best
    surplus[bid] = best
    return replace(bound, scaled=scaled, surplus=surplus)


def _guess(columns: Columns, bound: Bound, own: Flags, base: Whole, known: Forced | None) -> Whole:
    """Return a good outcome with the bid: served first, then what was awarded, then the rest."""
    by_gain = np.argsort(-bound.gain.astype(float), kind="stable")
    by_gain = by_gain[~own[by_gain]]
    order = [*by_gain[base[by_gain] > 0].tolist(), *by_gain[base[by_gain] == 0].tolist()]
    ours = np.flatnonzero(own)
    tried = ours[np.argsort(-bound.gain[ours].astype(float), kind="stable")][:MOST_GUESSES]
    begun = [_alone(columns, k, n) for k in tried.tolist() for n in _sizes(columns, k)]
    guesses = [rounding.serve(columns, order, lots) for lots in begun]
    if known is not None and rounding.is_feasible(columns, known.lots):
        guesses.append(known.lots)
    return max(guesses, key=lambda lots: rounding.value_of(columns, lots))


def _sizes(columns: Columns, k: int) -> set[int]:
    return {int(columns.min_lots[k]), int(columns.max_lots[k])}


def _alone(columns: Columns, k: int, lots: int) -> Whole:
    alone = np.zeros(columns.count, np.int64)
    alone[k] = lots
    return alone


def _duals(problem: Problem, certificate: Certificate) -> Duals:
    """Return the prices of a certificate, per cell, cell and team, in points."""
    pools = {pool.key: n * problem.days for n, pool in enumerate(problem.pools)}
    teams = {team.key: n for n, team in enumerate(problem.teams)}
    cells = len(problem.pools) * problem.days
    duals = Duals(np.zeros(cells), np.zeros(cells), np.zeros(len(teams)))
    for prices, rows in (
        (duals.reserved, certificate.reserved_prices),
        (duals.total, certificate.total_prices),
    ):
        for pool, day, n in rows:
            prices[pools[pool] + (day - problem.starts_on).days] = n / certificate.scale
    for team, n in certificate.credit_prices:
        duals.credits[teams[team]] = n / certificate.scale
    return duals


def _lots_of(columns: Columns, outcome: Outcome) -> Whole:
    """Return the lots that the outcome awards to every placement."""
    won = {award.bid_key: award for award in outcome.awards}
    lots = np.zeros(columns.count, np.int64)
    keys = [bid.key for bid in columns.problem.bids]
    for k, b in enumerate(columns.bid.tolist()):
        award = won.get(keys[b])
        if award and (award.alternative, award.start) == (
            int(columns.alternative[k]),
            columns.start_day(k),
        ):
            lots[k] = award.lots
    return lots
