"""Cleaning and components against brute force: what decides is never lost."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from allocation.columns import Whole, build_columns
from allocation.engine import rounding
from allocation.engine.cleaning import clean, without_slack_rows
from allocation.engine.components import split
from allocation.engine.portfolio import allocate
from allocation.judge import check_outcome
from allocation.model import Block, Model, build
from allocation.options import Options
from allocation.outcome import Outcome, Status, TieBreak
from allocation.problem import Alternative, Bid, BidKey, PoolKey, Problem, RoundKey, TeamKey, Tier
from tests.reference import best_outcome
from tests.strategies import problems

ROUNDS = settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
FEWER_ROUNDS = settings(ROUNDS, max_examples=25)


@st.composite
def rounds_with_worse_alternatives(draw: st.DrawFn, max_bids: int = 6) -> Problem:
    """Draw a round in which bids also offer what is hardly ever better than what they have."""
    problem = draw(problems(max_bids=max_bids))
    bids = tuple(
        replace(bid, alternatives=(*bid.alternatives, draw(worse(bid.alternatives[0], 9))))
        for bid in problem.bids
    )
    return replace(problem, bids=bids)


@st.composite
def worse(draw: st.DrawFn, alternative: Alternative, number: int) -> Alternative:
    """Draw the same again, worth a little less or as much, in one tier or the other."""
    value = alternative.value_score_per_lot - draw(st.sampled_from([1, 0, 2]))
    offer = alternative.offer_credits_per_lot + draw(st.sampled_from([0, 1, -1]))
    return replace(
        alternative,
        number=number,
        tier=draw(st.sampled_from([Tier.RESERVED, Tier.SPOT])),
        value_score_per_lot=max(1, value),
        offer_credits_per_lot=max(1, offer),
        max_lots=draw(st.integers(alternative.min_lots, alternative.max_lots)),
    )


def renamed(problem: Problem, name: str) -> Problem:
    """Return a round with keys of its own, under one nonce for all."""

    def moved(alternative: Alternative) -> Alternative:
        items = (replace(i, pool_key=PoolKey(name + i.pool_key)) for i in alternative.items)
        return replace(alternative, items=tuple(items))

    def renamed_bid(bid: Bid) -> Bid:
        alternatives = tuple(map(moved, bid.alternatives))
        return Bid(
            BidKey(name + bid.key), TeamKey(name + bid.team_key), alternatives, bid.submitted_at
        )

    return replace(
        problem,
        nonce="n",
        pools=tuple(replace(p, key=PoolKey(name + p.key)) for p in problem.pools),
        capacity=tuple(replace(r, pool_key=PoolKey(name + r.pool_key)) for r in problem.capacity),
        commitments=tuple(
            replace(r, pool_key=PoolKey(name + r.pool_key)) for r in problem.commitments
        ),
        teams=tuple(replace(t, key=TeamKey(name + t.key)) for t in problem.teams),
        bids=tuple(map(renamed_bid, problem.bids)),
    )


def side_by_side(rounds: list[Problem]) -> Problem:
    """Return all rounds as one, in which none has anything to do with another."""
    return Problem(
        round_key=RoundKey("sprint-1"),
        starts_on=rounds[0].starts_on,
        days=max(r.days for r in rounds),
        pools=tuple(p for r in rounds for p in r.pools),
        capacity=tuple(row for r in rounds for row in r.capacity),
        commitments=tuple(row for r in rounds for row in r.commitments),
        teams=tuple(t for r in rounds for t in r.teams),
        bids=tuple(b for r in rounds for b in r.bids),
        nonce="n",
    )


def independent_rounds(count: int) -> st.SearchStrategy[list[Problem]]:
    drawn = st.lists(rounds_with_worse_alternatives(), min_size=count, max_size=count)
    return drawn.map(lambda rounds: [renamed(r, f"r{n}.") for n, r in enumerate(rounds)])


def allocated(problem: Problem, seed: int = 0) -> Outcome:
    options = Options(time_limit_seconds=60, seed=seed)
    return allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)


# --- the whole engine ----------------------------------------------------------------------


@ROUNDS
@given(rounds_with_worse_alternatives())
def test_worse_alternatives_change_nothing_about_the_best_outcome(problem: Problem) -> None:
    assert_is_best(problem, [problem])


@FEWER_ROUNDS
@given(independent_rounds(20))
def test_independent_rounds_side_by_side_have_the_best_outcomes_of_each(
    rounds: list[Problem],
) -> None:
    assert_is_best(side_by_side(rounds), rounds)


def assert_is_best(problem: Problem, parts: list[Problem]) -> None:
    outcome, best = allocated(problem), [best_outcome(part) for part in parts]
    assert check_outcome(problem, outcome) == ()
    assert outcome.report.status is Status.OPTIMAL
    assert outcome.report.value == sum(b.value for b in best)
    is_unique = all(b.outcome_count == 1 for b in best)
    assert (outcome.report.tie_break is TieBreak.UNIQUE) == is_unique
    if is_unique:
        found = {(a.bid_key, a.alternative, a.start, a.lots) for a in outcome.awards}
        assert found == {choice for b in best for choice in b.choices}


# --- cleaning ------------------------------------------------------------------------------


@ROUNDS
@given(rounds_with_worse_alternatives())
def test_no_award_of_a_best_outcome_is_cleaned_away(problem: Problem) -> None:
    columns, best = build_columns(problem), best_outcome(problem)
    assume(best.outcome_count == 1)
    left = clean(build(columns)).model.columns
    keys = [problem.bids[b].key for b in left.bid.tolist()]
    numbers = left.alternative.tolist()
    starts = [left.start_day(k) for k in range(left.count)]
    placements = set(zip(keys, numbers, starts, strict=True))
    assert {(key, number, start) for key, number, start, _ in best.choices} <= placements


def obeys(model: Model, lots: Whole) -> bool:
    """Say whether an outcome obeys the rows that a model has."""

    def use(block: Block) -> Whole:
        term = block.coefficient * (lots if block.of_lots else lots > 0)[block.column]
        return np.bincount(block.row, term, len(block.upper))

    return all((use(block) <= block.upper).all() for block in model.blocks)


@st.composite
def choices(draw: st.DrawFn, model: Model) -> Whole:
    """Draw any number of lots for some placements, one of a bid."""
    columns, lots = model.columns, np.zeros(model.columns.count, np.int64)
    for bid in np.unique(columns.bid).tolist():
        k = draw(st.sampled_from(np.flatnonzero(columns.bid == bid).tolist()))
        lots[k] = draw(st.sampled_from([int(columns.max_lots[k]), 0, int(columns.min_lots[k])]))
    return lots


@ROUNDS
@given(rounds_with_worse_alternatives(), st.data())
def test_what_obeys_the_rows_that_are_left_obeys_all(problem: Problem, data: st.DataObject) -> None:
    model = build(build_columns(problem))
    for left in (without_slack_rows(model), clean(model).model):
        lots = data.draw(choices(left))
        assert obeys(left, lots) == rounding.is_feasible(left.columns, lots)


@ROUNDS
@given(rounds_with_worse_alternatives(), st.randoms(use_true_random=False))
def test_what_stands_in_for_an_award_is_feasible_and_worth_no_less(
    problem: Problem, random: Random
) -> None:
    columns = build_columns(problem)
    order = list(range(columns.count))
    random.shuffle(order)
    lots, cleaned = rounding.serve(columns, order), clean(build(columns))
    taken, left = cleaned.take(lots), cleaned.model.columns
    assert rounding.is_feasible(left, taken)
    assert rounding.value_of(left, taken) >= rounding.value_of(columns, lots)
    assert set(left.bid[taken > 0].tolist()) == set(columns.bid[lots > 0].tolist())


# --- components ----------------------------------------------------------------------------


@ROUNDS
@given(independent_rounds(4), st.sampled_from([1, 10, 100]))
def test_components_share_no_row_and_have_every_placement_once(
    rounds: list[Problem], smallest: int
) -> None:
    model = clean(build(build_columns(side_by_side(rounds)))).model
    groups = split(model, smallest)
    every = sorted(k for group in groups for k in group.tolist())
    assert every == list(range(model.columns.count))
    group_of = np.zeros(model.columns.count, np.int64)
    for number, group in enumerate(groups):
        group_of[group] = number
    for block in model.blocks:
        pairs = set(zip(block.row.tolist(), group_of[block.column].tolist(), strict=True))
        assert len({row for row, _ in pairs}) == len(pairs)
