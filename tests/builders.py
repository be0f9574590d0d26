"""Small builders of rounds: every part has a default, and a test names only what it is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction

from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    DayUnits,
    Item,
    Pool,
    PoolKey,
    Problem,
    RoundKey,
    Team,
    TeamKey,
    Tier,
)

FIRST_DAY = dt.date(2026, 3, 2)


def day(number: int) -> dt.date:
    """Return a day of the sprint; the first is 0."""
    return FIRST_DAY + dt.timedelta(days=number)


def a_pool(key: str = "gpu", reserve_price_credits: int = 0) -> Pool:
    return Pool(PoolKey(key), reserve_price_credits)


def some_units(pool_key: str = "gpu", on: int = 0, *, reserved: int = 0, spot: int = 0) -> DayUnits:
    """Return the units of a pool on a numbered day; of capacity or of commitments."""
    return DayUnits(PoolKey(pool_key), day(on), reserved, spot)


def a_calendar(
    pool_key: str = "gpu", *, days: int = 5, reserved: int = 10, spot: int = 5
) -> tuple[DayUnits, ...]:
    """Return the same units on every day of the sprint."""
    return tuple(some_units(pool_key, n, reserved=reserved, spot=spot) for n in range(days))


def a_team(key: str = "red", credits_: int = 10_000) -> Team:
    return Team(TeamKey(key), credits_)


def an_item(pool_key: str = "gpu", *, units: int = 1, offset: int = 0, days: int = 1) -> Item:
    return Item(PoolKey(pool_key), offset, days, units)


def an_alternative(
    *items: Item,
    number: int = 1,
    tier: Tier = Tier.RESERVED,
    offer: int = 100,
    value: int | None = None,
    lots: tuple[int, int] = (1, 1),
    starts: tuple[int, int] = (0, 0),
) -> Alternative:
    """Return one way to serve a bid; the value score is the offer unless it is named."""
    return Alternative(
        number=number,
        tier=tier,
        offer_credits_per_lot=offer,
        value_score_per_lot=offer if value is None else value,
        min_lots=lots[0],
        max_lots=lots[1],
        earliest_start=day(starts[0]),
        latest_start=day(starts[1]),
        items=items or (an_item(),),
    )


def a_bid(
    key: str = "b1",
    *alternatives: Alternative,
    team: str = "red",
    submitted_at: dt.datetime | None = None,
) -> Bid:
    return Bid(BidKey(key), TeamKey(team), alternatives or (an_alternative(),), submitted_at)


def a_problem(
    *bids: Bid,
    pools: Iterable[Pool] = (),
    capacity: Iterable[DayUnits] | None = None,
    teams: Iterable[Team] = (),
    commitments: Iterable[DayUnits] = (),
    days: int = 5,
    nonce: str = "",
    floor_ratio: Fraction = Fraction(0),
) -> Problem:
    """Return a round; pools, calendars and teams that the bids name are there by themselves."""
    items = [item for bid in bids for alternative in bid.alternatives for item in alternative.items]
    named = {pool.key: pool for pool in pools}
    all_pools = {item.pool_key: a_pool(item.pool_key) for item in items} | named
    all_pools = all_pools or {PoolKey("gpu"): a_pool()}
    all_teams = {bid.team_key: a_team(bid.team_key) for bid in bids}
    all_teams |= {team.key: team for team in teams}
    if capacity is None:
        capacity = [row for key in all_pools for row in a_calendar(key, days=days)]
    return Problem(
        round_key=RoundKey("sprint-1"),
        starts_on=FIRST_DAY,
        days=days,
        pools=tuple(all_pools.values()),
        capacity=tuple(capacity),
        teams=tuple(all_teams.values()) or (a_team(),),
        bids=bids,
        commitments=tuple(commitments),
        nonce=nonce,
        floor_ratio=floor_ratio,
    )
