"""What a team may expect of a bid before the close. All of it is an estimate and says so.

Costs are at the list prices that were published last, the score is by the policy in force now, the
chance is the share of comparable past bids that won. Nothing here comes from a round that is not
published, but the team's own bids.

Units: prices are millionths of a credit per unit and day, at a multiplier of 100 %; costs and
payments are whole credits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from allocation.problem import Tier
from broker.access import Action, Actor, require
from broker.approvals.standings import approvals_for
from broker.bids.chances import Chance, Past, chance_of, past_of
from broker.bids.desks import Desk
from broker.bids.drafts import BidDraft, DraftAlternative, numbered
from broker.bids.findings import Finding, findings_in_draft
from broker.bids.prices import MICROCREDITS, Prices, cost_microcredits
from broker.bids.writing import BidWish, desk_of
from broker.deliveries.records import track_records
from broker.policy.documents import Fact, Policy
from broker.policy.pledges import Pledge
from broker.policy.rules import ApprovalStanding, Asked, Bar, Use, bars_of, largest_uses
from broker.policy.scores import (
    NO_RECORD,
    Factor,
    TrackRecord,
    factors_of,
    multiplier_of,
    value_score_per_lot,
)
from broker.rounds import find_round


class PriceBasis(StrEnum):
    """Where a price of an estimate comes from."""

    LIST_PRICE = "list-price"
    RESERVE_PRICE = "reserve-price"


@dataclass(frozen=True, slots=True)
class PoolPrice:
    """What a unit of a pool and a day is expected to cost, and what that rests on.

    The mean over the days of the last published sprint that priced the pool in this tier, but
    never below the reserve price of this round, which also counts where no sprint did.
    `round_key` names that sprint's round.
    """

    pool_key: str
    tier: Tier
    microcredits: int
    basis: PriceBasis
    round_key: str | None


@dataclass(frozen=True, slots=True)
class AlternativeEstimate:
    """What one alternative may cost, count and come to; None where the draft does not say enough.

    `cost_credits_per_lot` is at list prices, rounded up. `payment_credits_per_lot` is what the team
    would pay if it won at these prices: the cost divided by its multiplier, rounded down, no more
    than its offer and no less than the reserve price.
    """

    number: int
    tier: Tier | None
    prices: tuple[PoolPrice, ...]
    cost_credits_per_lot: int | None
    payment_credits_per_lot: int | None
    value_score_per_lot: int | None
    largest_offer_credits: int | None
    chance: Chance | None


@dataclass(frozen=True, slots=True)
class CreditsEstimate:
    """What the team can spend, and what is left of it if its bids cost what they offer at most."""

    available_credits: int
    other_bids_credits: int
    this_bid_credits: int

    @property
    def left_credits(self) -> int:
        """What is left; below zero where the bids together offer more than the team has."""
        return self.available_credits - self.other_bids_credits - self.this_bid_credits


@dataclass(frozen=True, slots=True)
class Ready:
    """A fact that makes a bid ready to become something; `field` is where a draft has it.

    A required one that is missing keeps the bid out of the round.
    """

    field: str
    words: str
    is_there: bool
    is_required: bool
    present_percent: int
    missing_percent: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """All that is expected of a bid. `policy_version` is None where no policy is in force.

    `bars` are rules of the policy that would keep alternatives out of the round as it is now.
    """

    alternatives: tuple[AlternativeEstimate, ...]
    credits: CreditsEstimate
    multiplier_percent: int
    factors: tuple[Factor, ...]
    policy_version: int | None
    bars: tuple[Bar, ...]
    readiness: tuple[Ready, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """What an opinion on a draft rests on: where it is written, what was before, who writes it."""

    desk: Desk
    past: Past
    record: TrackRecord
    approvals: Mapping[str, ApprovalStanding]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is wrong with a draft, and what may come of it."""

    findings: tuple[Finding, ...]
    estimate: Estimate


def estimate(session: Session, actor: Actor, wish: BidWish, at: dt.datetime) -> Estimate:
    """Return what may come of a draft, complete or not. Raises: NotFound, NotAllowed."""
    return opinion_on(session, actor, wish, at).estimate


def opinion_on(session: Session, actor: Actor, wish: BidWish, at: dt.datetime) -> Opinion:
    """Return what `check_draft` and `estimate` say, from one look at everything.

    Raises: NotFound, NotAllowed.
    """
    return opinion_of(look_up(session, actor, wish, at), wish.draft)


def look_up(session: Session, actor: Actor, wish: BidWish, at: dt.datetime) -> Sight:
    """Look up all that an opinion rests on: it serves other drafts for the same pools as well.

    Raises: NotFound, NotAllowed.
    """
    require(actor, Action.READ_TEAM_BIDS, team_id=wish.team_id)
    row = find_round(session, wish.round_key)
    desk = desk_of(session, wish, row, at)
    past = past_of(session, desk.round, wish.draft.pool_keys)
    record = track_records(session, at).get(desk.team_key, NO_RECORD)
    asks = desk.policy is not None and desk.policy.approvals
    approvals = approvals_for(session, row, at) if asks else {}
    return Sight(desk, past, record, approvals.get(desk.team_key, {}))


