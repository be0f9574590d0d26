"""The minimum winning offers that a proven outcome is published with.

The work is counted, so that the clock decides nothing: a round and its outcome say which offers
are filled in, unless the time limit comes first. Whatever is not filled in is computed after the
publication, or on request. Source: MODEL.md, Counterfactuals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from allocation.engine.counterfactual import winning_offer
from allocation.engine.counterfactual_round import DecidedRound
from allocation.engine.question import Effort
from allocation.engine.search import Clock, Deadline
from allocation.outcome import Decline, Outcome, Status, TieBreak
from allocation.problem import Problem

FIRST_SECONDS = 1.0
EACH_SECONDS = 0.2
MOST_SECONDS = 6.0
"""How much is worked on a usual machine: at first, more for each offer so far, and at most.

Where offers are found fast all of them are filled in; where each takes long nobody waits for them.
"""
MOST_NODES = 1_000
"""How far branch and bound goes for one question."""
MOST_PLACEMENTS = 2_500
"""Placements above which not even one offer is sure to be found in that time."""


def add_winning_offers(problem: Problem, outcome: Outcome, clock: Clock, until: float) -> Outcome:
    """Fill in minimum winning offers as far as the work goes, in the order of the bids.

    Only of a proven round without floors whose tie-break is unique. `until` is a reading of the
    clock: the last guard.
    """
    report = outcome.report
    is_settled = report.status is Status.OPTIMAL and report.tie_break is TieBreak.UNIQUE
    is_small = report.counts.placements <= MOST_PLACEMENTS
    deadline = Deadline(clock, until)
    if not (is_settled and is_small and outcome.declines and deadline.seconds_left()):
        return outcome
    if problem.floor_ratio:
        return outcome
    declines = tuple(_filled(problem, outcome, deadline))
    return replace(outcome, declines=declines)


def _filled(problem: Problem, outcome: Outcome, deadline: Deadline) -> Iterator[Decline]:
    decided = DecidedRound(problem, outcome)
    effort = Effort(seed=0, workers=1, deadline=deadline, most_nodes=MOST_NODES)
    for done, decline in enumerate(outcome.declines):
        offer, allowed = None, min(MOST_SECONDS, FIRST_SECONDS + EACH_SECONDS * done)
        if decided.work_seconds < allowed and deadline.seconds_left():
            offer = winning_offer(decided, decline, effort)
        exact = offer.exact_credits if offer else None
        yield replace(decline, minimum_winning_offer_credits=exact)
