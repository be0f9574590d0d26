"""Who computes what would have won, and for how long: parcels of bids to an Executor.

Every parcel is answered by a process without a database; what comes back is stored at once, so
that a run that is ended early keeps what it has. Two hosts may do the same work: the first answer
stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

from sqlmodel import Session

from allocation.counterfactuals import Answer
from allocation.counterfactuals_work import answer_bids, end_with_the_parent, parcel
from allocation.problem import BidKey
from broker.clock import Clock
from broker.counterfactuals.answers import (
    Decided,
    Progress,
    ask_first,
    decided_round,
    open_bids,
    progress_of,
    rounds_to_explain,
    store_answers,
    write_estimates,
)
from broker.db import Database, reading, transact

BIDS_PER_PARCEL = 4
ReportProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long may be worked. Units: seconds of wall clock, for all bids and for one of them."""

    seconds: float = 60.0
    seconds_per_bid: float = 5.0
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Explained:
    """How far a round is explained."""

    round_key: str
    progress: Progress


@contextmanager
def processes(budget: Budget) -> Iterator[Executor]:
    """Give processes that share nothing with this one; what is not begun at the end is dropped."""
    context = get_context("spawn")
    pool = ProcessPoolExecutor(budget.workers, mp_context=context, initializer=end_with_the_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def explain_round(
    db: Database,
    round_key: str,
    budget: Budget,
    clock: Clock,
    executor: Executor,
    report: ReportProgress,
    *,
    bid_key: str | None = None,
) -> Explained:
    """Say for the declined bids of a round what would have won, as far as the budget goes.

    `bid_key` asks for one bid alone, whatever its answer was so far.

    Raises: NotFound; Refused if the round is not published.
    """
    until = time.monotonic() + budget.seconds
    decided = transact(db, lambda session: _prepared(session, round_key))
    if bid_key is not None:
        transact(db, lambda session: ask_first(session, decided, bid_key, clock()))
        asked = [BidKey(bid_key)]
    else:
        with reading(db) as session:
            asked = open_bids(session, decided)
    if not decided.problem.floor_ratio:
        for answers in _answered(decided, asked, budget, until, executor):
            report(_stored(db, decided, answers, budget, clock))
    with reading(db) as session:
        return Explained(round_key, progress_of(session, decided.run_id))


def explain_due(db: Database, budget: Budget, clock: Clock, executor: Executor) -> list[Explained]:
    """Explain every published round that has open bids, the newest first, within one budget."""
    until = time.monotonic() + budget.seconds
    with reading(db) as session:
        keys = rounds_to_explain(session)
    explained = []
    for key in keys:
        left = until - time.monotonic()
        if left <= 0:
            break
        share = Budget(left, budget.seconds_per_bid, budget.workers)
        explained.append(explain_round(db, key, share, clock, executor, lambda _: None))
    return explained


def _prepared(session: Session, round_key: str) -> Decided:
    decided = decided_round(session, round_key)
    write_estimates(session, decided)
    return decided


def _answered(
    decided: Decided, asked: Sequence[BidKey], budget: Budget, until: float, executor: Executor
) -> Iterator[list[Answer]]:
    """Keep every process busy until all is answered or the time is over."""
    text = parcel(decided.problem, decided.outcome)
    parcels = _parcels(asked)
    working: set[Future[list[Answer]]] = set()
    while True:
        while len(working) < budget.workers and time.monotonic() < until:
            keys = next(parcels, None)
            if keys is None:
                break
            working.add(executor.submit(answer_bids, text, keys, budget.seconds_per_bid))
        if not working:
            return
        done, working = wait(working, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _parcels(asked: Sequence[BidKey]) -> Iterator[tuple[BidKey, ...]]:
    for first in range(0, len(asked), BIDS_PER_PARCEL):
        yield tuple(asked[first : first + BIDS_PER_PARCEL])


def _stored(
    db: Database, decided: Decided, answers: list[Answer], budget: Budget, clock: Clock
) -> Progress:
    def store(session: Session) -> Progress:
        store_answers(session, decided, answers, budget.seconds_per_bid, clock())
        return progress_of(session, decided.run_id)

    return transact(db, store)
