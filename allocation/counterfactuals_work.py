"""One parcel of questions about a decided round, answered in whatever process it is given to.

The round and its outcome travel as one text, so that any Executor can hand a parcel to a process
here or elsewhere; that process keeps the last rounds it was asked about. OR-Tools is imported only
where an answer is computed.
"""

from __future__ import annotations

import json
import os
import threading
import time
from functools import lru_cache
from multiprocessing import parent_process
from typing import Any

from allocation import wire
from allocation.counterfactuals import Answer, Tried, WhatIf
from allocation.outcome import Outcome
from allocation.problem import BidKey, Problem

ABANDONED = 1
"""The exit code of a process that nobody waits for."""
MOST_NODES = 20_000
"""How far branch and bound goes for one question; the seconds per bid are the other limit."""


def parcel(problem: Problem, outcome: Outcome) -> bytes:
    """Write a decided round down for answer_bids."""
    document = {
        "round": wire.round_document(problem),
        "outcome": wire.outcome_document(outcome),
    }
    return wire.canonical_json(document)


def end_with_the_parent() -> None:
    """Have this process end when the one that hands out the parcels is gone, however it went."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for_the_end, args=(parent,), daemon=True).start()


def _wait_for_the_end(parent: Any) -> None:
    parent.join()
    os._exit(ABANDONED)


def answer_bids(
    decided: bytes, bid_keys: tuple[BidKey, ...], seconds_per_bid: float
) -> list[Answer]:
    """Say for some declined bids what would have won."""
    from allocation.engine.counterfactual import answer  # noqa: PLC0415  # OR-Tools is slow

    again, declines = _opened(decided)
    return [answer(again, declines[key], _effort(seconds_per_bid)) for key in bid_keys]


def try_bid(decided: bytes, bid_key: BidKey, asked: WhatIf, seconds: float) -> Tried:
    """Say for one declined bid whether it would have won as somebody asks for it."""
    from allocation.engine.counterfactual import try_change  # noqa: PLC0415  # OR-Tools is slow

    again, declines = _opened(decided)
    return try_change(again, declines[bid_key], asked, _effort(seconds))


def _effort(seconds: float) -> Any:
    from allocation.engine.question import Effort  # noqa: PLC0415  # OR-Tools is slow
    from allocation.engine.search import Deadline  # noqa: PLC0415

    deadline = Deadline(time.monotonic, time.monotonic() + seconds)
    return Effort(seed=0, workers=1, deadline=deadline, most_nodes=MOST_NODES)


@lru_cache(maxsize=2)
def _opened(decided: bytes) -> tuple[Any, dict[BidKey, Any]]:
    from allocation.engine.counterfactual_round import DecidedRound  # noqa: PLC0415

    document = json.loads(decided)
    problem = wire.problem_from_round_document(document["round"])
    outcome = wire.outcome_from_document(document["outcome"])
    return DecidedRound(problem, outcome), {d.bid_key: d for d in outcome.declines}
