"""The engine against brute force on small rounds: value, tie-break, reasons, determinism."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation.engine.portfolio import allocate
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.outcome import Outcome, Reason, Status, TieBreak
from allocation.problem import Alternative, Bid, DayUnits, Problem, Team, Tier
from tests.reference import best_outcome
from tests.strategies import problems

ROUNDS = settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
FEWER_ROUNDS = settings(ROUNDS, max_examples=60)


def allocated(problem: Problem, seed: int = 0, workers: int = 2) -> Outcome:
    options = Options(time_limit_seconds=60, seed=seed, workers=workers)
    return allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)


@ROUNDS
@given(problems())
def test_the_outcome_is_the_one_that_brute_force_finds(problem: Problem) -> None:
    outcome, best = allocated(problem), best_outcome(problem)
    assert check_outcome(problem, outcome) == ()
    assert outcome.report.value == best.value
    assert outcome.report.status is Status.OPTIMAL
    assert (outcome.report.tie_break is TieBreak.UNIQUE) == (best.outcome_count == 1)
    if best.outcome_count == 1:
        found = tuple((a.bid_key, a.alternative, a.start, a.lots) for a in outcome.awards)
        assert found == best.choices


@FEWER_ROUNDS
@given(problems(max_bids=6))
def test_tie_break_is_the_reason_where_an_equally_good_outcome_serves_the_bid(
    problem: Problem,
) -> None:
    outcome = allocated(problem)
    for decline in outcome.declines:
        if decline.reason in (
            Reason.EXCEEDS_POOL,
            Reason.BELOW_RESERVE_PRICE,
            Reason.INSUFFICIENT_CREDITS,
        ):
            continue
        bid = next(bid for bid in problem.bids if bid.key == decline.bid_key)
        is_tied = value_with(problem, bid) == outcome.report.value
        assert (decline.reason is Reason.TIE_BREAK) == is_tied


def value_with(problem: Problem, bid: Bid) -> int:
    """Return the best value of an outcome that serves a bid: its value first, then the rest."""
    largest = sum(
        max(a.value_score_per_lot * a.max_lots for a in b.alternatives) for b in problem.bids
    )
    bonus = largest + 1
    raised = tuple(
        replace(a, value_score_per_lot=a.value_score_per_lot + bonus) for a in bid.alternatives
    )
    others = tuple(b for b in problem.bids if b.key != bid.key)
    best = -1
    for alternative in raised:
        for lots in range(alternative.min_lots, alternative.max_lots + 1):
            only = replace(alternative, min_lots=lots, max_lots=lots)
            forced = replace(problem, bids=(*others, replace(bid, alternatives=(only,))))
            value = best_outcome(forced).value
            if value >= bonus * lots:
                best = max(best, value - bonus * lots)
    return best


@FEWER_ROUNDS
@given(problems(), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_seed_workers_and_order_change_no_proven_outcome(
    problem: Problem, seed: int, rng: random.Random
) -> None:
    plain = allocated(problem)
    shuffled = replace(
        problem,
        pools=tuple(rng.sample(problem.pools, len(problem.pools))),
        capacity=tuple(rng.sample(problem.capacity, len(problem.capacity))),
        teams=tuple(rng.sample(problem.teams, len(problem.teams))),
        bids=tuple(rng.sample(problem.bids, len(problem.bids))),
    )
    again = allocated(shuffled, seed, workers=1 + seed % 8)
    assert again.report.outcome_sha256 == plain.report.outcome_sha256
    assert again.report.problem_sha256 == plain.report.problem_sha256


@FEWER_ROUNDS
@given(problems(), st.data())
def test_one_more_unit_or_credit_never_makes_a_round_worth_less(
    problem: Problem, data: st.DataObject
) -> None:
    team = data.draw(st.sampled_from(problem.teams))
    richer = tuple(Team(t.key, t.credits + (t == team)) for t in problem.teams)
    wider = tuple(
        DayUnits(row.pool_key, row.day, row.reserved_units + 1, row.spot_units)
        for row in problem.capacity
    )
    value = allocated(problem).report.value
    assert allocated(replace(problem, teams=richer)).report.value >= value
    assert allocated(replace(problem, capacity=wider)).report.value >= value


@FEWER_ROUNDS
@given(problems())
def test_prices_and_awards_never_depend_on_when_bids_came_in(problem: Problem) -> None:
    timeless = replace(problem, bids=tuple(replace(b, submitted_at=None) for b in problem.bids))
    outcome, other = allocated(problem), allocated(timeless)
    assert outcome.report.outcome_sha256 == other.report.outcome_sha256
    assert {p.tier for p in outcome.prices} <= {Tier.RESERVED, Tier.SPOT}


@FEWER_ROUNDS
@given(problems(), st.sampled_from([10**6, 10**9 - 1]))
def test_huge_numbers_never_make_an_outcome_break_a_rule_or_a_bound(
    problem: Problem, factor: int
) -> None:
    """Floating-point solvers call outcomes best that break a row by a unit; none gets out."""
    large = with_large_numbers(problem, factor)
    outcome, best = allocated(large), best_outcome(large)
    assert check_outcome(large, outcome) == ()
    assert outcome.report.value == best.value
    assert outcome.report.status is Status.OPTIMAL


def with_large_numbers(problem: Problem, factor: int) -> Problem:
    """Multiply credits, offers and values; add what no small number divides."""

    def large(alternative: Alternative) -> Alternative:
        offer, value = alternative.offer_credits_per_lot, alternative.value_score_per_lot
        return replace(
            alternative,
            offer_credits_per_lot=offer * factor + 1,
            value_score_per_lot=value * factor + 1,
        )

    return replace(
        problem,
        teams=tuple(Team(team.key, team.credits * factor + 1) for team in problem.teams),
        bids=tuple(
            replace(bid, alternatives=tuple(map(large, bid.alternatives))) for bid in problem.bids
        ),
    )
