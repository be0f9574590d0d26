"""An override: a decided round with some awards set by people; all others stay as far as they can.

First the most awards of other bids are kept as they are, then the value is made as large as it can
be with so many kept, then the written tie-break decides. Prices and certificate are those of the
outcome before: they are prices of the round, and no hand moves them. What is asked for here is
judged by judge/override.py. Source: MODEL.md, Overrides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from allocation.assembly import Clock, Result, assemble, describe_solver
from allocation.certificate import restate
from allocation.columns import Flags, Whole, build_columns
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs, ask_scip_plainly
from allocation.engine.logbook import Logbook, Reporter
from allocation.engine.override_columns import OverrideColumns, override_columns
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.search import LARGEST_TRUSTED_SUM, Deadline, largest_row_sum
from allocation.engine.variables import Terms, lay_out
from allocation.errors import ImpossibleOverride
from allocation.floors import Fairness, Floors
from allocation.model import build
from allocation.options import Options
from allocation.outcome import (
    Award,
    Decline,
    Outcome,
    Override,
    OverrideReport,
    Proof,
    Reason,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.prices import PriceList
from allocation.problem import Problem

FINISH_RATIO = 0.06
"""The part of the time limit that is kept for prices and the report."""
KEEPING_SHARE, VALUE_SHARE = 0.4, 0.7
"""The parts of the time left that the first two questions may use."""
FIRST_SHARE = 0.5
"""The part of a question's time that the first of several solvers may use."""
LARGEST_WHOLE = 2_500
"""Placements above which CP-SAT is of no use."""


def override_outcome(
    problem: Problem,
    before: Outcome,
    override: Override,
    options: Options,
    clock: Clock,
    report: Reporter,
) -> Outcome:
    """Decide a round again with what people set, around the outcome that is overridden.

    Raises: ImpossibleOverride if no outcome has what they set.
    """
    work = _Work(problem, before, override, options, clock, report)
    with work.logbook.stage("build"):
        work.prepare()
    with work.logbook.stage("fewest-changes"):
        work.keep_most()
    with work.logbook.stage("most-value"):
        work.add_value()
    if work.is_best:
        with work.logbook.stage("tie-break"):
            work.break_ties()
    return work.outcome()


