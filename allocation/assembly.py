"""From what a search knows to an outcome: awards, payments, reasons, report. No solver in here.

A search of any kind, the engine's portfolio or a baseline alone, ends here, so that every outcome
is put together in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from importlib.metadata import version

import numpy as np

from allocation import baselines, prices, reasons, wire
from allocation.certificate import Bound, certify
from allocation.clearing import Clearing, clearing_report
from allocation.columns import Columns, Whole, build_columns
from allocation.engine import rounding
from allocation.engine.price_search import search_prices
from allocation.floors import Fairness, Floors, floor_report, floors_of_ceilings
from allocation.model import build
from allocation.options import Options
from allocation.outcome import (
    Award,
    Baselines,
    ClearingReport,
    Counts,
    Decline,
    FloorReport,
    Outcome,
    Placed,
    PriceRule,
    Proof,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import Problem

Clock = Callable[[], float]
DeclineAll = Callable[[tuple[Award, ...], prices.PriceList], tuple[Decline, ...]]
"""Gives the reason for every bid without an award."""


@dataclass(frozen=True)
class Result:
    """What a search knows in the end.

    Units: `bound` is whole value points, `seconds` per stage; `began` is a reading of the clock.
    `provers` are the solvers that claim that nothing is worth more; `tied_bids` index the
    problem's bids; `fairness` is there where the policy has floors.
    """

    columns: Columns
    lots: Whole
    certified: Bound
    bound: int
    baselines: Baselines
    began: float
    seconds: Mapping[str, float]
    solver: Mapping[str, object]
    provers: tuple[str, ...] = ()
    stopped_by_clock: bool = True
    is_unique: bool = False
    tied_bids: frozenset[int] = frozenset()
    fairness: Fairness | None = None
    price_rule: PriceRule = PriceRule.SEARCH

    @property
    def value(self) -> int:
        """The value of the outcome, in points."""
        return rounding.value_of(self.columns, self.lots)

    @property
    def is_proven(self) -> bool:
        """Say whether nothing better can exist, neither fairer nor worth more."""
        return self.value == self.bound and (self.floors is None or self.floors.is_proven)

    @cached_property
    def floors(self) -> FloorReport | None:
        """How the floors were met; None without any."""
        if self.fairness is None:
            return None
        values = rounding.team_values(self.columns, self.lots).tolist()
        return floor_report(self.columns.problem, self.fairness, values, self.value)


def assemble(
    result: Result, options: Options, clock: Clock, decline_all: DeclineAll | None = None
) -> Outcome:
    """Price the awards, give reasons for the rest (those of the facts, if no others), report."""
    began = clock()
    problem = result.columns.problem
    certificate = result.certified.certificate
    listed = prices.price_list(problem, certificate)
    placements = np.flatnonzero(result.lots).tolist()
    awards = tuple(_award(result, options, listed, k) for k in placements)
    declines = (decline_all or partial(_decline_all, result))(awards, listed)
    ended = clock()
    seconds = {
        **result.seconds,
        "prices-and-reasons": round(ended - began, 3),
        "total": round(ended - result.began, 3),
    }
    decision = wire.outcome_sha256(awards, declines, listed.prices)
    counts = Counts(len(problem.bids), len(awards), len(declines), result.columns.count)
    report = _report(result, options, decision, counts, seconds)
    report = replace(report, clearing=_clearing(result, listed, declines))
    return Outcome(awards, declines, listed.prices, certificate, report)


def _decline_all(
    result: Result, awards: tuple[Award, ...], listed: prices.PriceList
) -> tuple[Decline, ...]:
    problem = result.columns.problem
    tied = {problem.bids[b].key for b in result.tied_bids}
    circumstances = reasons.Circumstances(result.is_proven, tied)
    return reasons.decline_all(problem, awards, listed, circumstances)


def _award(result: Result, options: Options, listed: prices.PriceList, k: int) -> Award:
    columns = result.columns
    problem = columns.problem
    bid, number = problem.bids[int(columns.bid[k])], int(columns.alternative[k])
    alternative = next(a for a in bid.alternatives if a.number == number)
    start, lots = columns.start_day(k), int(result.lots[k])
    payment = prices.payment_credits(problem, listed, options.pricing, alternative, start, lots)
    return Award(bid.key, number, start, lots, alternative.value_score_per_lot * lots, payment)


def _clearing(
    result: Result, listed: prices.PriceList, declines: tuple[Decline, ...]
) -> ClearingReport:
    """Say how well the prices clear this outcome."""
    rest = rounding.left_of(result.columns, result.lots)
    left = rest.reserved_units, rest.total_units, rest.credits
    clearing = Clearing(result.columns, result.lots, result.certified, left)
    return clearing_report(clearing, result.price_rule, listed, declines)


def _report(
    result: Result, options: Options, decision: str, counts: Counts, seconds: Mapping[str, float]
) -> Report:
    problem, value, bound = result.columns.problem, result.value, result.bound
    return Report(
        round_key=problem.round_key,
        problem_sha256=wire.problem_sha256(problem),
        outcome_sha256=decision,
        pricing=options.pricing,
        status=Status.OPTIMAL if result.is_proven else Status.FEASIBLE,
        proof=_proof(result),
        tie_break=TieBreak.UNIQUE if result.is_unique else TieBreak.INCOMPLETE,
        value=value,
        bound=bound,
        certified_bound=result.certified.value,
        gap_ratio=(bound - value) / bound if bound else 0.0,
        stopped_by=_stopped_by(result),
        seconds=seconds,
        solver=result.solver,
        baselines=result.baselines,
        counts=counts,
        floors=result.floors,
    )


def _proof(result: Result) -> Proof:
    if not result.is_proven:
        return Proof.NONE
    if result.value == result.certified.value:
        return Proof.CERTIFIED
    return Proof.TWO_SOLVERS if len(result.provers) > 1 else Proof.ONE_SOLVER


def _stopped_by(result: Result) -> StoppedBy:
    if result.is_proven and (result.is_unique or not result.stopped_by_clock):
        return StoppedBy.PROOF
    return StoppedBy.WALL_CLOCK if result.stopped_by_clock else StoppedBy.DETERMINISTIC_LIMIT


def describe_solver(engine: str, names: list[str], options: Options) -> dict[str, object]:
    """Name what was used, with versions and parameters, for the report."""
    return {
        "engine": engine,
        "names": names,
        "versions": {name: version(name) for name in ("ortools", "numpy")},
        "parameters": {
            "time_limit_seconds": options.time_limit_seconds,
            "workers": options.workers,
        },
        "seed": options.seed,
    }


def serve_baselines(columns: Columns) -> tuple[Baselines, list[Whole]]:
    """Let the two simple rules serve a round: their values, and their lots per placement."""
    problem = columns.problem
    served = baselines.first_come(problem), baselines.density_greedy(problem)
    first_come, density_greedy = (baselines.value_of(problem, placed) for placed in served)
    return Baselines(first_come, density_greedy), [_lots_of(columns, p) for p in served]


def _lots_of(columns: Columns, served: tuple[Placed, ...]) -> Whole:
    problem = columns.problem
    index = {bid.key: n for n, bid in enumerate(problem.bids)}
    bids = [index[p.bid_key] for p in served]
    granted = np.zeros((3, len(problem.bids)), np.int64)
    granted[0, bids] = [p.alternative for p in served]
    granted[1, bids] = [(p.start - problem.starts_on).days for p in served]
    granted[2, bids] = [p.lots for p in served]
    alternative, start, lots = granted[:, columns.bid]
    return np.where((columns.alternative == alternative) & (columns.start == start), lots, 0)


def baseline_outcome(problem: Problem, options: Options, clock: Clock, why: str) -> Outcome:
    """Return the better baseline, filled up: what is left where the engine has no answer.

    `why` says in the report what happened to the engine.
    """
    began = clock()
    columns = build_columns(problem)
    certified = certify(columns, search_prices(build(columns)), None)
    values, served = serve_baselines(columns)
    order = np.argsort(-certified.gain.astype(float), kind="stable").tolist()
    filled = [rounding.serve(columns, order, lots) for lots in served]
    fairness = _guarded(columns, certified, filled) if problem.floor_ratio else None
    result = Result(
        columns=columns,
        lots=fairest(columns, filled, fairness.floors if fairness else None),
        certified=certified,
        bound=certified.value,
        baselines=values,
        began=began,
        seconds={},
        solver=describe_solver("baseline", [], options) | {"why": why},
        fairness=fairness,
    )
    return assemble(result, options, clock)


def _guarded(columns: Columns, certified: Bound, served: list[Whole]) -> Fairness:
    """Return floors that are certainly high enough, for want of a solver."""
    without = max(rounding.value_of(columns, lots) for lots in served)
    floors = floors_of_ceilings(columns, certified)
    return Fairness(floors, is_proven=False, value_without_floors=without)


def fairest(columns: Columns, served: list[Whole], floors: Floors | None) -> Whole:
    """Return the outcome with the smallest largest shortfall; of equal ones the most valuable."""

    def rank(lots: Whole) -> tuple[Fraction, int]:
        values = rounding.team_values(columns, lots).tolist()
        shortfall = floors.largest_shortfall(values) if floors else Fraction(0)
        return shortfall, -rounding.value_of(columns, lots)

    return min(served, key=rank)
