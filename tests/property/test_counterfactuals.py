"""What would have won, held against looking at all outcomes of the round with that change in it."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache

from hypothesis import HealthCheck, given, settings

from allocation.counterfactuals import (
    Change,
    Standing,
    Verdict,
    WhatIf,
    WinningOffer,
    changed,
    most_offer,
    raised,
)
from allocation.engine.counterfactual import answer, try_change, winning_offer
from allocation.engine.counterfactual_offers import add_winning_offers
from allocation.engine.counterfactual_round import DecidedRound
from allocation.engine.portfolio import allocate
from allocation.engine.question import Effort
from allocation.engine.search import Deadline
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.outcome import Decline, Outcome, Reason, Status, TieBreak
from allocation.problem import Alternative, Bid, Problem, Tier
from bench.generator import Shape, generate
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item
from tests.reference import best_outcome
from tests.strategies import problems

ROUNDS = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
MOST_OFFERS_TRIED = 3


def decided(problem: Problem) -> Outcome:
    return allocate(problem, Options(30), time.monotonic, lambda _: None, lambda _: None)


def an_effort(seconds: float = 20) -> Effort:
    return Effort(0, 1, Deadline(time.monotonic, time.monotonic() + seconds), most_nodes=5_000)


@cache
def small_round(seed: int) -> tuple[Problem, Outcome]:
    """Invent a round of nine bids, in lots and bundles, with credits that run short."""
    problem = generate(Shape(("granular", "coarse")[seed % 2], 9, 3, 6, 3, 2), seed)
    return problem, decided(problem)


def small_rounds(count: int) -> Iterator[tuple[Problem, Outcome]]:
    for seed in range(count):
        problem, outcome = small_round(seed)
        if outcome.report.tie_break is TieBreak.UNIQUE:
            yield problem, outcome


def named(problem: Problem, decline: Decline) -> tuple[Bid, Alternative]:
    bid = next(bid for bid in problem.bids if bid.key == decline.bid_key)
    return bid, next(a for a in bid.alternatives if a.number == decline.alternative)


def with_alternative(problem: Problem, bid: Bid, changed: Alternative) -> Problem:
    alternatives = [changed if a.number == changed.number else a for a in bid.alternatives]
    other = replace(bid, alternatives=tuple(alternatives))
    return replace(problem, bids=tuple(other if b.key == bid.key else b for b in problem.bids))


def is_awarded(problem: Problem, bid: Bid, changed: Alternative) -> bool | None:
    """Look at all outcomes of the round with a changed bid; None where several are the best."""
    best = best_outcome(with_alternative(problem, bid, changed))
    if best.outcome_count > 1:
        return None
    return any(choice[0] == bid.key for choice in best.choices)


def lower_offers(alternative: Alternative, below: int) -> list[int]:
    """Return offers above the current one and below another: all, or the last and some."""
    offers = range(alternative.offer_credits_per_lot + 1, below)
    if len(offers) <= MOST_OFFERS_TRIED:
        return list(offers)
    some = random.Random(below).sample(offers, MOST_OFFERS_TRIED)  # noqa: S311  # no secret
    return sorted({offers[-1], *some})


def check_offer(problem: Problem, decline: Decline, found: WinningOffer | None) -> bool:
    """Hold an offer against all outcomes; say whether there is one."""
    assert found is not None
    assert found.standing is Standing.EXACT
    bid, alternative = named(problem, decline)
    offer = found.exact_credits
    below = most_offer(problem, bid, alternative) + 1 if offer is None else offer
    if offer is not None:
        assert is_awarded(problem, bid, raised(alternative, offer)) is True
    for lower in lower_offers(alternative, below):
        assert not is_awarded(problem, bid, raised(alternative, lower)), lower
    return offer is not None


def test_the_minimum_winning_offer_wins_and_one_credit_less_loses() -> None:
    """For all losers of generated rounds, by looking at all outcomes; at least 200 of them."""
    checked = 0
    for problem, outcome in small_rounds(84):
        again = DecidedRound(problem, outcome)
        checked += sum(
            check_offer(problem, decline, winning_offer(again, decline, an_effort()))
            for decline in outcome.declines
        )
    assert checked >= 200


@ROUNDS
@given(problems(max_bids=6))
def test_the_minimum_winning_offer_holds_in_rounds_at_the_edge(problem: Problem) -> None:
    """Ties, credits that run short, reserve prices, commitments, bids that never fit."""
    outcome = decided(problem)
    if outcome.report.tie_break is TieBreak.UNIQUE:
        again = DecidedRound(problem, outcome)
        for decline in outcome.declines:
            check_offer(problem, decline, winning_offer(again, decline, an_effort()))


def test_the_portfolio_itself_awards_the_minimum_winning_offer_and_not_one_credit_less() -> None:
    problem = generate(Shape("coarse", 20, 9, 16, 4, 1), 1)
    outcome = decided(problem)
    again = DecidedRound(problem, outcome)
    tried = 0
    for decline in outcome.declines[:6]:
        found = winning_offer(again, decline, an_effort())
        assert found is not None
        bid, alternative = named(problem, decline)
        if found.exact_credits is None:
            continue
        for offer, wins in ((found.exact_credits, True), (found.exact_credits - 1, False)):
            if offer > alternative.offer_credits_per_lot:
                raised_ = with_alternative(problem, bid, raised(alternative, offer))
                awards = {award.bid_key for award in decided(raised_).awards}
                assert (bid.key in awards) is wins
                tried += 1
    assert tried >= 6


def changed_by(alternative: Alternative, change: Change) -> Alternative:
    if change.start is not None:
        return replace(alternative, earliest_start=change.start, latest_start=change.start)
    if change.lots is not None:
        return replace(alternative, min_lots=change.lots, max_lots=change.lots)
    assert change.tier is not None
    return replace(alternative, tier=change.tier)


def test_every_change_that_is_told_would_have_won() -> None:
    kinds = set()
    for problem, outcome in small_rounds(30):
        again = DecidedRound(problem, outcome)
        for decline in outcome.declines:
            bid, alternative = named(problem, decline)
            for change in answer(again, decline, an_effort()).changes:
                assert is_awarded(problem, bid, changed_by(alternative, change)) is True
                kinds.add(change.kind)
    assert len(kinds) == 3


def test_the_minimum_winning_offer_asked_as_what_if_wins_and_one_credit_less_loses() -> None:
    checked = 0
    for problem, outcome in small_rounds(16):
        again = DecidedRound(problem, outcome)
        for decline in outcome.declines:
            found = winning_offer(again, decline, an_effort())
            assert found is not None
            if found.exact_credits is None:
                continue
            for offer, verdict in ((0, Verdict.WINS), (-1, Verdict.LOSES)):
                asked = WhatIf(found.exact_credits + offer)
                assert try_change(again, decline, asked, an_effort()).verdict is verdict
            checked += 1
    assert checked >= 20


def some_what_ifs(problem: Problem, alternative: Alternative) -> Iterator[WhatIf]:
    """Return another tier, fewer lots and other starts, at the offer as it was and at more."""
    last = problem.starts_on + dt.timedelta(days=problem.days - alternative.span_days)
    for offer in (alternative.offer_credits_per_lot, 2 * alternative.offer_credits_per_lot):
        yield from (WhatIf(offer, tier=tier) for tier in Tier)
        yield WhatIf(offer, lots=1)
        yield WhatIf(offer, start=problem.starts_on)
        yield WhatIf(offer, start=last, lots=alternative.max_lots)


def test_a_what_if_wins_exactly_where_it_belongs_to_the_best_of_all_outcomes() -> None:
    verdicts = set()
    for problem, outcome in small_rounds(8):
        again = DecidedRound(problem, outcome)
        for decline in outcome.declines:
            bid, alternative = named(problem, decline)
            for asked in some_what_ifs(problem, alternative):
                tried = try_change(again, decline, asked, an_effort())
                wins = is_awarded(problem, bid, changed(alternative, asked))
                assert wins is None or tried.verdict is (Verdict.LOSES, Verdict.WINS)[wins], asked
                assert (tried.start is None) is (tried.verdict is not Verdict.WINS)
                verdicts.add(tried.verdict)
    assert verdicts >= {Verdict.WINS, Verdict.LOSES}


def test_an_interval_of_an_unproven_round_holds_the_minimum_winning_offer() -> None:
    """The same outcomes as if the search had stopped before its proof: what is told stays true."""
    told = 0
    for problem, outcome in small_rounds(24):
        doubted = replace(
            outcome.report, status=Status.FEASIBLE, bound=outcome.report.certified_bound
        )
        proven, unproven = (
            DecidedRound(problem, one) for one in (outcome, replace(outcome, report=doubted))
        )
        for decline in outcome.declines:
            exact = winning_offer(proven, decline, an_effort())
            found = winning_offer(unproven, decline, an_effort())
            assert exact is not None
            assert found is not None
            if exact.exact_credits is None:
                assert found.upper_credits is None
            elif found.standing is Standing.INTERVAL:
                assert found.lower_credits is not None
                assert found.lower_credits <= exact.exact_credits
                told += found.upper_credits is not None
                assert exact.exact_credits <= (found.upper_credits or exact.exact_credits)
    assert told >= 20


def test_a_tie_that_the_weights_decide_needs_a_higher_offer() -> None:
    """Two bids alike: the loser wins with one credit more, which decides by value."""
    item = an_item(units=10)
    bids = [a_bid(key, an_alternative(item, offer=100)) for key in ("b1", "b2")]
    problem = a_problem(*bids)
    outcome = decided(problem)
    (decline,) = outcome.declines
    assert decline.reason is Reason.TIE_BREAK
    found = winning_offer(DecidedRound(problem, outcome), decline, an_effort())
    assert found is not None
    assert found.exact_credits == 101
    assert [*found.displaced.bid_keys, decline.bid_key] in (["b1", "b2"], ["b2", "b1"])


def test_an_offer_that_the_credits_of_the_team_cannot_pay_does_not_win() -> None:
    """A higher offer takes credits from the team's other awards, and only so many are there."""
    item = an_item(units=10)
    mine = a_bid("b1", an_alternative(item, offer=50), team="red")
    theirs = a_bid("b2", an_alternative(item, offer=90), team="blue")
    for credits_, offer in ((90, 91), (91, 91)):
        problem = a_problem(mine, theirs, teams=[a_team("red", credits_)])
        outcome = decided(problem)
        found = winning_offer(DecidedRound(problem, outcome), outcome.declines[0], an_effort())
        assert found is not None
        wins_at_90 = is_awarded(problem, mine, raised(mine.alternatives[0], 90))
        assert found.exact_credits == (90 if wins_at_90 else offer if credits_ >= offer else None)


