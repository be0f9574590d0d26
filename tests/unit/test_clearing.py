"""What the prices leave over is exactly the gap, and nobody pays above the offer for it."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.assembly import baseline_outcome
from allocation.engine.portfolio import allocate
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.outcome import Certificate, ClearingReport, Outcome, PriceRule, Pricing
from allocation.prices import payment_credits, price_list
from allocation.problem import PoolKey, Problem, TeamKey, Tier
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item, day
from tests.clearing_book import PARTS, cleared, clearing_of, placed_of
from tests.defects import a_market, proven
from tests.outcomes import a_judged_outcome, list_prices, reserve_cost, use_cost
from tests.strategies import problems

LAWS = settings(deadline=None, max_examples=80)
COUNTED = tuple(f.name for f in fields(ClearingReport) if f.name != "price_rule")


def quickly(problem: Problem, pricing: Pricing = Pricing.CLEARING) -> Outcome:
    options = Options(time_limit_seconds=10, seed=1, workers=1, pricing=pricing)
    return baseline_outcome(problem, options, time.monotonic, "not asked")


@st.composite
def certificates(draw: st.DrawFn, problem: Problem) -> Certificate:
    """Draw any prices: whole ones, none, and some with many digits."""
    n = st.sampled_from([0, 0, 1, 333_333, 1_000_000, 2_500_001])
    cells = [(pool.key, day(d)) for pool in problem.pools for d in range(problem.days)]
    tables = [tuple((*cell, number) for cell in cells if (number := draw(n))) for _ in range(2)]
    teams = tuple((team.key, number) for team in problem.teams if (number := draw(n)))
    return Certificate(10**6, tables[0], tables[1], teams)


@LAWS
@given(problems(), st.sampled_from(Pricing))
def test_the_report_counts_what_a_slow_book_counts(problem: Problem, pricing: Pricing) -> None:
    outcome = quickly(problem, pricing)
    said = outcome.report.clearing
    assert said is not None
    placed = placed_of(outcome)
    right = clearing_of(problem, placed, outcome.certificate, outcome.declines)
    assert said == replace(right, price_rule=said.price_rule)
    assert check_outcome(problem, outcome) == ()


@LAWS
@given(problems(), st.data())
def test_at_any_prices_what_is_left_over_is_the_gap(problem: Problem, data: st.DataObject) -> None:
    certificate = data.draw(certificates(problem))
    outcome = cleared(problem, a_judged_outcome(problem, certificate=certificate))
    clearing, report = outcome.report.clearing, outcome.report
    assert clearing is not None
    over = sum(getattr(clearing, part) for part in PARTS)
    gap = (report.certified_bound - report.value) * certificate.scale
    assert over == gap + clearing.rounded_off
    assert all(getattr(clearing, name) >= 0 for name in COUNTED)
    assert check_outcome(problem, outcome) == ()


@settings(deadline=None, max_examples=15)
@given(problems(max_bids=6))
def test_what_the_engine_publishes_clears_as_it_says(problem: Problem) -> None:
    options = Options(time_limit_seconds=10, seed=1, workers=1)
    outcome = allocate(problem, options, time.monotonic, lambda _: None, lambda _: None)
    clearing = outcome.report.clearing
    assert clearing is not None
    assert clearing.price_rule is PriceRule.SMALLEST
    placed = placed_of(outcome)
    right = clearing_of(problem, placed, outcome.certificate, outcome.declines)
    assert clearing == replace(right, price_rule=PriceRule.SMALLEST)


@LAWS
@given(problems(), st.data())
def test_no_winner_pays_above_the_offer_or_below_the_reserve_cost(
    problem: Problem, data: st.DataObject
) -> None:
    """Every placement at any prices, in exact fractions, by the formula of the file contract."""
    certificate = data.draw(certificates(problem))
    listed = price_list(problem, certificate)
    exact = list_prices(problem, certificate)
    reserve = {pool.key: Fraction(pool.reserve_price_credits) for pool in problem.pools}
    everywhere = {
        (pool, day(d), tier): exact.get((pool, day(d), tier), reserve[pool])
        for pool in reserve
        for d in range(problem.days)
        for tier in Tier
    }
    for alternative in (a for bid in problem.bids for a in bid.alternatives):
        offer, value = alternative.offer_credits_per_lot, alternative.value_score_per_lot
        least = reserve_cost(problem, alternative)
        if offer < least:
            continue  # barred: it cannot win
        for start in alternative.starts:
            for lots in range(alternative.min_lots, alternative.max_lots + 1):
                paid = payment_credits(problem, listed, Pricing.CLEARING, alternative, start, lots)
                fair = use_cost(alternative, start, everywhere) * lots * offer / value
                assert least * lots <= paid <= offer * lots
                assert paid == max(least * lots, min(offer * lots, fair // 1))


def test_a_winner_whose_list_cost_is_above_its_value_is_counted_and_pays_its_offer() -> None:
    """Two lots of 5 units at 6 points are worth 25 each: 30 is more, so the offer is paid."""
    alternative = an_alternative(an_item(units=5), offer=25, lots=(2, 2))
    problem = a_problem(a_bid("b1", alternative))
    dear = Certificate(10**6, total_prices=((PoolKey("gpu"), day(0), 6 * 10**6),))
    outcome = cleared(problem, a_judged_outcome(problem, certificate=dear))
    clearing = outcome.report.clearing
    assert clearing is not None
    assert clearing.winners_capped == 1
    assert clearing.winners_loss == 2 * (30 - 25) * 10**6
    assert outcome.awards[0].payment_credits == 50


@pytest.mark.parametrize(("credits_", "counted"), [(1_000, 1), (30, 0)])
def test_a_loser_above_its_list_cost_is_counted_unless_it_lacks_credits(
    credits_: int, counted: int
) -> None:
    """Both bids of a team ask for all units, or its credits pay for one of them only."""
    units = 10 if credits_ == 1_000 else 1
    bid = an_alternative(an_item(units=units), offer=25)
    problem = a_problem(
        a_bid("b1", bid, team="red"), a_bid("b2", bid, team="red"), teams=(a_team("red", credits_),)
    )
    outcome = cleared(problem, a_judged_outcome(problem, is_proven=True))
    assert len(outcome.declines) == 1
    assert outcome.report.clearing is not None
    assert outcome.report.clearing.losers_above_list_cost == counted
    assert check_outcome(problem, outcome) == ()


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("more", [1, -1, 10**6])
def test_the_judge_sees_any_count_and_any_sum_that_is_wrong(name: str, more: int) -> None:
    problem, good = a_market(), cleared(a_market(), proven())
    assert check_outcome(problem, good) == ()
    clearing = good.report.clearing
    assert clearing is not None
    changed: dict[str, int] = {name: getattr(clearing, name) + more}
    spoilt = replace(good, report=replace(good.report, clearing=replace(clearing, **changed)))
    assert {v.code for v in check_outcome(problem, spoilt)} == {"clearing"}


def test_a_gap_that_is_not_what_is_left_over_is_seen() -> None:
    good = cleared(a_market(), proven())
    bound = good.report.certified_bound + 1
    spoilt = replace(good, report=replace(good.report, certified_bound=bound))
    codes = {v.code for v in check_outcome(a_market(), spoilt)}
    assert "clearing-sum" in codes


def test_credit_prices_of_teams_without_awards_are_left_over_in_full() -> None:
    problem = a_problem(a_bid("b1", an_alternative()), teams=(a_team("idle", 70),))
    priced = Certificate(10**6, credit_prices=((TeamKey("idle"), 3),))
    outcome = cleared(problem, a_judged_outcome(problem, certificate=priced))
    assert outcome.report.clearing is not None
    assert outcome.report.clearing.credits_left == 210
