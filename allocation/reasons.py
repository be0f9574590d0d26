"""Why each bid was declined: one code, and the place and alternative that decided it.

First what holds whatever the outcome is, then what is left after the awards. Whole numbers; no
solver in here. Source: MODEL.md, Reasons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from allocation.columns import Limits, net_limits
from allocation.outcome import PRICE_SCALE, Award, Decline, Reason
from allocation.prices import PriceList, reserve_cost_credits
from allocation.problem import Alternative, Bid, BidKey, PoolKey, Problem, TeamKey, Tier

OUTCOME_FREE = (Reason.EXCEEDS_POOL, Reason.BELOW_RESERVE_PRICE, Reason.INSUFFICIENT_CREDITS)
"""The codes that hold whatever the others did, in the order in which they are given."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """What an alternative lacks at its smallest lots and best start.

    Shape: `missing` maps cells (pool index x days + day) to the units that are not there; `units`
    is their sum.
    """

    alternative: Alternative
    start: int
    units: int
    missing: dict[int, int]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the reasons are judged by, beside what is left.

    `is_proven` says whether the outcome is the best there is; `tied` are the bids that an equally
    good outcome would serve.
    """

    is_proven: bool
    tied: Collection[BidKey]


class _Left:
    """Units per pool and day, and credits per team, that nobody holds."""

    def __init__(self, problem: Problem, limits: Limits) -> None:
        self.problem = problem
        self.pool_index = {pool.key: n for n, pool in enumerate(problem.pools)}
        self.reserved: list[int] = limits.reserved_units.tolist()
        self.total: list[int] = limits.total_units.tolist()
        self.credits: dict[TeamKey, int] = {team.key: team.credits for team in problem.teams}

    def day_number(self, day: dt.date) -> int:
        """Return the number of a day; the first of the sprint is 0."""
        return (day - self.problem.starts_on).days

    def need(self, alternative: Alternative, lots: int) -> dict[int, int]:
        """Return the units that so many lots use, per cell, if they start on the first day."""
        need: dict[int, int] = {}
        for item in alternative.items:
            first = self.pool_index[item.pool_key] * self.problem.days + item.offset_days
            for cell in range(first, first + item.days):
                need[cell] = need.get(cell, 0) + item.units_per_lot * lots
        return need

    def take(self, team: TeamKey, alternative: Alternative, start: int, lots: int) -> None:
        """Take away what an award uses."""
        self.credits[team] -= alternative.offer_credits_per_lot * lots
        for cell, units in self.need(alternative, lots).items():
            self.total[cell + start] -= units
            if alternative.tier is Tier.RESERVED:
                self.reserved[cell + start] -= units

    @cached_property
    def open_to_reserved(self) -> list[int]:
        """The units per cell that a reserved award could take, once all awards are taken away."""
        return list(map(min, self.reserved, self.total))

    def shortage(self, alternative: Alternative) -> Shortage:
        """Say what an alternative lacks at its smallest lots, at its best and earliest start."""
        need = list(self.need(alternative, alternative.min_lots).items())
        left = self.open_to_reserved if alternative.tier is Tier.RESERVED else self.total
        best = self.day_number(alternative.earliest_start)
        fewest = _missing_units(need, left, best)
        for start in range(best + 1, self.day_number(alternative.latest_start) + 1):
            if not fewest:
                break
            units = _missing_units(need, left, start)
            if units < fewest:
                best, fewest = start, units
        cells = [(cell + best, units) for cell, units in need]
        missing = {cell: units - left[cell] for cell, units in cells if units > left[cell]}
        return Shortage(alternative, best, fewest, missing)


def _missing_units(need: list[tuple[int, int]], left: list[int], start: int) -> int:
    return sum([units - left[cell + start] for cell, units in need if units > left[cell + start]])


def decline_all(
    problem: Problem, awards: Iterable[Award], listed: PriceList, circumstances: Circumstances
) -> tuple[Decline, ...]:
    """Give every bid without an award its reason, ordered by bid key."""
    limits = net_limits(problem)
    empty, left = _Left(problem, limits), _Left(problem, limits)
    won = {award.bid_key: award for award in awards}
    for bid in problem.bids:
        award = won.get(bid.key)
        if award:
            chosen = next(a for a in bid.alternatives if a.number == award.alternative)
            left.take(bid.team_key, chosen, left.day_number(award.start), award.lots)
    writer = _Writer(problem, listed, circumstances, empty, left)
    return tuple(writer.decline(bid) for bid in problem.bids if bid.key not in won)


