"""A round with a contest: who comes first, then the most value, then the fewest holders disturbed.

The round is first decided without its contest: that gives prices, certificate and a bound of the
value. Then one goal after the other is asked for, each with those before it as a demand, so that
no weight has to stand for the order; last the written tie-break decides. A holder stands as two
placements, with all its lots and with fewer, so that whether it is kept whole is one choice. What
is claimed here is judged by judge/contest.py. Source: MODEL.md, Contests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from allocation import reasons
from allocation.assembly import Clock, Result, assemble, describe_solver
from allocation.certificate import restate
from allocation.columns import Columns, Flags, Whole, build_columns
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs, ask_scip_plainly
from allocation.engine.logbook import Logbook, Reporter
from allocation.engine.override_columns import joined, keys_of
from allocation.engine.portfolio import allocate
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.search import LARGEST_TRUSTED_SUM, Deadline, largest_row_sum
from allocation.engine.variables import Terms, lay_out
from allocation.model import build
from allocation.options import Options
from allocation.outcome import (
    Award,
    ContestReport,
    Decline,
    Outcome,
    Proof,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.prices import PriceList
from allocation.problem import BidKey, Contest, Problem

PLAIN_SHARE, FINISH_RATIO = 0.5, 0.06
"""The parts of the time limit for the round without its contest, and for prices and the report."""
GOAL_SHARE, FIRST_SHARE = 0.5, 0.6
"""The parts of the time left for a goal, and of a goal's time for the first of two solvers."""


def contest_outcome(problem: Problem, options: Options, clock: Clock, report: Reporter) -> Outcome:
    """Decide a round with a contest by its goals, in their order."""
    if problem.contest is None:
        raise ValueError(f"Round {problem.round_key} has no contest.")
    plain = replace(options, time_limit_seconds=PLAIN_SHARE * options.time_limit_seconds)
    without = replace(problem, contest=None)
    began = clock()
    before = allocate(without, plain, clock, report, lambda _: None)
    work = _Work(problem, problem.contest, before, options, clock, report, began)
    with work.logbook.stage("first-places"):
        work.put_first()
    with work.logbook.stage("most-value"):
        work.add_value()
    with work.logbook.stage("fewest-disturbed"):
        work.keep_most()
    work.fill()
    if work.is_fewest:
        with work.logbook.stage("tie-break"):
            work.break_ties()
    return work.outcome()


Granted = Mapping[tuple[int, int, int], int]
"""Lots by the index of the bid, the alternative and the number of the start day."""


