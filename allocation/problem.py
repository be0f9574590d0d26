"""What a round asks: pools, days, teams, bids. Frozen, and always in canonical order.

Nothing here knows a file, a database, a clock or a solver. Rules about the text of files stand in
folders.py; the meaning of every field stands in MODEL.md. Read outcome.py next.

Units: credits and units are whole numbers; value scores are whole points. Days are dates.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import NewType

from allocation.errors import InvalidProblem

RoundKey = NewType("RoundKey", str)
PoolKey = NewType("PoolKey", str)
TeamKey = NewType("TeamKey", str)
BidKey = NewType("BidKey", str)


MOST_DECIMALS = 1000
"""A policy's floor ratio has no more."""


class Tier(StrEnum):
    """How firmly an award holds its units: for the whole sprint, or until somebody outbids it."""

    RESERVED = "reserved"
    SPOT = "spot"


@dataclass(frozen=True, slots=True, order=True)
class Pool:
    """A capacity on offer. Units: the reserve price is credits per unit and day."""

    key: PoolKey
    reserve_price_credits: int = 0


@dataclass(frozen=True, slots=True, order=True)
class DayUnits:
    """The reserved and spot units of one pool on one day; of capacity, or of commitments."""

    pool_key: PoolKey
    day: dt.date
    reserved_units: int
    spot_units: int


@dataclass(frozen=True, slots=True, order=True)
class Team:
    """A bidder with the credits that it can spend in this round."""

    key: TeamKey
    credits: int


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One pool of an alternative: so many units per lot on each of `days` days from the offset."""

    pool_key: PoolKey
    offset_days: int
    days: int
    units_per_lot: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to serve a bid: tier, price, lots from min to max, and a window of start days."""

    number: int
    tier: Tier
    offer_credits_per_lot: int
    value_score_per_lot: int
    min_lots: int
    max_lots: int
    earliest_start: dt.date
    latest_start: dt.date
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(sorted(self.items)))

    @property
    def starts(self) -> tuple[dt.date, ...]:
        """Every start day of the window, earliest first."""
        days = (self.latest_start - self.earliest_start).days + 1
        return tuple(self.earliest_start + dt.timedelta(days=n) for n in range(days))

    @property
    def span_days(self) -> int:
        """How many days from the start until the last item ends."""
        return max([item.offset_days + item.days for item in self.items])


@dataclass(frozen=True, slots=True)
class Bid:
    """What one team asks for; at most one of its alternatives is awarded."""

    key: BidKey
    team_key: TeamKey
    alternatives: tuple[Alternative, ...]
    submitted_at: dt.datetime | None = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.alternatives, key=lambda a: a.number))
        object.__setattr__(self, "alternatives", ordered)


