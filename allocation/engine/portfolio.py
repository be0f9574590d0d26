"""The portfolio: stage by stage from a problem to its outcome. Start reading here.

No single solver wins, so the best value may come from one and the best bound from another. Every
stage leaves the incumbent at least as good; the certificate, the prices and the reasons follow
from what is known at the end. Time comes in as a clock; nothing here reads one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from ortools.util.python.solve_interrupter import SolveInterrupter

from allocation.assembly import Result, assemble, describe_solver, fairest, serve_baselines
from allocation.certificate import Bound, certify
from allocation.columns import Whole, build_columns
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs, ask_scip
from allocation.engine.floor_search import (
    ask_core,
    demanding,
    find_fairest,
    find_floors,
    serve_floors,
)
from allocation.engine.neighbourhoods import begin_search, solve_core
from allocation.engine.price_search import search_prices
from allocation.engine.prover import Prover
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.relaxation import Floats, Relaxation, solve_relaxation
from allocation.engine.search import (
    LARGEST_TRUSTED_SUM,
    Clock,
    Deadline,
    Incumbent,
    largest_row_sum,
)
from allocation.engine.variables import Variables, lay_out
from allocation.floors import Fairness, Floors
from allocation.model import Model, build
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem

Reporter = Callable[[Progress], None]
Keeper = Callable[[Outcome], None]
LARGEST_PLAIN_LP = 20_000
"""Placements above which the LP may take too long: prices are searched for where time is short."""
LP_SECONDS = 1e-4
"""Seconds per placement without which the LP of a large round is not begun."""
RELAXATION_SHARE = 0.5
"""The part of the time that the LP may use."""
LARGEST_SMALL = 250
SMALL_NODES = 500
"""Placements up to which branch and bound on the whole round comes first, and how far it goes."""
LARGEST_WHOLE = 2_500
"""Placements above which CP-SAT is of no use, and a proof is begun once only."""
LARGEST_BRANCHED = 30_000
"""Placements above which branch and bound on the whole round does not get beyond its root."""
TIGHT_RATIO = 0.95
"""A rounding worth so much of the relaxation says that the relaxation is a good guide."""
CORE_SHARE = 0.4
"""The part of the time left that the core may use."""
ROOT_NODES = 1
ROOT_SECONDS = 2e-3
"""Seconds of work per placement without which the root of the whole round is not begun."""
WORK_SHARE = 0.6
"""Seconds of work on a usual machine for each second of the time limit; the rest is for proofs."""
LEAST_WORK_SHARE = 0.3
"""The part of the work that is left for the search of parts, whatever came before it."""
HEAD_START_SECONDS = 0.3
"""How much is worked before a proof is begun."""
YOUNG_RATIO = 0.3
"""A proof that has taken less than this part of the work is begun anew for something better."""
WITHOUT_FLOORS_SHARE = 0.4
"""The part of the time that the search without floors may use, where the policy has floors."""
SLICES_SHARE = 0.5
FAIREST_SHARE = 0.4
"""The parts of the time left that the worth of slices and the smallest shortfall may use."""
FIRST_SHARE = 0.7
"""The part of the time left that the first of two solvers may use for a question."""
LEAST_OPINION_SECONDS = 0.3
OPINION_SHARE = 0.05
"""A second opinion on a proven outcome may take this part of the time so far, or so much."""
FINISH_RATIO = 0.06
FINISH_SECONDS = 1.5e-5
"""What is kept for prices, reasons and the report: a part of the limit, seconds per placement."""


def allocate(
    problem: Problem,
    options: Options,
    clock: Clock,
    report: Reporter,
    keep: Keeper,
    *,
    began: float | None = None,
) -> Outcome:
    """Decide a round: awards, declines, prices, and what proves them.

    The time limit counts from `began`, a reading of the clock; without it, from now.
    `report` is told after every stage; `keep` gets a first outcome as soon as there is one, and
    the best one before CP-SAT is asked, so that something remains whatever happens to this process.
    """
    run = _Run(problem, options, clock, report, keep, clock() if began is None else began)
    run.start()
    if not run.is_proven:
        run.keep_outcome()
    run.search()
    return assemble(run.result(), options, clock)


@dataclass
class _Run:
    """One allocation on its way through the stages."""

    problem: Problem
    options: Options
    clock: Clock
    report: Reporter
    keep: Keeper
    began: float
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    prover: Prover = field(default_factory=Prover)
    work_share: float = 1.0
    work_seconds: float = 0.0
    proof_began: float = 0.0
    best_bids: frozenset[int] | None = None
    clock_stopped: bool = False
    relaxed: Relaxation | None = None
    is_unique: bool = False
    tied_bids: frozenset[int] = frozenset()
    floors: Floors | None = None
    is_demanding: bool = False
    is_fairest: bool = False
    value_without_floors: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and tell what is known after it."""
        began = self.clock()
        yield
        now = self.clock()
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - began, 3)
        known = getattr(self, "incumbent", None)
        value, bound = (known.value, known.bound) if known else (None, None)
        self.report(Progress(name, value, bound, now - self.began))

    def keep_outcome(self) -> None:
        """Hand over the best outcome so far, in case this process does not live to its end."""
        self.keep(assemble(self.result(), self.options, self.clock))

    # --- the search ------------------------------------------------------------------------

    def start(self) -> None:
        """Run the stages that lead to a first good outcome and a certified bound."""
        with self.stage("build"):
            self.columns = build_columns(self.problem)
            limit = self.options.time_limit_seconds * (1 - FINISH_RATIO)
            finish = FINISH_SECONDS * self.columns.count
            self.deadline = Deadline(self.clock, self.began + max(0.5 * limit, limit - finish))
            self.model: Model = build(self.columns)
            self.variables: Variables = lay_out(self.model)
        with self.stage("baselines"):
            self.run_baselines()
        with self.stage("relaxation"):
            self.relax()
        with self.stage("rounding"):
            self.round_relaxation()
        if self.problem.floor_ratio:
            with self.stage("slices"):
                self.floors = find_floors(
                    self.columns, self.bound, self.deadline.share(SLICES_SHARE)
                )

    def search(self) -> None:
        """Improve and prove until the outcome is proven or the time is used; then break ties."""
        if self.floors:
            self.search_without_floors()
            with self.stage("floors"):
                self.meet_floors(self.floors)
        self.improve()
        if self.is_proven:
            self.keep_outcome()
            with self.stage("tie-break"):
                self.break_ties()
        if self.wants_second_opinion():
            with self.stage("second-opinion"):
                seconds = max(LEAST_OPINION_SECONDS, OPINION_SHARE * (self.clock() - self.began))
                self.constraint_search(self.effort(self.deadline.within(seconds)))

    def improve(self) -> None:
        """Improve and prove the outcome: what searches, and beside it what proves."""
        if not self.incumbent.is_proven and self.columns.count <= LARGEST_SMALL:
            with self.stage("branch-and-bound"):
                self.branch_and_bound(SMALL_NODES)
        if not (self.incumbent.is_proven or self.incumbent.trusts_one_solver):
            self.search_exactly()
        if not self.incumbent.is_proven and self.is_tight():
            self.search_tight()
        if not self.incumbent.is_proven:
            with self.stage("neighbourhoods"):
                self.search_neighbourhoods()
        if not self.incumbent.is_proven and self.incumbent.trusts_one_solver:
            self.search_exactly()
        if self.prover.is_asked or self.may_prove():
            with self.stage("proof"):
                self.end_proof()

    def search_exactly(self) -> None:
        """Let CP-SAT search: first of all where floating point cannot be trusted, else last."""
        if self.is_small():
            self.keep_outcome()
            with self.stage("constraint-search"):
                effort = replace(self.effort(self.deadline), work_seconds=self.work_left() / 2)
                self.constraint_search(effort)

    def end_proof(self) -> None:
        """Wait for the proof, unless there is one already."""
        if not self.prover.is_asked:
            self.ask_proof()
        if self.incumbent.is_proven:
            self.prover.stop()
        self.hear_proof()

    def is_tight(self) -> bool:
        """Say whether the relaxation is close to what is awarded, and the round not too large."""
        is_close = self.incumbent.value >= TIGHT_RATIO * self.bound.value
        return self.relaxed is not None and is_close and self.columns.count <= LARGEST_BRANCHED

    def search_tight(self) -> None:
        """Decide what the relaxation leaves open, then look at the whole round once."""
        assert self.relaxed is not None  # noqa: S101  # is_tight says so
        with self.stage("core"):
            effort = replace(self.effort(self.deadline.share(CORE_SHARE)), most_nodes=1)
            decided = solve_core(self.columns, self.relaxed.fraction, effort)
            self.count_work(decided.answer)
            self.incumbent.offer(decided.lots)
            self.fill()
        if ROOT_SECONDS * self.columns.count <= self.most_work_seconds():
            with self.stage("branch-and-bound"):
                self.branch_and_bound(ROOT_NODES)

    def search_neighbourhoods(self) -> None:
        """Decide part after part anew, and have it proven beside that nothing is better."""
        search = begin_search(
            self.columns, self.incumbent.lots, self.bound, self.options.seed, self.work_left()
        )
        while not (search.is_over or self.incumbent.is_proven):
            if self.deadline.seconds_left() <= 0:
                self.clock_stopped = True
                break
            answer = search.step(self.effort(self.deadline))
            self.clock_stopped |= answer.stopped_by_clock
            is_better = rounding.value_of(self.columns, search.lots) > self.incumbent.value
            self.incumbent.learn("HiGHS", search.lots, search.bound)
            self.mind_proof(search.work_seconds, is_better=is_better)
        self.fill()
        self.work_seconds += search.work_seconds

    def mind_proof(self, work_seconds: float, *, is_better: bool) -> None:
        """Ask for a proof beside the search; ask anew if something better comes soon.

        On a large round a proof takes long: it goes on whatever is found.
        """
        if self.prover.has_answer:
            self.hear_proof()
        is_young = work_seconds - self.proof_began < YOUNG_RATIO * work_seconds
        if self.prover.is_asked and is_better and is_young and self.is_small():
            self.prover.stop()
            self.prover.take(self.deadline.seconds_left())
        has_core = self.options.workers > 1 and work_seconds > HEAD_START_SECONDS
        if has_core and not self.prover.is_asked and self.may_prove():
            self.proof_began = work_seconds
            self.ask_proof()

    def may_prove(self) -> bool:
        """Say whether branch and bound on the whole round may say more than is known."""
        return not self.incumbent.is_proven and self.columns.count <= LARGEST_BRANCHED

    def ask_proof(self) -> None:
        """Have it proven that nothing is better, and nothing with another bid as good."""
        lots = self.incumbent.lots
        question = self.best_value()
        served = np.isin(self.columns.bid, self.columns.bid[lots > 0])
        self.prover.ask(question.wanting(~served), self.effort(self.deadline))

    def hear_proof(self) -> None:
        """Take the proof, as far as it came. An outcome counts only where it is proven best."""
        taken = self.prover.take(self.deadline.seconds_left())
        if taken is None:
            return
        question, answer = taken
        self.note("SCIP", answer)
        bound = None if answer.bound is None else answer.bound // question.scale
        self.incumbent.learn("SCIP", answer.lots if answer.is_proven else None, bound)
        if answer.is_proven and question.start is not None:
            self.learn_best_bids(question, answer)

    def learn_best_bids(self, question: Question, answer: Answer) -> None:
        """Remember which bids the best outcomes serve, where the proof says so."""
        start, found = question.start, answer.lots
        if start is None or found is None or question.wanted is None:
            return
        is_best = rounding.value_of(self.columns, start) == self.incumbent.value
        if is_best and self.incumbent.is_proven and not (found > 0)[question.wanted].any():
            self.best_bids = frozenset(self.columns.bid[start > 0].tolist())

    def most_work_seconds(self) -> float:
        """Say how much may be worked, on a usual machine; the clock has no say in it."""
        return self.work_share * WORK_SHARE * self.options.time_limit_seconds

    def work_left(self) -> float:
        """Say how much work is left for the search of parts."""
        most = self.most_work_seconds()
        return max(LEAST_WORK_SHARE * most, most - self.work_seconds)

    def count_work(self, answer: Answer) -> None:
        """Count what a solver did, and note where only the clock ended it."""
        self.work_seconds += answer.work_seconds
        self.clock_stopped |= answer.stopped_by_clock and not answer.is_proven

    def search_without_floors(self) -> None:
        """Say what the round is worth where the floors demand nothing."""
        end, self.deadline = self.deadline, self.deadline.share(WITHOUT_FLOORS_SHARE)
        self.work_share = WITHOUT_FLOORS_SHARE
        self.improve()
        self.deadline, self.work_share, self.best_bids = end, 1.0, None

    def meet_floors(self, floors: Floors) -> None:
        """Find what misses the floors least, and demand from now on that nothing misses more."""
        known = self.known_outcomes()
        self.value_without_floors = max(rounding.value_of(self.columns, lots) for lots in known)
        effort = self.effort(self.deadline.share(FAIREST_SHARE))
        if floors.largest_shortfall(rounding.team_values(self.columns, known[0]).tolist()):
            order = self.guided_orders()[0]
            known.extend(serve_floors(self.columns, floors, order, effort.deadline.share(0.5)))
        ask = self.ask_two if self.is_small() else self.ask_parts
        found = find_fairest(self.model, floors, known, ask, effort)
        self.is_demanding, self.is_fairest = True, found.is_proven
        self.clock_stopped |= not found.is_proven
        self.model = demanding(self.model, floors.least_values(found.shortfall))
        self.columns = self.model.columns
        self.variables = lay_out(self.model)
        self.incumbent.demand(self.columns, found.lots)
        for lots in known:
            self.incumbent.offer(lots)
        self.fill()
        if self.relaxed and self.model.floors.names and not self.is_small():
            deadline = self.deadline.share(RELAXATION_SHARE)
            self.relaxed = solve_relaxation(self.model, deadline) or self.relaxed

    def known_outcomes(self) -> list[Whole]:
        """List the best outcome so far, then the baselines, each with all that still fits."""
        order = self.by_gain()
        known = [self.incumbent.lots, *self.baseline_lots]
        return [rounding.serve(self.columns, order, lots) for lots in known]

    def ask_two(self, question: Question, effort: Effort) -> Answer:
        """Ask SCIP where it is trusted, and CP-SAT where that says nothing sound."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

        if self.incumbent.trusts_one_solver:
            first = replace(effort, deadline=effort.deadline.share(FIRST_SHARE))
            answer = ask_scip(question, first, SolveInterrupter())
            self.note("SCIP", answer)
            if answer.is_proven and (answer.lots is None or question.accepts(answer.lots)):
                return answer
        return ask_cpsat(question, effort)

    def ask_parts(self, question: Question, effort: Effort) -> Answer:
        """Ask about the core of a large round, then HiGHS about all of it where that may help."""
        answer = ask_core(question, replace(effort, deadline=effort.deadline.share(0.5)))
        is_done = answer.lots is not None or not self.incumbent.trusts_one_solver
        if is_done or self.columns.count > LARGEST_BRANCHED:
            return answer
        answer = ask_highs(question, effort)
        self.note("HiGHS", answer)
        return answer

    def run_baselines(self) -> None:
        """Let the two simple rules serve the round; the outcome is never worse."""
        self.baselines, self.baseline_lots = serve_baselines(self.columns)

    def relax(self) -> None:
        """Bound the value, and say what every unit is worth."""
        deadline = self.deadline.share(RELAXATION_SHARE)
        is_large = self.columns.count > LARGEST_PLAIN_LP
        if not is_large or deadline.seconds_left() > LP_SECONDS * self.columns.count:
            self.relaxed = solve_relaxation(self.model, deadline)
        duals = self.relaxed.duals if self.relaxed else search_prices(self.model)
        self.clock_stopped |= self.relaxed is None
        value = self.relaxed.value if self.relaxed else None
        self.bound: Bound = certify(self.columns, duals, value)
        self.incumbent = Incumbent(
            columns=self.columns,
            certified_bound=self.bound.value,
            lots=np.zeros(self.columns.count, np.int64),
            trusts_one_solver=largest_row_sum(self.model) < LARGEST_TRUSTED_SUM,
        )
        for lots in self.baseline_lots:
            self.incumbent.offer(lots)

    def round_relaxation(self) -> None:
        """Serve placements in the orders that the relaxation suggests; fill what is left."""
        random = np.random.default_rng(self.options.seed)
        shaken = rounding.shaken_orders(*self.guides(), random)
        for order in chain(self.guided_orders(), shaken):
            self.incumbent.offer(rounding.serve(self.columns, order))
        self.fill()

    def guided_orders(self) -> list[list[int]]:
        """Return the orders that the relaxation and its prices suggest to serve in."""
        return rounding.price_guided_orders(*self.guides())

    def guides(self) -> tuple[Floats, Floats, Floats]:
        """Return what the relaxation awards, and every placement's gain and worth in points."""
        worth = self.model.largest_value.astype(float)
        gain = self.bound.gain.astype(float) / self.bound.certificate.scale
        fraction = self.relaxed.fraction if self.relaxed else np.zeros(self.columns.count)
        return fraction, gain, worth

    def fill(self) -> None:
        """Serve whatever still fits, best gain first: a declined bid must not fit."""
        self.incumbent.offer(rounding.serve(self.columns, self.by_gain(), self.incumbent.lots))

    def by_gain(self) -> list[int]:
        """Return every placement, best gain first."""
        order: list[int] = np.argsort(-self.bound.gain.astype(float), kind="stable").tolist()
        return order

    def branch_and_bound(self, most_nodes: int) -> None:
        """Search and prove with HiGHS, so many nodes far."""
        effort = replace(self.effort(self.deadline), most_nodes=most_nodes)
        answer = ask_highs(self.best_value(), effort)
        self.count_work(answer)
        self.learn("HiGHS", answer)

    def constraint_search(self, effort: Effort) -> None:
        """Search and prove with CP-SAT, from the best outcome so far."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

        self.learn("CP-SAT", ask_cpsat(self.best_value(), effort))

    def best_value(self) -> Question:
        """Ask for the outcome of the largest value, from the best one so far."""
        objective = self.variables.objective(self.columns.value)
        every = np.ones(self.columns.count, np.bool_)
        return Question(self.model, self.variables, objective, self.incumbent.lots, every)

    def effort(self, deadline: Deadline) -> Effort:
        """Return the effort of one solver until a deadline."""
        return Effort(self.options.seed, self.options.workers, deadline)

    @property
    def is_proven(self) -> bool:
        """Say whether nothing better can exist, neither fairer nor worth more."""
        return self.incumbent.is_proven and (self.floors is None or self.is_fairest)

    def is_small(self) -> bool:
        """Say whether CP-SAT can work on the whole model."""
        return self.columns.count <= LARGEST_WHOLE

    def wants_second_opinion(self) -> bool:
        """Say whether one solver's proof stands alone, with neither certificate nor another."""
        is_certified = self.incumbent.value == self.bound.value
        return self.is_proven and not is_certified and "CP-SAT" not in self.incumbent.provers

    def learn(self, solver: str, answer: Answer) -> None:
        """Take a solver's outcome and bound; what it leaves free is filled."""
        self.note(solver, answer)
        was_proven = self.incumbent.is_proven
        self.incumbent.learn(solver, answer.lots, answer.bound)
        if not was_proven:
            self.clock_stopped |= answer.stopped_by_clock
            self.fill()

    def note(self, solver: str, answer: Answer) -> None:
        """Remember a solver that could not answer, for the report."""
        if answer.failure:
            self.failures.append(f"{solver}: {answer.failure}")

    def break_ties(self) -> None:
        """Among the best outcomes take the one that the written tie-break names."""
        from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow
        from allocation.engine.tie_break import Solvers, settle  # noqa: PLC0415  # slow

        choices = self.ask_two if self.incumbent.trusts_one_solver else ask_cpsat
        settled = settle(
            self.best_value(),
            self.bound,
            self.best_bids,
            Solvers(choices, ask_cpsat),
            self.effort(self.deadline),
        )
        self.incumbent.lots = settled.lots
        self.is_unique = settled.is_unique and settled.tied_bids is not None
        self.clock_stopped = not self.is_unique and self.deadline.seconds_left() <= 0
        self.tied_bids = settled.tied_bids or frozenset()

    # --- what is known ---------------------------------------------------------------------

    def result(self) -> Result:
        """Say what is known now."""
        return Result(
            columns=self.columns,
            lots=self.best_lots(),
            certified=self.bound,
            bound=self.incumbent.bound,
            baselines=self.baselines,
            began=self.began,
            seconds=dict(self.seconds),
            solver=self.described(),
            provers=self.incumbent.provers,
            stopped_by_clock=self.clock_stopped,
            is_unique=self.is_unique,
            tied_bids=self.tied_bids,
            fairness=self.fairness(),
        )

    def best_lots(self) -> Whole:
        """Return the best outcome so far; before the floors are demanded, the fairest one."""
        if self.floors is None or self.is_demanding:
            return self.incumbent.lots
        return fairest(self.columns, self.known_outcomes(), self.floors)

    def fairness(self) -> Fairness | None:
        """Say what is known of the floors; None where the policy has none."""
        if self.floors is None:
            return None
        without = max(self.value_without_floors, self.incumbent.value)
        return Fairness(self.floors, self.is_fairest, without)

    def described(self) -> dict[str, object]:
        """Name the solvers that were asked, and what they failed to answer."""
        names = ["GLOP"] if self.relaxed else []
        described = describe_solver(
            "portfolio", names + sorted(self.incumbent.bounds), self.options
        )
        return described | ({"failures": self.failures} if self.failures else {})
