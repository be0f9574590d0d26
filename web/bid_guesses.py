"""Estimates in words: labelled amounts, a rough chance, and what would keep a bid out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from allocation.outcome import Reason
from broker.bids.chances import Chance
from broker.bids.estimates import (
    AlternativeEstimate,
    CreditsEstimate,
    Estimate,
    PriceBasis,
    Ready,
)
from broker.policy.scores import Factor
from web.filters import units_of, whole

TENTHS = 10


@dataclass(frozen=True, slots=True)
class GuessLine:
    """What is expected of one alternative. Shape: amounts are labels with their words."""

    number: int
    tier: str
    amounts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A fact that makes a bid ready to become something, and whether it is there."""

    is_met: bool
    words: str


@dataclass(frozen=True, slots=True)
class Guess:
    """All that is expected of a bid before the close; none of it is a promise.

    What its readiness lacks stands there and not among the warnings.
    """

    alternatives: tuple[GuessLine, ...]
    credits: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    multiplier_percent: int
    factors: tuple[Factor, ...]
    policy: str
    readiness: tuple[Check, ...]


def guess_of(estimate: Estimate, suggested: Mapping[int, int] | None = None) -> Guess:
    """Return an estimate in words; `suggested` are the offers that nobody typed, by alternative."""
    offers = suggested or {}
    version = estimate.policy_version
    return Guess(
        alternatives=tuple(
            _line(one, offers.get(one.number))
            for one in estimate.alternatives
            if one.cost_credits_per_lot is not None
        ),
        credits=_credits(estimate.credits),
        warnings=tuple(_warnings(estimate)),
        multiplier_percent=estimate.multiplier_percent,
        factors=estimate.factors,
        policy=f"Policy version {version} is in force; the close of the round fixes it."
        if version
        else "No policy is in force.",
        readiness=tuple(Check(one.is_there, _readiness(one)) for one in estimate.readiness),
    )


def _line(one: AlternativeEstimate, suggested: int | None) -> GuessLine:
    return GuessLine(
        number=one.number,
        tier=one.tier.value if one.tier else "",
        amounts=tuple(_amounts(one, suggested)),
        notes=tuple(_notes(one)),
    )


def _amounts(one: AlternativeEstimate, suggested: int | None) -> Iterator[tuple[str, str]]:
    if one.cost_credits_per_lot is not None:
        yield "Cost at last prices", f"{_amount(one.cost_credits_per_lot)} a lot"
    if suggested is not None:
        yield "Suggested offer", f"{_amount(suggested)} a lot"
    if one.payment_credits_per_lot is not None:
        yield "You would pay", f"{_amount(one.payment_credits_per_lot)} a lot"
    if one.value_score_per_lot is not None:
        yield "Value score", f"{units_of(one.value_score_per_lot, 'point')} a lot"
    if one.chance is not None:
        yield "Chance, roughly", _chance(one.chance)


def _amount(credits_: int) -> str:
    return units_of(credits_, "credit")


def _chance(chance: Chance) -> str:
    """Write a share in tenths: more would look exact."""
    if chance.percent is None:
        return "too few bids to tell"
    tenths = round(chance.percent / TENTHS)
    if tenths == TENTHS:
        return "over 9 in 10"
    return f"about {tenths} in {TENTHS}" if tenths else f"under 1 in {TENTHS}"


def _notes(one: AlternativeEstimate) -> Iterator[str]:
    if one.chance is not None and one.chance.cases:
        asked = "the same pools" if one.chance.asks_for_same_pools else "some of these pools"
        yield (
            f"{whole(one.chance.won)} of {whole(one.chance.cases)} past bids for {asked} at a "
            "like offer won."
        )
    if any(price.basis is PriceBasis.RESERVE_PRICE for price in one.prices):
        yield "Where no list price is known, or it was lower, the reserve price counts."


def _credits(credits_: CreditsEstimate) -> tuple[tuple[str, str], ...]:
    return (
        ("Your team has", _amount(credits_.available_credits)),
        ("Its other bids, at most", whole(credits_.other_bids_credits)),
        ("This bid, at most", whole(credits_.this_bid_credits)),
        ("Left", whole(max(0, credits_.left_credits))),
    )


def _warnings(estimate: Estimate) -> Iterator[str]:
    if estimate.credits.left_credits < 0:
        short = _amount(-estimate.credits.left_credits)
        yield f"Your team's bids together offer {short} more than it has, so not all can win."
    for bar in estimate.bars:
        if bar.reason is not Reason.POLICY:
            yield f"Alternative {bar.alternative} would take no part as things stand. {bar.detail}"


def _readiness(one: Ready) -> str:
    if one.is_there:
        return one.words
    if one.is_required:
        return f"{one.words}: required, the bid takes no part without it"
    if one.missing_percent == one.present_percent:
        return f"{one.words}: missing"
    return f"{one.words}: missing, the offer counts × {one.missing_percent} % only"
