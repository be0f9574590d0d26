"""A small round, good outcomes of it, and every defect that the judge must see in a spoilt one.

A defect is a name, the code that the judge gives it, and the way to plant it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from allocation.outcome import (
    Award,
    Certificate,
    Decline,
    ListPrice,
    Outcome,
    Pricing,
    Proof,
    Reason,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import BidKey, PoolKey, Problem, RoundKey, TeamKey, Tier
from tests.builders import (
    a_bid,
    a_calendar,
    a_pool,
    a_problem,
    a_team,
    an_alternative,
    an_item,
    day,
    some_units,
)
from tests.outcomes import a_judged_outcome

Spoil = Callable[[Outcome], Outcome]
GPU, EXPERT, SEAT = PoolKey("gpu"), PoolKey("expert"), PoolKey("seat")
PRICES = Certificate(
    scale=10**9,
    reserved_prices=((GPU, day(0), 1_234_567_891), (GPU, day(1), 2 * 10**9)),
    total_prices=((EXPERT, day(0), 3 * 10**9), (GPU, day(0), 4 * 10**9 + 999), (GPU, day(3), 7)),
    credit_prices=((TeamKey("blue"), 10**8),),
)


def a_market() -> Problem:
    """Return a round in which every reason occurs that a proven round can give without a solver."""
    spot = Tier.SPOT
    two_pools = (an_item("expert"), an_item("gpu", offset=3))
    return a_problem(
        a_bid("l-big", an_alternative(an_item(units=50), offer=200)),
        a_bid("l-bundle", an_alternative(*two_pools, offer=90)),
        a_bid("l-cheap", an_alternative(an_item(), offer=2)),
        a_bid("l-credits", an_alternative(an_item("expert"), offer=20, starts=(2, 2)), team="blue"),
        a_bid("l-outbid", an_alternative(an_item(days=2), offer=20), team="teal"),
        a_bid("l-poor", an_alternative(an_item("expert"), offer=211), team="blue"),
        a_bid("w-1", an_alternative(an_item(units=2, days=2), lots=(1, 2), starts=(0, 1))),
        a_bid("w-2", an_alternative(tier=spot, offer=50, value=60, lots=(1, 2)), team="teal"),
        a_bid("w-3", an_alternative(an_item("expert", units=2), offer=200), team="blue"),
        pools=[a_pool("gpu", 3), a_pool("seat")],
        capacity=[
            *a_calendar("gpu", reserved=4, spot=2),
            *a_calendar("expert", reserved=2, spot=0),
            some_units("seat", spot=1),
        ],
        teams=[a_team("blue", 210)],
        commitments=[some_units("gpu", 4, reserved=1)],
    )


def proven() -> Outcome:
    return a_judged_outcome(a_market(), certificate=PRICES, is_proven=True)


def unproven() -> Outcome:
    return a_judged_outcome(a_market(), certificate=PRICES)


# --- how defects are planted ---------------------------------------------------------------


def award(number: int, **changes: Any) -> Spoil:
    def spoil(outcome: Outcome) -> Outcome:
        awards = list(outcome.awards)
        awards[number] = replace(awards[number], **changes)
        return replace(outcome, awards=tuple(awards))

    return spoil


def awards(change: Callable[[tuple[Award, ...]], tuple[Award, ...]]) -> Spoil:
    return lambda outcome: replace(outcome, awards=change(outcome.awards))


def decline(of_bid: str, **changes: Any) -> Spoil:
    def spoil(outcome: Outcome) -> Outcome:
        rows = [replace(d, **changes) if d.bid_key == of_bid else d for d in outcome.declines]
        return replace(outcome, declines=tuple(rows))

    return spoil


def declines(change: Callable[[tuple[Decline, ...]], tuple[Decline, ...]]) -> Spoil:
    return lambda outcome: replace(outcome, declines=change(outcome.declines))


def prices(change: Callable[[tuple[ListPrice, ...]], tuple[ListPrice, ...]]) -> Spoil:
    return lambda outcome: replace(outcome, prices=change(outcome.prices))


def report(**changes: Any) -> Spoil:
    return lambda outcome: replace(outcome, report=replace(outcome.report, **changes))


def baseline(**changes: Any) -> Spoil:
    return lambda o: report(baselines=replace(o.report.baselines, **changes))(o)


def count(**changes: Any) -> Spoil:
    return lambda o: report(counts=replace(o.report.counts, **changes))(o)


def certificate(**changes: Any) -> Spoil:
    return lambda outcome: replace(outcome, certificate=replace(outcome.certificate, **changes))


def price_up(microcredits: float) -> Spoil:
    def raised(row: ListPrice) -> ListPrice:
        spoilt: Any = row.list_price_microcredits + microcredits
        return replace(row, list_price_microcredits=spoilt)

    return prices(lambda rows: (raised(rows[0]), *rows[1:]))


def also_award(bid_key: str, payment: int = 0, lots: int = 1) -> Spoil:
    """Award a declined bid as well."""

    def spoil(outcome: Outcome) -> Outcome:
        bid = next(bid for bid in a_market().bids if bid.key == bid_key)
        one = bid.alternatives[0]
        value = one.value_score_per_lot * lots
        extra = Award(bid.key, 1, one.earliest_start, lots, value, payment)
        rows = tuple(sorted((*outcome.awards, extra), key=lambda a: a.bid_key))
        kept = tuple(d for d in outcome.declines if d.bid_key != bid_key)
        return replace(outcome, awards=rows, declines=kept)

    return spoil


def decline_instead(number: int) -> Spoil:
    """Decline a bid that has an award, although nothing stands in its way."""

    def spoil(outcome: Outcome) -> Outcome:
        gone = outcome.awards[number]
        extra = Decline(gone.bid_key, Reason.OUTBID, gone.alternative)
        rows = tuple(sorted((*outcome.declines, extra), key=lambda d: d.bid_key))
        kept = tuple(a for a in outcome.awards if a != gone)
        return replace(outcome, awards=kept, declines=rows)

    return spoil


def a_price(pool_key: str, on: int, tier: Tier) -> ListPrice:
    return ListPrice(PoolKey(pool_key), day(on), tier, 0)


def with_price(extra: ListPrice) -> Spoil:
    def place(row: ListPrice) -> tuple[str, Any, str]:
        return row.pool_key, row.day, row.tier.value

    return prices(lambda rows: tuple(sorted((*rows, extra), key=place)))


IN_A_PROVEN_ROUND: list[tuple[str, str, Spoil]] = [
    ("an award stands twice", "decided-twice", awards(lambda a: (a[0], *a))),
    ("an award is gone", "not-decided", awards(lambda a: a[1:])),
    ("a decline is gone", "not-decided", declines(lambda d: d[1:])),
    ("an award names no bid", "unknown-bid", award(0, bid_key=BidKey("nobody"))),
    ("a decline names no bid", "unknown-bid", decline("l-big", bid_key=BidKey("nobody"))),
    (
        "a bid is awarded and declined",
        "decided-twice",
        declines(lambda d: (*d, Decline(BidKey("w-1"), Reason.OUTBID, 1))),
    ),
    ("awards are out of order", "row-order", awards(lambda a: a[::-1])),
    ("declines are out of order", "row-order", declines(lambda d: d[::-1])),
    ("prices are out of order", "row-order", prices(lambda p: p[::-1])),
    ("a price stands twice", "row-order", prices(lambda p: (p[0], *p))),
    ("no such alternative", "unknown-alternative", award(0, alternative=2)),
    ("a start before the window", "start-outside-window", award(2, start=day(-1))),
    ("a start after the window", "start-outside-window", award(1, start=day(1))),
    ("more lots than asked for", "lots-out-of-range", award(0, lots=3)),
    ("no lots", "lots-out-of-range", award(0, lots=0)),
    ("fewer lots than none", "lots-out-of-range", award(0, lots=-1)),
    ("a value score per lot", "value-score", award(0, value_score=100)),
    ("reserved units given twice", "reserved-capacity", also_award("l-outbid")),
    ("units given twice", "total-capacity", award(1, lots=30)),
    ("credits spent twice", "credits", also_award("l-credits")),
    ("an award below the reserve price", "below-reserve-price", also_award("l-cheap")),
    ("a day without a price", "price-missing", prices(lambda p: p[1:])),
    ("no prices", "price-missing", prices(lambda _: ())),
    ("a price without units", "price-unknown", with_price(a_price("seat", 0, Tier.RESERVED))),
    ("a price after the sprint", "price-unknown", with_price(a_price("gpu", 5, Tier.SPOT))),
    ("a price of no pool", "price-unknown", with_price(a_price("nothing", 0, Tier.SPOT))),
    ("a price a millionth too high", "list-price", price_up(1)),
    ("a price a millionth too low", "list-price", price_up(-1)),
    ("a payment one credit too high", "payment", award(0, payment_credits=200)),
    ("a payment of nothing", "payment", award(0, payment_credits=0)),
    ("the other pricing", "payment", report(pricing=Pricing.PAY_AS_BID)),
    ("a bid that still fits", "still-fits", decline_instead(0)),
    ("never is outbid", "reason", decline("l-big", reason=Reason.OUTBID)),
    ("never is a tie", "reason", decline("l-poor", reason=Reason.TIE_BREAK)),
    ("too cheap is too poor", "reason", decline("l-cheap", reason=Reason.INSUFFICIENT_CREDITS)),
    ("spent is outbid", "reason", decline("l-credits", reason=Reason.OUTBID)),
    ("outbid is a bundle", "reason", decline("l-outbid", reason=Reason.BUNDLE_PARTNER_UNAVAILABLE)),
    ("a bundle is outbid", "reason", decline("l-bundle", reason=Reason.OUTBID)),
    ("proven is not proven", "reason", decline("l-outbid", reason=Reason.NOT_PROVEN)),
    ("a code of the service", "reason-of-service", decline("l-outbid", reason=Reason.POLICY)),
    ("another alternative", "reason-alternative", decline("l-outbid", alternative=2)),
    ("no alternative", "reason-alternative", decline("l-cheap", alternative=None)),
    ("another pool", "reason-place", decline("l-outbid", pool_key=EXPERT)),
    ("another day", "reason-place", decline("l-outbid", day=day(1))),
    ("no place", "reason-place", decline("l-big", pool_key=None, day=None)),
    ("a place where none is short", "reason-place", decline("l-credits", pool_key=GPU, day=day(0))),
    (
        "an offer that is not higher",
        "minimum-winning-offer",
        decline("l-outbid", minimum_winning_offer_credits=20),
    ),
    (
        "an offer below the reserve cost",
        "minimum-winning-offer",
        decline("l-cheap", minimum_winning_offer_credits=2),
    ),
    (
        "an offer beyond the credits",
        "minimum-winning-offer",
        decline("l-credits", minimum_winning_offer_credits=211),
    ),
    (
        "an offer for what never fits",
        "minimum-winning-offer",
        decline("l-big", minimum_winning_offer_credits=900),
    ),
    ("a scale that is too coarse", "certificate-scale", certificate(scale=10**5)),
    ("a scale that is no power of ten", "certificate-scale", certificate(scale=2 * 10**9)),
    ("no scale", "certificate-scale", certificate(scale=0)),
    ("a finer scale", "certified-bound", certificate(scale=10**10)),
    (
        "a certificate of no pool",
        "certificate-unknown",
        certificate(total_prices=((PoolKey("nothing"), day(0), 1),)),
    ),
    (
        "a certificate after the sprint",
        "certificate-unknown",
        certificate(reserved_prices=((GPU, day(5), 1),)),
    ),
    (
        "a certificate of no team",
        "certificate-unknown",
        certificate(credit_prices=((TeamKey("nobody"), 1),)),
    ),
    (
        "a negative price",
        "certificate-negative",
        certificate(credit_prices=((TeamKey("blue"), -1),)),
    ),
    (
        "certificate rows out of order",
        "row-order",
        certificate(total_prices=PRICES.total_prices[::-1]),
    ),
    ("another price of credits", "certified-bound", certificate(credit_prices=())),
    ("a value of one more", "value", report(value=521)),
    ("a certified bound of one less", "certified-bound", report(certified_bound=658)),
    ("a bound below the value", "bound-order", report(bound=1)),
    ("a bound above the certified one", "bound-order", report(bound=10**6)),
    ("a proven round said to be open", "status", report(status=Status.FEASIBLE)),
    ("a certificate that proves less", "proof", report(proof=Proof.CERTIFIED)),
    ("a proven round without a proof", "proof", report(proof=Proof.NONE)),
    ("a gap where there is none", "gap-ratio", report(gap_ratio=1e-9)),
    (
        "proven and unique, but by the clock",
        "stopped-by",
        report(stopped_by=StoppedBy.WALL_CLOCK, tie_break=TieBreak.UNIQUE),
    ),
    ("a solver without a seed", "solver", report(solver={"names": [], "versions": {}})),
    ("no total of seconds", "seconds", report(seconds={"solve": 1.0})),
    ("negative seconds", "seconds", report(seconds={"total": -1.0})),
    ("another first come", "baseline", baseline(first_come=0)),
    ("another density greedy", "baseline", baseline(density_greedy=0)),
    ("a count of bids", "count", count(bids=8)),
    ("a count of awards", "count", count(awarded=2)),
    ("a count of declines", "count", count(declined=7)),
    ("a count of placements", "count", count(placements=100)),
    ("the report of another round", "round-key", report(round_key=RoundKey("sprint-2"))),
    ("the hash of another problem", "problem-sha256", report(problem_sha256="0" * 64)),
]
IN_AN_UNPROVEN_ROUND: list[tuple[str, str, Spoil]] = [
    ("a tie", "reason", decline("l-outbid", reason=Reason.TIE_BREAK)),
    ("credits spent", "reason", decline("l-credits", reason=Reason.CREDITS_SPENT)),
    ("outbid above the list cost", "reason", decline("l-outbid", reason=Reason.OUTBID)),
    (
        "a minimum winning offer",
        "minimum-winning-offer",
        decline("l-outbid", minimum_winning_offer_credits=21),
    ),
    ("optimal", "status", report(status=Status.OPTIMAL)),
    ("one solver", "proof", report(proof=Proof.ONE_SOLVER)),
    ("unique", "tie-break", report(tie_break=TieBreak.UNIQUE)),
    ("stopped by proof", "stopped-by", report(stopped_by=StoppedBy.PROOF)),
    ("no gap", "gap-ratio", report(gap_ratio=0.0)),
]
OF_THE_WRONG_KIND: list[tuple[str, Spoil]] = [
    ("lots with a fraction", award(0, lots=2.0)),
    ("a truth value as lots", award(0, lots=True)),
    ("a text as payment", award(0, payment_credits="12")),
    ("a payment that is no number", award(0, payment_credits=math.nan)),
    ("a start that is a text", award(0, start="2026-03-02")),
    ("a reason that is a text", decline("l-big", reason="exceeds-pool")),
    ("a place with a fraction", decline("l-big", alternative=1.0)),
    ("a price with a fraction", price_up(0.5)),
    ("a value with a fraction", report(value=460.0)),
    ("an endless gap", report(gap_ratio=math.inf)),
    ("a gap that is no number", report(gap_ratio=math.nan)),
    ("no bound", report(bound=None)),
    ("a number of a thousand digits", report(certified_bound=10**1000)),
    ("a key of two lines", report(round_key="sprint\n1")),
    ("a status of its own", report(status="optimal-ish")),
    ("seconds that are a list", report(seconds=[1.0])),
    ("seconds without an end", report(seconds={"total": math.inf})),
    ("a solver that is a text", report(solver="cp-sat")),
    ("a baseline with a fraction", baseline(first_come=1.5)),
    ("a count that is nothing", count(bids=None)),
    ("a scale with a fraction", certificate(scale=1e9)),
    ("a certificate price with a fraction", certificate(total_prices=((GPU, day(0), 0.5),))),
    ("a certificate row that is short", certificate(credit_prices=((TeamKey("blue"),),))),
]