@dataclass(frozen=True, slots=True)
class Contest:
    """What a round during a sprint decides anew: who comes first, and who holds something already.

    A holder is a bid of the round with one alternative and one start, whose largest lots are what
    it holds. The round then has other goals: first the most value of `first`, then the most value,
    then the most holders with all their lots. Source: MODEL.md, Contests.
    """

    first: tuple[BidKey, ...] = ()
    holders: tuple[BidKey, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", tuple(sorted(self.first)))
        object.__setattr__(self, "holders", tuple(sorted(self.holders)))


@dataclass(frozen=True)
class Problem:
    """One round, whole: everything that decides, and nothing that only describes.

    Whatever order its parts are given in, they stand sorted by key, so that two problems with the
    same content are equal. `capacity` is gross; `commitments` are what earlier awards still hold.

    Raises: InvalidProblem if a part refers to something that is not there, or if commitments
    exceed the capacity of their pool and day (the message names them).
    """

    round_key: RoundKey
    starts_on: dt.date
    days: int
    pools: tuple[Pool, ...]
    capacity: tuple[DayUnits, ...]
    teams: tuple[Team, ...]
    bids: tuple[Bid, ...] = ()
    commitments: tuple[DayUnits, ...] = ()
    nonce: str = ""
    floor_ratio: Fraction = field(default=Fraction(0))
    contest: Contest | None = None

    def __post_init__(self) -> None:
        def set_(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        set_("pools", tuple(sorted(self.pools)))
        set_("capacity", _open_rows(self.capacity))
        set_("commitments", _open_rows(self.commitments))
        set_("teams", tuple(sorted(self.teams)))
        set_("bids", tuple(sorted(self.bids, key=lambda b: b.key)))
        set_("nonce", self.nonce or default_nonce(self.round_key))
        _check_references(self)
        _check_commitments(self)
        if self.contest is not None:
            _check_contest(self, self.contest)

    @property
    def ends_on(self) -> dt.date:
        """The last day of the sprint."""
        return self.starts_on + dt.timedelta(days=self.days - 1)

    @cached_property
    def reserve_prices(self) -> Mapping[PoolKey, int]:
        """The reserve price of every pool. Units: credits per unit and day."""
        return {pool.key: pool.reserve_price_credits for pool in self.pools}


def default_nonce(round_key: str) -> str:
    """Return the nonce of a round whose folder names none: the hex SHA-256 of its key."""
    return hashlib.sha256(round_key.encode()).hexdigest()


def exact_text(ratio: Fraction) -> str:
    """Write a ratio with all its digits, such as 0.5; as 1/3 where no decimal is exact."""
    for decimals in range(MOST_DECIMALS + 1):
        scaled = ratio * 10**decimals
        if scaled.denominator == 1:
            whole, part = divmod(scaled.numerator, 10**decimals)
            return f"{whole}.{part:0{decimals}}"
    return str(ratio)


def _open_rows(rows: tuple[DayUnits, ...]) -> tuple[DayUnits, ...]:
    """Keep the rows that have units: a row of zeros means the same as a missing one."""
    return tuple(sorted(row for row in rows if row.reserved_units or row.spot_units))


def _check_references(problem: Problem) -> None:
    pools = {pool.key for pool in problem.pools}
    teams = {team.key for team in problem.teams}
    last = problem.ends_on
    for row in (*problem.capacity, *problem.commitments):
        if row.pool_key not in pools or not problem.starts_on <= row.day <= last:
            raise InvalidProblem(f"Capacity of {row.pool_key} on {row.day} is not in this round.")
    for bid in problem.bids:
        if bid.team_key not in teams or not bid.alternatives:
            raise InvalidProblem(f"Bid {bid.key} needs a known team and an alternative.")
        for alternative in bid.alternatives:
            _check_alternative(problem, bid, alternative, pools)


def _check_alternative(
    problem: Problem, bid: Bid, alternative: Alternative, pools: set[PoolKey]
) -> None:
    wrong = _what_is_wrong(problem, alternative, pools)
    if wrong:
        raise InvalidProblem(f"Alternative {alternative.number} of bid {bid.key} {wrong}.")


def _what_is_wrong(problem: Problem, alternative: Alternative, pools: set[PoolKey]) -> str:
    pool_keys = [item.pool_key for item in alternative.items]
    if not pool_keys or not pools.issuperset(pool_keys):
        return "needs items, each of a pool of this round"
    if not 1 <= alternative.min_lots <= alternative.max_lots:
        return "needs lots with 1 <= min <= max"
    if min(alternative.offer_credits_per_lot, alternative.value_score_per_lot) < 1:
        return "needs an offer and a value score of at least 1"
    if not problem.starts_on <= alternative.earliest_start <= alternative.latest_start:
        return "needs a start window inside the sprint"
    days_before = (alternative.latest_start - problem.starts_on).days
    if days_before + alternative.span_days > problem.days:
        ends_on = alternative.latest_start + dt.timedelta(days=alternative.span_days - 1)
        return f"ends on {ends_on}, after the sprint"
    return ""


def _check_contest(problem: Problem, contest: Contest) -> None:
    bids = {bid.key: bid for bid in problem.bids}
    if problem.floor_ratio:
        raise InvalidProblem(f"Round {problem.round_key} has floors and a contest; choose one.")
    for keys in (contest.first, contest.holders):
        if len(set(keys)) < len(keys) or not bids.keys() >= set(keys):
            raise InvalidProblem("A contest names bids of its round, each once.")
    for key in contest.holders:
        ways = bids[key].alternatives
        if len(ways) > 1 or len(ways[0].starts) > 1:
            raise InvalidProblem(f"Bid {key} holds one award: one alternative with one start.")


def _check_commitments(problem: Problem) -> None:
    gross = {(row.pool_key, row.day): row for row in problem.capacity}
    for held in problem.commitments:
        row = gross.get((held.pool_key, held.day), DayUnits(held.pool_key, held.day, 0, 0))
        all_units = row.reserved_units + row.spot_units
        if held.reserved_units > row.reserved_units or (
            held.reserved_units + held.spot_units > all_units
        ):
            raise InvalidProblem(
                f"Commitments of {held.pool_key} on {held.day} hold {held.reserved_units} reserved "
                f"and {held.spot_units} spot units, more than its {row.reserved_units} reserved "
                f"and {all_units} units in all."
            )
