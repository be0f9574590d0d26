"""What would have won: the answers to "why not me", and how sure each of them is.

Nothing here knows a solver: an estimate follows from the list prices alone. The answers that are
searched and verified come from engine/counterfactual.py. Source: MODEL.md, Counterfactuals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from allocation.outcome import PRICE_SCALE, Reason
from allocation.prices import PriceList, reserve_cost_credits
from allocation.problem import Alternative, Bid, BidKey, Problem, Tier

WINNABLE = (
    Reason.BELOW_RESERVE_PRICE,
    Reason.CREDITS_SPENT,
    Reason.OUTBID,
    Reason.BUNDLE_PARTNER_UNAVAILABLE,
    Reason.TIE_BREAK,
    Reason.NOT_PROVEN,
)
"""The reasons that a higher offer can overcome, at least sometimes."""


class Standing(StrEnum):
    """How sure an answer is."""

    EXACT = "exact"
    INTERVAL = "interval"
    ESTIMATE = "estimate"


class ChangeKind(StrEnum):
    """What of a bid could be another: never its offer, which has an answer of its own."""

    START = "start"
    LOTS = "lots"
    TIER = "tier"


class Verdict(StrEnum):
    """Whether a bid with one change would have won."""

    WINS = "wins"
    LOSES = "loses"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Displaced:
    """Who would lose their awards: those bids, and what their awards are worth in points."""

    bid_keys: tuple[BidKey, ...] = ()
    value: int = 0


@dataclass(frozen=True, slots=True)
class WinningOffer:
    """The minimum winning offer of a declined bid, in the alternative that the decline names.

    `exact`: both bounds are that offer, or None where no offer wins. `interval`: no offer below
    the lower bound wins, and the upper one does; None where none is known to. `estimate`: both
    bounds say what the list prices suggest. Units: credits per lot.
    """

    standing: Standing
    lower_credits: int | None
    upper_credits: int | None
    displaced: Displaced = Displaced()

    @property
    def exact_credits(self) -> int | None:
        """The minimum winning offer where it is known for certain."""
        return self.upper_credits if self.standing is Standing.EXACT else None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the alternative, at the same offer, with which the bid would have won.

    Shape: exactly one of `start`, `lots` and `tier` is there, as `kind` says.
    """

    kind: ChangeKind
    start: dt.date | None = None
    lots: int | None = None
    tier: Tier | None = None
    displaced: Displaced = Displaced()


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known of what would have won. `winning_offer` is None where none is searched."""

    bid_key: BidKey
    alternative: int
    winning_offer: WinningOffer | None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A declined alternative as it might have been; None where it stays as it was.

    Units: credits per lot.
    """

    offer_credits_per_lot: int
    start: dt.date | None = None
    lots: int | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What a changed alternative would have come to, by deciding the round again.

    `start`, `lots` and `displaced` are those of the outcome in which it wins; None where it does
    not. `is_best` says whether no outcome with it is worth more.
    """

    verdict: Verdict
    start: dt.date | None = None
    lots: int | None = None
    displaced: Displaced = Displaced()
    is_best: bool = True


def changed(alternative: Alternative, asked: WhatIf) -> Alternative:
    """Return an alternative as somebody asks for it; its multiplier stays."""
    other = raised(alternative, asked.offer_credits_per_lot)
    if asked.start is not None:
        other = replace(other, earliest_start=asked.start, latest_start=asked.start)
    if asked.lots is not None:
        other = replace(other, min_lots=asked.lots, max_lots=asked.lots)
    return replace(other, tier=asked.tier or other.tier)


def raised(alternative: Alternative, offer: int) -> Alternative:
    """Return an alternative at another offer; its multiplier stays. Units: credits per lot."""
    value = alternative.value_score_per_lot * offer // alternative.offer_credits_per_lot
    return replace(alternative, offer_credits_per_lot=offer, value_score_per_lot=max(1, value))


def offer_worth(alternative: Alternative, value: int) -> int:
    """Return the smallest offer with at least so much value score per lot."""
    offer, score = alternative.offer_credits_per_lot, alternative.value_score_per_lot
    return -(-value * offer // score)


def first_offer(problem: Problem, alternative: Alternative) -> int:
    """Return the smallest offer above the current one that is not barred by the reserve cost."""
    at_least = reserve_cost_credits(problem, alternative)
    return max(alternative.offer_credits_per_lot + 1, at_least)


def most_offer(problem: Problem, bid: Bid, alternative: Alternative) -> int:
    """Return the largest offer of which the team could pay the smallest lots."""
    team = next(team for team in problem.teams if team.key == bid.team_key)
    return team.credits // alternative.min_lots


def estimate_offer(
    problem: Problem, listed: PriceList, bid: Bid, alternative: Alternative
) -> WinningOffer:
    """Say from the list prices what offer may have won: enough for the cheapest start."""
    cheapest = min(_list_costs(listed, alternative))
    enough = offer_worth(alternative, -(-cheapest // PRICE_SCALE))
    offer = max(enough, first_offer(problem, alternative))
    if offer > most_offer(problem, bid, alternative):
        return WinningOffer(Standing.ESTIMATE, None, None)
    return WinningOffer(Standing.ESTIMATE, offer, offer)


def _list_costs(listed: PriceList, alternative: Alternative) -> Iterator[int]:
    for start in alternative.starts:
        yield listed.list_cost_microcredits(alternative, start)
