"""Sound outcomes of several kinds of rounds, for tampering with them.

Proven and unproven ones, by both pricings, with commitments and without, with prices that a real
round would have. No solver is needed for them: what is proven here, brute force has proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from allocation.certificate import certify
from allocation.columns import build_columns
from allocation.engine.price_search import search_prices
from allocation.model import build
from allocation.outcome import Certificate, Outcome, Placed, Pricing, TieBreak
from allocation.problem import BidKey, DayUnits, Problem
from bench.generator import Shape, generate
from tests.clearing_book import cleared
from tests.defects import PRICES, a_market, proven, unproven
from tests.outcomes import a_judged_outcome, an_outcome
from tests.reference import best_outcome


@dataclass(frozen=True)
class Original:
    """A round with a sound outcome of it."""

    problem: Problem
    outcome: Outcome


@cache
def originals() -> Mapping[str, Original]:
    """Return every sound outcome by its name."""
    by_offer = Pricing.PAY_AS_BID
    market = a_market()
    dear = a_judged_outcome(market, pricing=by_offer, certificate=PRICES)
    found = {
        "market, proven": Original(market, proven()),
        "market, unproven": Original(market, unproven()),
        "market, pay-as-bid": Original(market, dear),
        "granular": _unproven(_committed(generate(Shape("granular", 16, 3, 6, 4), 1))),
        "bundle-heavy, pay-as-bid": _unproven(
            generate(Shape("bundle-heavy", 14, 4, 6, 4), 2), by_offer
        ),
        "coarse, proven": _proven(_committed(generate(Shape("coarse", 9, 3, 5, 3, 1), 3))),
        "granular, proven, pay-as-bid": _proven(
            generate(Shape("granular", 9, 3, 5, 3, 2), 4), by_offer
        ),
    }
    return {
        name: Original(original.problem, cleared(original.problem, original.outcome))
        for name, original in found.items()
    }


def _committed(problem: Problem) -> Problem:
    """Let earlier awards still hold some units."""
    held = (
        DayUnits(row.pool_key, row.day, row.reserved_units // 4, row.spot_units // 4)
        for row in problem.capacity[::2]
    )
    return replace(problem, commitments=tuple(held))


def _prices(problem: Problem) -> Certificate:
    columns = build_columns(problem)
    return certify(columns, search_prices(build(columns)), None).certificate


def _unproven(problem: Problem, pricing: Pricing = Pricing.CLEARING) -> Original:
    prices = _prices(problem)
    return Original(problem, a_judged_outcome(problem, pricing=pricing, certificate=prices))


def _proven(problem: Problem, pricing: Pricing = Pricing.CLEARING) -> Original:
    best = best_outcome(problem)
    placed = tuple(Placed(BidKey(bid), *place) for bid, *place in best.choices)
    outcome = an_outcome(
        problem, placed, pricing=pricing, certificate=_prices(problem), bound=best.value
    )
    is_unique = best.outcome_count == 1
    tie_break = TieBreak.UNIQUE if is_unique else TieBreak.INCOMPLETE
    return Original(problem, replace(outcome, report=replace(outcome.report, tie_break=tie_break)))
