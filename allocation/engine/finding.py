"""The stages that find better outcomes, each a few lines over the module that does the work.

improve() is the table of contents; what proves beside it stands in proving.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.diving import dive
from allocation.engine.neighbourhoods import NeighbourhoodSearch, begin_search
from allocation.engine.proving import LARGEST_BRANCHED, Proof
from allocation.engine.question import Answer, Effort
from allocation.engine.state import Search

LARGEST_SMALL = 250
SMALL_NODES = 500
"""Placements up to which branch and bound on the whole round comes first, and how far it goes."""
TIGHT_RATIO = 0.95
"""A rounding worth so much of the relaxation says that the relaxation is a good guide."""
ROOT_NODES = 1
ROOT_SECONDS = 2e-3
"""Seconds of work per placement without which the root of the whole round is not begun."""
LUMPY_ROOT_SECONDS = 6e-3
LUMPY_ROOT_SHARE = 0.25
"""The same where the relaxation is far off and cuts must do the work; a part of all work."""


def round_relaxation(search: Search) -> None:
    """Serve placements in the orders that the relaxation suggests."""
    for order in search.guided_orders():
        search.incumbent.offer(rounding.serve(search.columns, order))


def shake_orders(search: Search) -> None:
    """Serve placements in orders near those, shaken a little; fill what is left."""
    random = np.random.default_rng(search.options.seed)
    for order in rounding.shaken_orders(*search.guides(), random):
        if not search.deadline.seconds_left():
            search.clock_stopped = True
            break
        search.incumbent.offer(rounding.serve(search.columns, order))
    search.fill()


def improve(search: Search) -> None:
    """Improve and prove the outcome: what searches, and beside it what proves."""
    proof = Proof(search)
    if not search.is_proven and search.relaxed is not None:
        with search.stage("diving"):
            dive_whole(search)
    if not search.is_proven and search.columns.count <= LARGEST_SMALL:
        branch_and_bound(search, SMALL_NODES)
    if not (search.is_proven or search.trusts_one_solver):
        search_exactly(search)
    if not search.is_proven and (is_tight(search) or is_lumpy(search)):
        proof.begin_cutting()
        branch_and_bound(search, ROOT_NODES)
    if not search.is_proven:
        with search.stage("neighbourhoods"):
            search_neighbourhoods(search, proof)
    if not search.is_proven and search.trusts_one_solver:
        search_exactly(search)
    if proof.is_asked or proof.is_worthwhile:
        with search.stage("proof"):
            proof.end()


def dive_whole(search: Search) -> None:
    """Award what the relaxation awards in full, relax what is left, and so on."""
    assert search.relaxed is not None  # noqa: S101  # improve says so
    every = np.ones(search.columns.count, np.bool_)
    effort = search.effort(search.deadline)
    dived = dive(search.columns, every, search.incumbent.lots, effort, search.relaxed.fraction)
    search.count_work(dived.answer)
    search.incumbent.offer(dived.lots)
    search.fill()


def branch_and_bound(search: Search, most_nodes: int) -> None:
    """Search and prove with HiGHS, so many nodes far."""
    with search.stage("branch-and-bound"):
        effort = replace(search.effort(search.deadline), most_nodes=most_nodes)
        answer = ask_highs(search.best_value(), effort)
        search.count_work(answer)
        search.learn("HiGHS", answer)


def search_exactly(search: Search) -> None:
    """Let CP-SAT search: first of all where floating point cannot be trusted, else last."""
    if search.is_small():
        search.keep()
        with search.stage("constraint-search"):
            effort = replace(search.effort(search.deadline), work_seconds=search.work_left() / 2)
            constraint_search(search, effort)


def constraint_search(search: Search, effort: Effort) -> None:
    """Search and prove with CP-SAT, from the best outcome so far."""
    from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

    search.learn("CP-SAT", ask_cpsat(search.best_value(), effort))


def is_tight(search: Search) -> bool:
    """Say whether the relaxation is close to what is awarded, and the root takes not too long."""
    is_close = search.incumbent.value >= TIGHT_RATIO * search.bound.value
    seconds = ROOT_SECONDS * search.columns.count
    is_large = search.columns.count > LARGEST_BRANCHED or seconds > search.most_work_seconds
    return search.relaxed is not None and is_close and not is_large


def is_lumpy(search: Search) -> bool:
    """Say whether cuts must do the work, and the root leaves enough for the search of parts."""
    seconds = LUMPY_ROOT_SECONDS * search.columns.count
    return search.trusts_one_solver and seconds <= LUMPY_ROOT_SHARE * search.most_work_seconds


def search_neighbourhoods(search: Search, proof: Proof) -> None:
    """Decide part after part anew, and have it proven beside that nothing is better."""
    parts = begin_search(
        search.columns,
        search.incumbent.lots,
        search.bound,
        search.options.seed,
        search.work_left(),
    )
    worker = ThreadPoolExecutor(1)
    proof.mind(search.work_seconds, is_better=False)
    while not (parts.is_over or search.is_proven):
        if search.deadline.seconds_left() <= 0:
            search.clock_stopped = True
            break
        step = worker.submit(parts.step, search.effort(search.deadline))
        while not (step.done() or search.is_proven):
            proof.wait_beside(step)
        if step.done():
            _take_step(search, parts, step.result(), proof)
    worker.shutdown(wait=False)
    search.fill()
    search.work_seconds += parts.work_seconds


def _take_step(search: Search, parts: NeighbourhoodSearch, answer: Answer, proof: Proof) -> None:
    """Take what one part has brought, and see to the proof."""
    search.clock_stopped |= answer.stopped_by_clock
    is_better = rounding.value_of(search.columns, parts.lots) > search.incumbent.value
    search.incumbent.learn("HiGHS", parts.lots, parts.bound)
    proof.mind(search.work_seconds + parts.work_seconds, is_better=is_better)