def opinion_of(sight: Sight, draft: BidDraft) -> Opinion:
    """Say what is wrong with a draft, and what may come of it."""
    desk = sight.desk
    factors = factors_of(desk.policy, desk.team_key, draft.pledge, sight.record)
    percent = multiplier_of(desk.policy, factors)
    estimated = Estimate(
        alternatives=tuple(_alternatives(draft, desk, sight.past, percent)),
        credits=CreditsEstimate(
            desk.available_credits, desk.committed_credits, draft.largest_offer_credits
        ),
        multiplier_percent=percent,
        factors=factors,
        policy_version=desk.policy_version,
        bars=tuple(bars_of(desk.policy, _asked(draft, sight))),
        readiness=readiness_of(draft.pledge, desk.policy),
    )
    return Opinion(tuple(findings_in_draft(draft, desk)), estimated)


def readiness_of(pledge: Pledge, policy: Policy | None) -> tuple[Ready, ...]:
    """Say which facts of readiness a bid names, and what each counts by the policy."""
    rules = policy.readiness if policy else None
    return (
        _ready(
            "success_measure",
            "Success measure",
            rules.success_measure if rules else None,
            is_there=pledge.has_measure,
        ),
        _ready(
            "owner_after_award",
            "Accountable owner",
            rules.owner_after_award if rules else None,
            is_there=pledge.has_owner,
        ),
        _ready(
            "ends_on", "End date", rules.end if rules else None, is_there=pledge.ends_on is not None
        ),
    )


def _ready(field: str, words: str, rule: Fact | None, *, is_there: bool) -> Ready:
    if rule is None:
        return Ready(field, words, is_there, False, 100, 100)  # noqa: FBT003  # a column of a row
    present, missing = rule.present_percent, rule.missing_percent
    return Ready(field, words, is_there, rule.is_required, present, missing)


def _asked(draft: BidDraft, sight: Sight) -> Asked:
    desk = sight.desk
    pools = {
        number: tuple(
            desk.pools[key].asked
            for key in sorted({item.pool_key for item in one.items})
            if key in desk.pools
        )
        for number, one in numbered(draft)
    }
    most = {number: one.largest_offer_credits or 0 for number, one in numbered(draft)}
    uses = {number: _largest(one, desk) for number, one in numbered(draft)}
    rank = desk.other_bids + 1
    return Asked(desk.team_key, draft.pledge, pools, most, sight.approvals, uses, rank)


def _largest(one: DraftAlternative, desk: Desk) -> dict[str, Use]:
    """Return how much of each pool a draft asks for, as far as it says so."""
    items = [
        (item.pool_key, item.offset_days or 0, item.days, item.units_per_lot)
        for item in one.items
        if item.pool_key in desk.pools and item.days and item.units_per_lot
    ]
    used = largest_uses(items, one.max_lots or 1)
    return {key: Use(units, desk.pools[key].best_day_units) for key, units in used.items()}


def _alternatives(
    draft: BidDraft, desk: Desk, past: Past, percent: int
) -> Iterator[AlternativeEstimate]:
    for number, one in numbered(draft):
        prices = tuple(_prices(one, desk, past.prices))
        by_pool = {price.pool_key: price.microcredits for price in prices}
        cost = cost_microcredits(_uses(one), by_pool)
        offer = one.offer_credits_per_lot
        value = value_score_per_lot(offer, percent) if offer else None
        yield AlternativeEstimate(
            number=number,
            tier=one.tier,
            prices=prices,
            cost_credits_per_lot=None if cost is None else -(-cost // MICROCREDITS),
            payment_credits_per_lot=_payment(one, desk, cost, value),
            value_score_per_lot=value,
            largest_offer_credits=one.largest_offer_credits,
            chance=_chance(one, past, cost),
        )


def _prices(one: DraftAlternative, desk: Desk, prices: Prices) -> Iterator[PoolPrice]:
    """Yield the price of each pool that an alternative names and its round offers."""
    if one.tier is None:
        return
    for key in sorted({item.pool_key for item in one.items} & set(desk.pools)):
        reserve = desk.pools[key].reserve_price_credits * MICROCREDITS
        known = prices.last_before(key, one.tier, desk.round.starts_on)
        if known is None or known.microcredits < reserve:
            round_key = known.round_key if known else None
            yield PoolPrice(key, one.tier, reserve, PriceBasis.RESERVE_PRICE, round_key)
        else:
            yield PoolPrice(
                key, one.tier, known.microcredits, PriceBasis.LIST_PRICE, known.round_key
            )


def _uses(one: DraftAlternative) -> list[tuple[str, int]] | None:
    """Return the unit-days of one lot by pool; None while an item is incomplete."""
    if not one.items or any(not (item.units_per_lot and item.days) for item in one.items):
        return None
    return [(item.pool_key, (item.units_per_lot or 0) * (item.days or 0)) for item in one.items]


def _payment(one: DraftAlternative, desk: Desk, cost: int | None, value: int | None) -> int | None:
    """Return the payment for a lot by the rule of FORMATS, at the prices of the estimate."""
    offer, uses = one.offer_credits_per_lot, _uses(one)
    if cost is None or uses is None or not offer or not value:
        return None
    reserve = sum(desk.pools[key].reserve_price_credits * amount for key, amount in uses)
    return max(reserve, min(offer, cost * offer // (value * MICROCREDITS)))


def _chance(one: DraftAlternative, past: Past, cost: int | None) -> Chance | None:
    if one.tier is None or not cost or not one.offer_credits_per_lot:
        return None
    pools = frozenset(item.pool_key for item in one.items)
    return chance_of(past, one.tier, pools, one.offer_credits_per_lot, cost)