def test_the_offers_that_are_filled_in_pass_the_judge_and_change_nothing_else() -> None:
    for problem, outcome in small_rounds(6):
        filled = add_winning_offers(problem, outcome, time.monotonic, time.monotonic() + 60)
        assert check_outcome(problem, filled) == ()
        assert filled.report.outcome_sha256 == outcome.report.outcome_sha256
        plain = [replace(d, minimum_winning_offer_credits=None) for d in filled.declines]
        assert plain == list(outcome.declines)
        assert any(d.minimum_winning_offer_credits for d in filled.declines)


def test_no_time_fills_in_no_offer_rather_than_a_wrong_one() -> None:
    for problem, outcome in small_rounds(4):
        assert add_winning_offers(problem, outcome, time.monotonic, time.monotonic()) == outcome


def test_a_round_with_floors_is_told_no_offer_and_no_change_as_if_it_were_verified() -> None:
    """A higher offer moves the team's own floor: what is told there is an estimate, by the broker.

    The same round without floors is answered, so that the test can fail.
    """
    bids = [a_bid(f"b{n}", an_alternative(an_item(units=6), offer=90 - n)) for n in range(4)]
    for ratio in (Fraction(0), Fraction(1, 2)):
        problem = a_problem(*bids, floor_ratio=ratio)
        outcome = decided(problem)
        assert outcome.report.status is Status.OPTIMAL
        assert outcome.declines
        for decline in outcome.declines:
            found = answer(DecidedRound(problem, outcome), decline, an_effort())
            is_told = found.winning_offer is not None
            assert is_told == (ratio == 0)
            assert (decline.minimum_winning_offer_credits is not None) <= is_told
            assert is_told or found.changes == ()
        again = add_winning_offers(problem, outcome, time.monotonic, time.monotonic() + 20)
        assert ratio == 0 or again == outcome
