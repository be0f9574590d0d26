"""That every decline gives the reason that the facts give, and names the right facts.

First what holds whatever the outcome is, then what is left after the awards. Only a solver can say
that an equally good outcome exists, so `tie-break` passes on any proven round.
Source: FORMATS, Reasons and Minimum winning offer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from allocation.errors import Violation
from allocation.judge.case import Case
from allocation.judge.ground import Ask, Room, cost_per_lot, most_lots
from allocation.judge.shortages import Shortage, closest, lacks, shortage_of
from allocation.outcome import PRICE_SCALE, Decline, Reason

NEVER = (Reason.EXCEEDS_POOL, Reason.BELOW_RESERVE_PRICE, Reason.INSUFFICIENT_CREDITS)
"""The codes that need no outcome, in the order in which they are given."""
SERVICE = (Reason.INELIGIBLE, Reason.APPROVAL_MISSING, Reason.POLICY, Reason.OVERRIDE)
"""The codes that only the service gives, to bids that never enter a round."""


@dataclass(frozen=True)
class Verdict:
    """What a decline may say: a reason out of these, this ask, and the place that decided."""

    reasons: tuple[Reason, ...]
    ask: Ask
    place: tuple[str, int] | None = None


def check_declines(case: Case) -> Iterator[Violation]:
    """Find declines of bids that still fit, and declines with a wrong reason or wrong facts."""
    for decline in case.outcome.declines:
        asks = case.ground.asks.get(decline.bid_key)
        if asks is None:
            continue
        shortages = [shortage_of(ask, case.room_left) for ask in asks]
        fitting = [shortage for shortage in shortages if _still_fits(case, shortage)]
        if fitting:
            yield Violation(
                "still-fits",
                f"Bid {decline.bid_key} is declined although {fitting[0].ask} still fits after the "
                "awards, in units and in credits.",
            )
            continue
        verdict = _verdict(case, shortages)
        yield from _check_reason(decline, verdict)
        yield from _check_facts(case, decline, verdict)
        yield from _check_minimum_winning_offer(case, decline, verdict.ask)


def _still_fits(case: Case, shortage: Shortage) -> bool:
    ask = shortage.ask
    if shortage.missing_units or ask.is_barred:
        return False
    return ask.offer_credits * ask.min_lots <= case.credits_left[ask.team_key]


# --- the verdict ---------------------------------------------------------------------------


def _verdict(case: Case, shortages: list[Shortage]) -> Verdict:
    eligible = case.ground.eligible
    free = [s for s in shortages if eligible[s.ask.bid_key, s.ask.number]]
    if free:
        return _verdict_of_scarcity(case, closest(free))
    return _verdict_of_never(case, [shortage.ask for shortage in shortages])


def _verdict_of_never(case: Case, asks: list[Ask]) -> Verdict:
    """Give the first code that holds for every ask; else the first of the closest ask."""
    codes = [_never_codes(case, ask) for ask in asks]
    nearest = closest(shortage_of(ask, case.ground.room) for ask in asks)
    shared = [reason for reason in NEVER if all(reason in of_ask for of_ask in codes)]
    reason = shared[0] if shared else _never_codes(case, nearest.ask)[0]
    if reason is Reason.EXCEEDS_POOL:
        return Verdict((reason,), nearest.ask, _place(case, nearest, case.ground.room))
    return Verdict((reason,), asks[0] if shared else nearest.ask)


def _never_codes(case: Case, ask: Ask) -> list[Reason]:
    holds = {
        Reason.EXCEEDS_POOL: not _fits_alone(case, ask),
        Reason.BELOW_RESERVE_PRICE: ask.is_barred,
        Reason.INSUFFICIENT_CREDITS: (
            ask.offer_credits * ask.min_lots > case.ground.credits[ask.team_key]
        ),
    }
    return [reason for reason in NEVER if holds[reason]]


def _fits_alone(case: Case, ask: Ask) -> bool:
    days = case.ground.room.open_to(ask.tier)
    return any(most_lots(ask, days, start) >= ask.min_lots for start in ask.starts)


def _verdict_of_scarcity(case: Case, nearest: Shortage) -> Verdict:
    place = _place(case, nearest, case.room_left)
    if not case.is_settled:
        return Verdict((_unproven_reason(case, nearest),), nearest.ask, place)
    return Verdict((_scarcity_reason(case, nearest), Reason.TIE_BREAK), nearest.ask, place)


def _scarcity_reason(case: Case, nearest: Shortage) -> Reason:
    if not nearest.missing_units:
        return Reason.CREDITS_SPENT
    short_pools = {pool_key for pool_key, _, _ in lacks(nearest, case.room_left)}
    if nearest.ask.is_bundle and len(short_pools) == 1:
        return Reason.BUNDLE_PARTNER_UNAVAILABLE
    return Reason.OUTBID


def _unproven_reason(case: Case, nearest: Shortage) -> Reason:
    sums = case.list_price_sums[nearest.ask.tier]
    list_cost = cost_per_lot(nearest.ask, sums, nearest.start)
    is_outbid = nearest.ask.value_score * PRICE_SCALE < list_cost
    return Reason.OUTBID if is_outbid else Reason.NOT_PROVEN


def _place(case: Case, shortage: Shortage, room: Room) -> tuple[str, int] | None:
    """Return the pool and day with the largest list price times missing units, if any is short."""
    prices = case.list_prices[shortage.ask.tier]
    worst = min(
        ((-prices[pool][day] * units, pool, day) for pool, day, units in lacks(shortage, room)),
        default=None,
    )
    return worst[1:] if worst else None


# --- what the decline says -----------------------------------------------------------------


def _check_reason(decline: Decline, verdict: Verdict) -> Iterator[Violation]:
    if decline.reason in SERVICE:
        yield Violation(
            "reason-of-service",
            f"Bid {decline.bid_key} is declined as {decline.reason.value}, which only the service "
            "says of bids that never enter a round.",
        )
    elif decline.reason not in verdict.reasons:
        right = " or ".join(reason.value for reason in verdict.reasons)
        yield Violation(
            "reason",
            f"Bid {decline.bid_key} is declined as {decline.reason.value}, not as {right}.",
        )


def _check_facts(case: Case, decline: Decline, verdict: Verdict) -> Iterator[Violation]:
    if decline.alternative != verdict.ask.number:
        yield Violation(
            "reason-alternative",
            f"The decline of bid {decline.bid_key} names alternative "
            f"{_shown(decline.alternative)}; the one that decides is {verdict.ask.number}.",
        )
    pool_key, day = verdict.place or (None, None)
    right = (pool_key, None if day is None else case.ground.day(day))
    if (decline.pool_key, decline.day) != right:
        yield Violation(
            "reason-place",
            f"The decline of bid {decline.bid_key} names pool {_shown(decline.pool_key)} and day "
            f"{_shown(decline.day)}; what decides is {_shown(right[0])} and {_shown(right[1])}.",
        )


def _check_minimum_winning_offer(case: Case, decline: Decline, ask: Ask) -> Iterator[Violation]:
    """Find offers that cannot be: on an unproven round, not higher, or never enough."""
    offer = decline.minimum_winning_offer_credits
    if offer is None:
        return
    why_not = [
        sentence
        for is_broken, sentence in (
            (not case.is_proven, "the round is not proven"),
            (offer <= ask.offer_credits, f"the bid offers {ask.offer_credits} already"),
            (offer < ask.reserve_cost_credits, f"its reserve cost is {ask.reserve_cost_credits}"),
            (
                offer * ask.min_lots > case.ground.credits[ask.team_key],
                f"team {ask.team_key} has {case.ground.credits[ask.team_key]} credits",
            ),
            (not _fits_alone(case, ask), "it does not fit an empty round"),
        )
        if is_broken
    ]
    if why_not:
        yield Violation(
            "minimum-winning-offer",
            f"{offer} credits per lot cannot be the minimum winning offer of {ask}: "
            f"{', '.join(why_not)}.",
        )


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
