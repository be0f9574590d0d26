"""The reference is the measure of the engine, so it is measured itself: by counting outcomes."""

from __future__ import annotations

from itertools import product

from hypothesis import HealthCheck, given, settings

from allocation.outcome import Placed
from allocation.problem import Bid, Problem
from tests.outcomes import eligible_starts, room_after
from tests.reference import best_outcome, tie_break_weight
from tests.strategies import problems


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems(max_bids=3))
def test_the_reference_finds_the_best_of_all_outcomes(problem: Problem) -> None:
    scores = [
        _score(problem, outcome)
        for choices in product(*(_choices(problem, bid) for bid in problem.bids))
        if _is_feasible(problem, outcome := [choice for choice in choices if choice])
    ]
    best = best_outcome(problem)
    assert best.score == max(scores)
    assert best.outcome_count == scores.count(best.score)


def _choices(problem: Problem, bid: Bid) -> list[Placed | None]:
    placed = [
        Placed(bid.key, alternative.number, start, lots)
        for alternative in bid.alternatives
        for start in eligible_starts(problem, bid, alternative)
        for lots in range(alternative.min_lots, alternative.max_lots + 1)
    ]
    return [None, *placed]


def _is_feasible(problem: Problem, outcome: list[Placed]) -> bool:
    spent = dict.fromkeys((team.key for team in problem.teams), 0)
    for placed in outcome:
        bid = next(bid for bid in problem.bids if bid.key == placed.bid_key)
        alternative = next(a for a in bid.alternatives if a.number == placed.alternative)
        spent[bid.team_key] += alternative.offer_credits_per_lot * placed.lots
    is_paid = all(spent[team.key] <= team.credits for team in problem.teams)
    return is_paid and min(room_after(problem, outcome).values()) >= 0


def _score(problem: Problem, outcome: list[Placed]) -> tuple[int, int, int]:
    value = weight = weighted_lots = 0
    for placed in outcome:
        bid = next(bid for bid in problem.bids if bid.key == placed.bid_key)
        alternative = next(a for a in bid.alternatives if a.number == placed.alternative)
        w = tie_break_weight(problem, placed.bid_key, placed.alternative, placed.start)
        value += alternative.value_score_per_lot * placed.lots
        weight += w
        weighted_lots += w * placed.lots
    return value, weight, weighted_lots
