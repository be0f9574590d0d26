"""How well prices clear an outcome, worked out slowly with fractions of points, bid by bid.

It shares no code with the product's own report nor with its judge: each is a check on the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from allocation.outcome import (
    Certificate,
    ClearingReport,
    Decline,
    Outcome,
    Placed,
    PriceRule,
    Reason,
)
from allocation.problem import Alternative, Problem, Tier
from tests.outcomes import (
    certificate_prices,
    certified_bound,
    eligible_starts,
    exact_bound,
    gains,
    list_prices,
    price_anywhere,
    use_cost,
    use_per_lot,
)

PARTS = ("regret", "winners_loss", "capacity_left", "credits_left")


def placed_of(outcome: Outcome) -> tuple[Placed, ...]:
    """Return the awards as they lie on the round."""
    return tuple(Placed(a.bid_key, a.alternative, a.start, a.lots) for a in outcome.awards)


def cleared(problem: Problem, outcome: Outcome) -> Outcome:
    """Return an outcome whose report says how well its prices clear the round."""
    clearing = clearing_of(problem, placed_of(outcome), outcome.certificate, outcome.declines)
    return replace(outcome, report=replace(outcome.report, clearing=clearing))


def clearing_of(
    problem: Problem,
    placed: Iterable[Placed],
    certificate: Certificate,
    declines: Iterable[Decline],
) -> ClearingReport:
    """Return what a report must say of its prices; which rule named them is for it to say."""
    won = {award.bid_key: award for award in placed}
    most = {bid.key: max(m for m, _ in gains(problem, bid, certificate)) for bid in problem.bids}
    got = {key: _gain(problem, award, certificate) for key, award in won.items()}
    parts = {
        "regret": sum(most.values()) - sum(max(Fraction(0), gain) for gain in got.values()),
        "winners_loss": sum((max(Fraction(0), -gain) for gain in got.values()), Fraction(0)),
        "capacity_left": _units_left(problem, won.values(), certificate),
        "credits_left": _credits_left(problem, won.values(), certificate),
        "rounded_off": exact_bound(problem, certificate) - certified_bound(problem, certificate),
    }
    scaled = {name: part * certificate.scale for name, part in parts.items()}
    assert all(part.denominator == 1 for part in scaled.values())
    return ClearingReport(
        price_rule=PriceRule.SEARCH,
        winners_capped=sum(_is_dear(problem, award, certificate) for award in won.values()),
        losers_above_list_cost=_count_above(problem, certificate, declines),
        **{name: int(part) for name, part in scaled.items()},
    )


def _asked(problem: Problem, award: Placed) -> Alternative:
    bid = next(bid for bid in problem.bids if bid.key == award.bid_key)
    return next(a for a in bid.alternatives if a.number == award.alternative)


def _gain(problem: Problem, award: Placed, certificate: Certificate) -> Fraction:
    """Return what an award is worth beyond the prices of its units and credits."""
    asked = _asked(problem, award)
    bid = next(bid for bid in problem.bids if bid.key == award.bid_key)
    credit_price = Fraction(dict(certificate.credit_prices).get(bid.team_key, 0), certificate.scale)
    cost = use_cost(asked, award.start, certificate_prices(certificate))
    per_lot = asked.value_score_per_lot - cost - credit_price * asked.offer_credits_per_lot
    return award.lots * per_lot


def _units_left(problem: Problem, won: Iterable[Placed], certificate: Certificate) -> Fraction:
    """Return what units that nobody holds are worth: both families of prices, each for itself."""
    left: Counter[tuple[str, object, str]] = Counter()
    for sign, rows in ((1, problem.capacity), (-1, problem.commitments)):
        for row in rows:
            left["reserved", row.day, row.pool_key] += sign * row.reserved_units
            left["total", row.day, row.pool_key] += sign * (row.reserved_units + row.spot_units)
    for award in won:
        asked = _asked(problem, award)
        for (pool_key, day), units in use_per_lot(asked, award.start).items():
            left["total", day, pool_key] -= units * award.lots
            if asked.tier is Tier.RESERVED:
                left["reserved", day, pool_key] -= units * award.lots
    prices = [("reserved", *row) for row in certificate.reserved_prices]
    prices += [("total", *row) for row in certificate.total_prices]
    scaled = sum(n * left[kind, day, pool_key] for kind, pool_key, day, n in prices)
    return Fraction(scaled, certificate.scale)


def _credits_left(problem: Problem, won: Iterable[Placed], certificate: Certificate) -> Fraction:
    left = Counter({team.key: team.credits for team in problem.teams})
    team_of = {bid.key: bid.team_key for bid in problem.bids}
    for award in won:
        offer = _asked(problem, award).offer_credits_per_lot
        left[team_of[award.bid_key]] -= offer * award.lots
    scaled = sum(n * left[team] for team, n in certificate.credit_prices)
    return Fraction(scaled, certificate.scale)


def _is_dear(problem: Problem, award: Placed, certificate: Certificate) -> bool:
    """Say whether an award's list cost is above what it is worth."""
    prices = price_anywhere(problem, list_prices(problem, certificate))
    asked = _asked(problem, award)
    return use_cost(asked, award.start, prices) > asked.value_score_per_lot


def _count_above(problem: Problem, certificate: Certificate, declines: Iterable[Decline]) -> int:
    """Count declined bids with a list cost below what they offered, unless credits lacked."""
    prices = price_anywhere(problem, list_prices(problem, certificate))
    about_credits = {Reason.CREDITS_SPENT, Reason.INSUFFICIENT_CREDITS}
    declined = {d.bid_key for d in declines if d.reason not in about_credits}
    return sum(
        any(
            use_cost(a, start, prices) < a.value_score_per_lot
            for a in bid.alternatives
            for start in eligible_starts(problem, bid, a)
        )
        for bid in problem.bids
        if bid.key in declined
    )