@dataclass
class _Work:
    """What is known of an override while it is worked on."""

    problem: Problem
    before: Outcome
    override: Override
    options: Options
    clock: Clock
    report: Reporter
    is_fewest: bool = False
    is_best: bool = False

    def __post_init__(self) -> None:
        self.began = self.clock()
        limit = self.options.time_limit_seconds * (1 - FINISH_RATIO)
        self.deadline = Deadline(self.clock, self.began + limit)
        self.logbook = Logbook(self.clock, self.began, self.report, self.known)
        self.lots: Whole | None = None
        self.names: set[str] = set()

    def known(self) -> tuple[int | None, int | None]:
        """Say the best value so far and the bound of the round."""
        if self.lots is None:
            return None, None
        return rounding.value_of(self.place.columns, self.lots), self.before.report.bound

    # --- the questions -----------------------------------------------------------------------

    def prepare(self) -> None:
        """List the placements, and make sure that what people set can stand."""
        self.place: OverrideColumns = override_columns(self.problem, self.before, self.override)
        columns = self.place.columns
        self.bound = restate(columns, self.before.certificate)
        model = build(columns)
        every = np.ones(columns.count, np.bool_)
        self.trusts_one_solver = largest_row_sum(model) < LARGEST_TRUSTED_SUM
        self.question = Question(model, lay_out(model), None, None, every)
        self.payments = tuple(self.place.payments())
        for terms, least in self.payments:
            self.question = self.question.requiring(terms, least)
        set_alone = np.where(self.place.is_pinned, columns.max_lots, 0)
        if not self.question.accepts(set_alone):
            raise ImpossibleOverride(
                f"What is pinned in round {self.problem.round_key} does not fit: units or credits "
                "are too few for all of it."
            )
        pinned = np.flatnonzero(self.place.is_pinned)
        self.question = self.question.requiring(self._counting(pinned), len(pinned))

    def keep_most(self) -> None:
        """Keep as many awards of other bids as can stand beside what people set."""
        kept = self.place.is_kept
        fixed = kept | self.place.is_pinned
        start = self._in_turn(np.where(self.place.is_pinned, self.place.columns.max_lots, 0), kept)
        keeping = self._counting(np.flatnonzero(kept))
        self.lots, self.is_fewest = start, bool((start[kept] > 0).all())
        if not self.is_fewest:
            asked = replace(self.question, open_placements=fixed).about(keeping, start)
            answer = self._ask(asked, self._effort(KEEPING_SHARE))
            self.lots, self.is_fewest = _better(asked, keeping, start, answer)
        self.kept = int((self.lots[kept] > 0).sum())
        if len(keeping.variable):
            self.question = self.question.requiring(keeping, self.kept)

    def add_value(self) -> None:
        """Make the value as large as it can be with so many awards kept."""
        assert self.lots is not None  # noqa: S101  # keep_most has them
        columns = self.place.columns
        start = self._in_turn(self.lots, np.ones(columns.count, np.bool_))
        points = self.question.variables.objective(columns.value)
        reach = self.bound.can_reach(columns, rounding.value_of(columns, start))
        asked = replace(self.question, open_placements=reach | (start > 0)).about(points, start)
        answer = self._ask(asked, self._effort(VALUE_SHARE))
        lots, is_best = _better(asked, points, start, answer)
        self.lots, self.is_best = self._in_turn(lots, reach), self.is_fewest and is_best
        self.question = asked.about(points, self.lots)

    def break_ties(self) -> None:
        """Among the equally good outcomes take the one that the written tie-break names."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow
        from allocation.engine.tie_break import Solvers, settle  # noqa: PLC0415  # slow

        solvers = Solvers(self._ask, ask_cpsat)
        settled = settle(self.question, self.bound, None, solvers, self._effort(1.0))
        if self.question.accepts(settled.lots):
            self.lots = settled.lots

    def _counting(self, placements: Whole) -> Terms:
        """Return the terms of Σ x over some placements."""
        return self.question.variables.choice_terms(placements, np.ones_like(placements))

    def _effort(self, share: float) -> Effort:
        return Effort(self.options.seed, self.options.workers, self.deadline.share(share))

    def _ask(self, question: Question, effort: Effort) -> Answer:
        """Ask SCIP, then HiGHS, where floating point is trusted and sound; else CP-SAT."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

        answer = Answer(None, None, is_proven=False, stopped_by_clock=False)
        is_small = question.model.columns.count <= LARGEST_WHOLE
        floating = [("SCIP", ask_scip_plainly), ("HiGHS", ask_highs)]
        exact = [("CP-SAT", ask_cpsat)] if is_small or not self.trusts_one_solver else []
        for name, ask in [*(floating if self.trusts_one_solver else []), *exact]:
            part = replace(effort, deadline=effort.deadline.share(FIRST_SHARE))
            self.names.add(name)
            found = ask(question, part)
            if found.is_proven and (found.lots is None or question.accepts(found.lots)):
                return found
            if found.lots is not None and question.accepts(found.lots):
                answer = replace(found, is_proven=False)
        return answer

    def _in_turn(self, lots: Whole, candidates: Flags) -> Whole:
        """Award in turn what still fits of some placements, the most valuable first."""
        columns = self.place.columns
        worth = columns.value * columns.max_lots
        order = np.lexsort((np.arange(columns.count), -worth))
        order = order[candidates[order]]
        served = rounding.serve(columns, order.tolist(), lots)
        return served if self._is_paid(served) else self._with_care(lots, order.tolist())

    def _is_paid(self, lots: Whole) -> bool:
        values = self.question.variables.values_of(lots)
        return all(terms.sum_of(values) >= least for terms, least in self.payments)

    def _with_care(self, lots: Whole, order: list[int]) -> Whole:
        """Award in turn what fits and what its team can pay."""
        columns, served = self.place.columns, lots.copy()
        for k in order:
            if not (served[columns.bid == columns.bid[k]] > 0).any():
                served = self._with(served, k)
        return served

    def _with(self, lots: Whole, k: int) -> Whole:
        """Award one more placement with the most lots that fit, if any do."""
        columns = self.place.columns
        most = int(rounding.most_lots(columns, rounding.left_of(columns, lots))[k])
        most = min(most, int(columns.max_lots[k]), self.place.most_paid(lots, k))
        if most < int(columns.min_lots[k]):
            return lots
        tried = lots.copy()
        tried[k] = most
        return tried

    # --- the outcome -------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """Put together what was decided, at the prices of the outcome before."""
        assert self.lots is not None  # noqa: S101  # the questions leave some
        report = self.before.report
        columns = build_columns(self.problem)
        result = Result(
            columns=columns,
            lots=self.place.lots_in(columns, self.lots),
            certified=restate(columns, self.before.certificate),
            bound=report.bound,
            baselines=report.baselines,
            began=self.began,
            seconds=dict(self.logbook.seconds),
            solver=describe_solver("override", sorted(self.names), self.options),
            fairness=self._fairness(),
        )
        if report.clearing is not None:
            result = replace(result, price_rule=report.clearing.price_rule)
        options = replace(self.options, pricing=report.pricing)
        outcome = assemble(result, options, self.clock, partial(_decline_all, self.before))
        return self._reported(outcome)

    def _reported(self, outcome: Outcome) -> Outcome:
        """Say in the report what was overridden, and what is proven of it."""
        before, report = self.before.report, outcome.report
        told = OverrideReport(
            override=self.override,
            before_sha256=before.outcome_sha256,
            before_value=before.value,
            before_awards=tuple(award.placed for award in self.before.awards),
            kept=self.kept,
            is_fewest=self.is_fewest,
            is_best=self.is_best,
        )
        proof = report.proof
        if report.status is Status.OPTIMAL and proof is not Proof.CERTIFIED:
            proof = before.proof if before.proof is Proof.TWO_SOLVERS else Proof.ONE_SOLVER
        stopped_by = StoppedBy.PROOF if self.is_best else StoppedBy.WALL_CLOCK
        report = replace(
            report,
            override=told,
            proof=proof,
            tie_break=TieBreak.INCOMPLETE,
            stopped_by=stopped_by,
        )
        return replace(outcome, report=report)

    def _fairness(self) -> Fairness | None:
        """Say how the floors of the round are met now; they are demanded of no override."""
        floors = self.before.report.floors
        if floors is None:
            return None
        due = {team.team_key: team.floor for team in floors.teams}
        points = tuple(due.get(team.key, 0) for team in self.problem.teams)
        return Fairness(
            Floors(points), is_proven=False, value_without_floors=floors.value_without_floors
        )


def _better(question: Question, aim: Terms, start: Whole, answer: Answer) -> tuple[Whole, bool]:
    """Return the better of a start and a solver's answer, and whether nothing is better still."""
    if answer.lots is None:
        return start, False
    values = question.variables.values_of
    is_better = aim.sum_of(values(answer.lots)) >= aim.sum_of(values(start))
    return (answer.lots if is_better else start), answer.is_proven and is_better


def _decline_all(
    before: Outcome, awards: tuple[Award, ...], listed: PriceList
) -> tuple[Decline, ...]:
    """Say of every bid without an award what the outcome before says, or that it is overridden."""
    del listed
    awarded = {award.bid_key for award in awards}
    lost = (_overridden(award) for award in before.awards if award.bid_key not in awarded)
    stay = (decline for decline in before.declines if decline.bid_key not in awarded)
    return tuple(sorted([*lost, *stay], key=lambda decline: decline.bid_key))


def _overridden(award: Award) -> Decline:
    return Decline(award.bid_key, Reason.OVERRIDE, award.alternative)
