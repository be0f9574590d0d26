"""From components to searches, and how they share the time and the work of a run.

Values and bounds of components add up. What a component leaves unused, the later ones may use;
what is not proven at first is taken up again with what is left. Read finding.py next.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from allocation.certificate import Bound, Duals, certify, no_duals
from allocation.columns import Whole
from allocation.engine.cleaning import without_slack_rows
from allocation.engine.components import split
from allocation.engine.finding import improve
from allocation.engine.relaxation import Relaxation
from allocation.engine.run import Run
from allocation.engine.search import LARGEST_TRUSTED_SUM, Incumbent, largest_row_sum
from allocation.engine.state import Search
from allocation.model import Model, build

WORK_SHARE = 0.6
"""Seconds of work on a usual machine for each second of the time limit; the rest is for proofs."""


def begin_searches(run: Run) -> list[Search]:
    """Begin a search for every component, smallest first; floors couple all teams into one."""
    model = run.cleaned.model
    groups = [np.arange(model.columns.count)] if run.problem.floor_ratio else split(model)
    trusts_one_solver = largest_row_sum(run.model) < LARGEST_TRUSTED_SUM
    if len(groups) == 1:
        return [_begin(run, model, groups[0], trusts_one_solver=trusts_one_solver)]
    models = (without_slack_rows(build(model.columns.only(group))) for group in groups)
    return [
        _begin(run, part, group, trusts_one_solver=trusts_one_solver)
        for part, group in zip(models, groups, strict=True)
    ]


def _begin(run: Run, model: Model, group: Whole, *, trusts_one_solver: bool) -> Search:
    """Begin with the baselines, so that the outcome is never worse."""
    source = run.cleaned.source[group]
    relaxed = _relaxation_of(run, model, source)
    bound = _bound_of(run, model, relaxed)
    nothing = np.zeros(model.columns.count, np.int64)
    incumbent = Incumbent(model.columns, bound.value, nothing, trusts_one_solver=trusts_one_solver)
    baseline_lots = [run.cleaned.take(lots)[group] for lots in run.baseline_lots]
    for lots in baseline_lots:
        incumbent.offer(lots)
    return Search(
        options=run.options,
        logbook=run.logbook,
        keep=run.keep_outcome,
        source=source,
        model=model,
        bound=bound,
        relaxed=relaxed,
        baseline_lots=baseline_lots,
        incumbent=incumbent,
        deadline=run.deadline,
        most_work_seconds=WORK_SHARE * run.options.time_limit_seconds,
        clock_stopped=run.priced.stopped_by_clock,
    )


def _relaxation_of(run: Run, model: Model, source: Whole) -> Relaxation | None:
    """Return what the relaxation of the round says about some placements."""
    if run.relaxed is None:
        return None
    fraction = run.relaxed.fraction[source]
    return Relaxation(float((model.largest_value * fraction).sum()), fraction, run.relaxed.duals)


def _bound_of(run: Run, model: Model, relaxed: Relaxation | None) -> Bound:
    """Return what the prices of a model's own rows prove about it; no less than for the round."""
    if model.columns.count == run.columns.count:
        return run.priced.guide
    duals = _own_prices(run.duals, model)
    return certify(model.columns, duals, relaxed.value if relaxed else None)


def _own_prices(duals: Duals, model: Model) -> Duals:
    """Return the prices of the rows that a model has; any prices prove a bound."""
    own = no_duals(model.columns)
    for block, prices, all_prices in (
        (model.reserved, own.reserved, duals.reserved),
        (model.total, own.total, duals.total),
        (model.credits, own.credits, duals.credits),
    ):
        prices[block.place] = all_prices[block.place]
    return own


def improve_all(run: Run) -> None:
    """Improve and prove every component, until all are proven or time or work is used.

    All get their part of the work; then what proofs have saved goes to those not proven yet, and
    how much that is, the clock has decided.
    """
    left = WORK_SHARE * run.options.time_limit_seconds - _work_seconds(run)
    pending = _unproven(run)
    while pending and run.deadline.seconds_left() > 0:
        for search, of_all, of_rest in shares(pending):
            search.deadline = run.deadline.share(of_rest)
            search.most_work_seconds, search.work_seconds = of_all * left, 0.0
            improve(search)
        left -= sum(search.work_seconds for search in pending)
        saved_by, pending = [s for s in pending if s.is_proven], _unproven(run)
        if not saved_by or left <= 0:
            return
        for search in pending:
            search.clock_stopped |= any("SCIP" in s.incumbent.bounds for s in saved_by)


def _work_seconds(run: Run) -> float:
    return sum(search.work_seconds for search in run.searches)


def _unproven(run: Run) -> list[Search]:
    return [search for search in run.searches if not search.is_proven]


def shares(searches: list[Search]) -> Iterator[tuple[Search, float, float]]:
    """Say for one search after the other its part of everything, and of what is left by then."""
    sizes = [max(1, search.columns.count) for search in searches]
    for n, search in enumerate(searches):
        yield search, sizes[n] / sum(sizes), sizes[n] / sum(sizes[n:])