@dataclass(frozen=True, slots=True)
class _Writer:
    problem: Problem
    listed: PriceList
    circumstances: Circumstances
    empty: _Left
    left: _Left

    def decline(self, bid: Bid) -> Decline:
        """Return the decline of one bid."""
        barriers = [(self._barriers(bid, a), a) for a in bid.alternatives]
        free = [alternative for found, alternative in barriers if not found]
        if not free:
            return self._impossible(bid, [found for found, _ in barriers])
        shortages = [self.left.shortage(alternative) for alternative in free]
        return self._scarce(bid, min(shortages, key=lambda shortage: shortage.units))

    def _barriers(self, bid: Bid, alternative: Alternative) -> list[Reason]:
        """List the codes that need no outcome, in their order."""
        reserve_cost = reserve_cost_credits(self.problem, alternative)
        least_offer = alternative.offer_credits_per_lot * alternative.min_lots
        holds = (
            bool(self.empty.shortage(alternative).missing),
            alternative.offer_credits_per_lot < reserve_cost,
            least_offer > self.empty.credits[bid.team_key],
        )
        return [reason for reason, is_so in zip(OUTCOME_FREE, holds, strict=True) if is_so]

    def _impossible(self, bid: Bid, barriers: list[list[Reason]]) -> Decline:
        """Decline a bid that could not have won whatever the others did."""
        shortages = [self.empty.shortage(alternative) for alternative in bid.alternatives]
        closest = min(range(len(shortages)), key=lambda n: shortages[n].units)
        shared = [r for r in OUTCOME_FREE if all(r in found for found in barriers)]
        reason = shared[0] if shared else barriers[closest][0]
        if reason is not Reason.EXCEEDS_POOL and shared:
            return self._written(bid, reason, shortages[0], None)
        return self._written(bid, reason, shortages[closest], self._place(shortages[closest]))

    def _scarce(self, bid: Bid, closest: Shortage) -> Decline:
        """Decline a bid that lost to others, by what is left after the awards."""
        reason = self._unproven_reason(closest)
        if self.circumstances.is_proven:
            is_tied = bid.key in self.circumstances.tied
            reason = Reason.TIE_BREAK if is_tied else self._scarcity_reason(closest)
        return self._written(bid, reason, closest, self._place(closest))

    def _scarcity_reason(self, closest: Shortage) -> Reason:
        if not closest.missing:
            return Reason.CREDITS_SPENT
        pools = {item.pool_key for item in closest.alternative.items}
        short = {cell // self.problem.days for cell in closest.missing}
        if len(pools) > 1 and len(short) == 1:
            return Reason.BUNDLE_PARTNER_UNAVAILABLE
        return Reason.OUTBID

    def _unproven_reason(self, closest: Shortage) -> Reason:
        is_outbid = self._list_cost(closest) > closest.alternative.value_score_per_lot * PRICE_SCALE
        return Reason.OUTBID if is_outbid else Reason.NOT_PROVEN

    def _list_cost(self, closest: Shortage) -> int:
        start = self.problem.starts_on + dt.timedelta(days=closest.start)
        return self.listed.list_cost_microcredits(closest.alternative, start)

    def _place(self, shortage: Shortage) -> _Place | None:
        """Return where units are missing that decided most, if any are."""
        tier, days = shortage.alternative.tier, self.problem.days
        places = []
        for cell, missing in shortage.missing.items():
            pool = self.problem.pools[cell // days].key
            day = self.problem.starts_on + dt.timedelta(days=cell % days)
            places.append(_Place(pool, day, missing, self.listed.microcredits(pool, day, tier)))
        return min(places, key=_falling_worth, default=None)

    def _written(
        self, bid: Bid, reason: Reason, shortage: Shortage, place: _Place | None
    ) -> Decline:
        facts = _Facts(bid, shortage.alternative, place, self.empty.credits[bid.team_key])
        return Decline(
            bid_key=bid.key,
            reason=reason,
            alternative=shortage.alternative.number,
            pool_key=place.pool_key if place else None,
            day=place.day if place else None,
            detail=SENTENCES[reason](facts),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    pool_key: PoolKey
    day: dt.date
    missing_units: int
    price: int

    def __str__(self) -> str:
        return f"{self.pool_key} on {self.day.isoformat()}"


def _falling_worth(place: _Place) -> tuple[int, PoolKey, dt.date]:
    return -place.price * place.missing_units, place.pool_key, place.day


@dataclass(frozen=True, slots=True)
class _Facts:
    bid: Bid
    alternative: Alternative
    place: _Place | None
    team_credits: int

    @property
    def missing(self) -> str:
        """Say what is missing and where, if anything is."""
        if not self.place:
            return "nothing"
        units = "unit" if self.place.missing_units == 1 else "units"
        return f"{self.place.missing_units} {units} of {self.place}"


SENTENCES: Mapping[Reason, Callable[[_Facts], str]] = {
    Reason.EXCEEDS_POOL: lambda f: (
        f"Never at any price: even an empty round lacks {f.missing} for the smallest lots."
    ),
    Reason.BELOW_RESERVE_PRICE: lambda f: (
        f"The offer of {f.alternative.offer_credits_per_lot} credits per lot is below the reserve "
        "price of what it asks for."
    ),
    Reason.INSUFFICIENT_CREDITS: lambda f: (
        f"The smallest lots cost {f.alternative.offer_credits_per_lot * f.alternative.min_lots} "
        f"credits; team {f.bid.team_key} has {f.team_credits}."
    ),
    Reason.CREDITS_SPENT: lambda f: (
        f"The units are there, but the credits of team {f.bid.team_key} went to its other bids."
    ),
    Reason.BUNDLE_PARTNER_UNAVAILABLE: lambda f: (
        f"One pool of the bundle decided it: the awards leave {f.missing} too few."
    ),
    Reason.OUTBID: lambda f: (
        f"Bids worth more hold what this one needs: the awards leave {f.missing} too few."
        if f.place
        else "The list price of what this bid asks for is above its value score."
    ),
    Reason.TIE_BREAK: lambda _: (
        "An equally good outcome would serve this bid; the written tie-break decided."
    ),
    Reason.NOT_PROVEN: lambda _: (
        "The run stopped before it could say whether a better outcome would serve this bid."
    ),
}
"""What the file says beside each code; the service shows the facts in its own words."""