@dataclass
class _Work:
    """What is known of a contest while it is worked on; `before` is the round without it."""

    problem: Problem
    contest: Contest
    before: Outcome
    options: Options
    clock: Clock
    report: Reporter
    began: float
    is_first_best: bool = True
    is_best: bool = False
    is_fewest: bool = False

    def __post_init__(self) -> None:
        limit = self.options.time_limit_seconds * (1 - FINISH_RATIO)
        self.deadline = Deadline(self.clock, self.began + limit)
        self.logbook = Logbook(self.clock, self.began, self.report, self.known)
        self.columns, self.is_whole = _placements(self.problem, self.contest)
        self.bound = restate(self.columns, self.before.certificate)
        model = build(self.columns)
        self.trusts_floats = largest_row_sum(model) < LARGEST_TRUSTED_SUM
        every = np.ones(self.columns.count, np.bool_)
        self.question = Question(model, lay_out(model), None, None, every)
        self.lots = _lots_of(self.columns, _awarded(self.problem, self.before.awards))
        self.names: set[str] = set()

    def known(self) -> tuple[int | None, int | None]:
        """Say the best value so far and the bound of the round."""
        return rounding.value_of(self.columns, self.lots), self.before.report.bound

    # --- the goals ---------------------------------------------------------------------------

    def put_first(self) -> None:
        """Give those who come first the most value that they can have."""
        comes_first = self._of(self.contest.first)
        if not comes_first.any():
            return
        alone = np.where(comes_first, self.lots, 0)
        start = self._in_turn(alone, comes_first)
        points = self._points(comes_first)
        asked = replace(self.question, open_placements=comes_first).about(points, start)
        lots, self.is_first_best = self._best(asked, points, start)
        self.question = self.question.requiring(points, self._sum(points, lots))
        self.lots = self._in_turn(lots, np.ones(self.columns.count, np.bool_))

    def add_value(self) -> None:
        """Make the value as large as it can be beside that."""
        points = self._points(np.ones(self.columns.count, np.bool_))
        if self.contest.first:
            asked = self.question.about(points, self.lots)
            self.lots, is_best = self._best(asked, points, self.lots)
            self.is_best = self.is_first_best and is_best
        else:
            self.is_best = self.before.report.status is Status.OPTIMAL
        self.question = self.question.requiring(points, self._sum(points, self.lots))

    def keep_most(self) -> None:
        """Disturb as few holders as can be at that value."""
        whole = np.flatnonzero(self.is_whole)
        keeping = self.question.variables.choice_terms(whole, np.ones_like(whole))
        self.is_fewest = self.is_best
        if self._sum(keeping, self.lots) < len(self.contest.holders):
            asked = self.question.about(keeping, self.lots)
            self.lots, is_fewest = self._best(asked, keeping, self.lots)
            self.is_fewest = self.is_best and is_fewest
        if len(whole):
            self.question = self.question.requiring(keeping, self._sum(keeping, self.lots))

    def fill(self) -> None:
        """Award what still fits where a search was stopped: that only adds to every goal."""
        filled = self._in_turn(self.lots, np.ones(self.columns.count, np.bool_))
        if self.question.accepts(filled):
            self.lots = filled

    def break_ties(self) -> None:
        """Among the equally good outcomes take the one that the written tie-break names."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow
        from allocation.engine.tie_break import Solvers, settle  # noqa: PLC0415  # slow

        points = self._points(np.ones(self.columns.count, np.bool_))
        question = self.question.about(points, self.lots)
        effort = self._effort(1.0)
        settled = settle(question, self.bound, None, Solvers(self._ask, ask_cpsat), effort)
        if self.question.accepts(settled.lots):
            self.lots = settled.lots

    # --- asking ------------------------------------------------------------------------------

    def _best(self, asked: Question, aim: Terms, start: Whole) -> tuple[Whole, bool]:
        """Return the better of a start and the solvers' answer, and whether nothing is better."""
        answer = self._ask(asked, self._effort(GOAL_SHARE))
        if answer.lots is None or self._sum(aim, answer.lots) < self._sum(aim, start):
            return start, False
        return answer.lots, answer.is_proven

    def _ask(self, question: Question, effort: Effort) -> Answer:
        """Ask SCIP, HiGHS, then CP-SAT, until one of them is sure and right in whole numbers."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

        best = Answer(None, None, is_proven=False, stopped_by_clock=False)
        floating = [("SCIP", ask_scip_plainly), ("HiGHS", ask_highs)]
        for name, ask in [*(floating if self.trusts_floats else []), ("CP-SAT", ask_cpsat)]:
            self.names.add(name)
            found = ask(question, replace(effort, deadline=effort.deadline.share(FIRST_SHARE)))
            is_sound = found.lots is None or question.accepts(found.lots)
            if found.is_proven and is_sound:
                return found
            if found.lots is not None and is_sound:
                best = replace(found, is_proven=False)
        return best

    def _effort(self, share: float) -> Effort:
        return Effort(self.options.seed, self.options.workers, self.deadline.share(share))

    def _of(self, keys: tuple[BidKey, ...]) -> Flags:
        """Say which placements are of some bids."""
        wanted = [n for n, bid in enumerate(self.problem.bids) if bid.key in set(keys)]
        return np.asarray(np.isin(self.columns.bid, wanted), np.bool_)

    def _points(self, placements: Flags) -> Terms:
        """Return the terms of the value of some placements."""
        chosen = np.flatnonzero(placements)
        return self.question.variables.lots_terms(chosen, self.columns.value[chosen])

    def _sum(self, terms: Terms, lots: Whole) -> int:
        return terms.sum_of(self.question.variables.values_of(lots))

    def _in_turn(self, lots: Whole, candidates: Flags) -> Whole:
        """Award in turn what still fits of some placements, the most valuable first."""
        worth = self.columns.value * self.columns.max_lots
        order = np.lexsort((np.arange(self.columns.count), -worth))
        return rounding.serve(self.columns, order[candidates[order]].tolist(), lots)

    # --- the outcome -------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """Put together what was decided, at the prices of the round without its contest."""
        before, columns = self.before.report, build_columns(self.problem)
        result = Result(
            columns=columns,
            lots=_lots_of(columns, _granted(self.columns, self.lots)),
            certified=restate(columns, self.before.certificate),
            bound=before.bound,
            baselines=before.baselines,
            began=self.began,
            seconds={**before.seconds, **self.logbook.seconds},
            solver=describe_solver("contest", sorted(self.names), self.options),
        )
        if before.clearing is not None:
            result = replace(result, price_rule=before.clearing.price_rule)
        options = replace(self.options, pricing=before.pricing)
        outcome = assemble(result, options, self.clock, partial(self._decline_all, result))
        return replace(outcome, report=self._reported(outcome))

    def _decline_all(
        self, result: Result, awards: tuple[Award, ...], listed: PriceList
    ) -> tuple[Decline, ...]:
        is_settled = result.is_proven or self.is_best
        circumstances = reasons.Circumstances(is_settled, set())
        return reasons.decline_all(self.problem, awards, listed, circumstances)

    def _reported(self, outcome: Outcome) -> Report:
        """Say in the report what the goals came to, and what is proven of them."""
        points = self._points(self._of(self.contest.first))
        whole = np.flatnonzero(self.is_whole)
        told = ContestReport(
            first_value=self._sum(points, self.lots),
            kept=int((self.lots[whole] > 0).sum()),
            is_first_best=self.is_first_best,
            is_best=self.is_best,
            is_fewest=self.is_fewest,
        )
        report, before = outcome.report, self.before.report
        proof = report.proof
        if report.status is Status.OPTIMAL and proof is not Proof.CERTIFIED:
            proof = before.proof if before.proof is Proof.TWO_SOLVERS else Proof.ONE_SOLVER
        return replace(
            report,
            contest=told,
            proof=proof,
            tie_break=TieBreak.INCOMPLETE,
            stopped_by=StoppedBy.PROOF if self.is_best else StoppedBy.WALL_CLOCK,
        )


# --- placements ----------------------------------------------------------------------------------


def _placements(problem: Problem, contest: Contest) -> tuple[Columns, Flags]:
    """List the placements, those of holders with all their lots beside those with fewer."""
    eligible = build_columns(problem)
    holders = [n for n, bid in enumerate(problem.bids) if bid.key in set(contest.holders)]
    is_held = np.isin(eligible.bid, holders)
    most = {n: problem.bids[n].alternatives[0].max_lots for n in holders}
    held = np.array([most.get(bid, 0) for bid in eligible.bid.tolist()], np.int64)
    is_whole = is_held & (eligible.max_lots == held)
    whole = eligible.only(np.flatnonzero(is_whole))
    whole = replace(whole, min_lots=whole.max_lots)
    some = np.where(is_whole, eligible.max_lots - 1, eligible.max_lots)
    fewer = replace(eligible, max_lots=some).only(np.flatnonzero(some >= eligible.min_lots))
    both = joined((fewer, whole))
    which = np.repeat([0, 1], [fewer.count, whole.count])
    order = np.lexsort((which, both.start, both.alternative, both.bid))
    return both.only(order), np.asarray(which[order] == 1, np.bool_)


def _granted(columns: Columns, lots: Whole) -> Granted:
    keys = keys_of(columns)
    return {keys[k]: int(lots[k]) for k in np.flatnonzero(lots).tolist()}


def _awarded(problem: Problem, awards: Iterable[Award]) -> Granted:
    bids = {bid.key: n for n, bid in enumerate(problem.bids)}
    return {
        (bids[one.bid_key], one.alternative, (one.start - problem.starts_on).days): one.lots
        for one in awards
    }


def _lots_of(columns: Columns, granted: Granted) -> Whole:
    """Return the lots of every placement: of two for the same place, those of the one in range."""
    lots = np.array([granted.get(key, 0) for key in keys_of(columns)], np.int64)
    is_in_range = (columns.min_lots <= lots) & (lots <= columns.max_lots)
    return np.where(is_in_range, lots, 0)
