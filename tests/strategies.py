"""Small rounds of every shape for hypothesis: few units, few prices, so that ties are common."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

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
from tests.builders import FIRST_DAY, day

ARRIVED_AT = dt.datetime(2026, 2, 20, 9, tzinfo=dt.UTC)


@st.composite
def items(draw: st.DrawFn, pool_keys: list[PoolKey], days: int) -> Item:
    """Draw one item that fits in the sprint; units are few, so that capacity binds."""
    offset = draw(st.integers(0, min(1, days - 1)))
    return Item(
        pool_key=draw(st.sampled_from(pool_keys)),
        offset_days=offset,
        days=draw(st.integers(1, min(3, days - offset))),
        units_per_lot=draw(st.sampled_from([1, 1, 2, 3])),
    )


@st.composite
def alternatives(draw: st.DrawFn, number: int, pool_keys: list[PoolKey], days: int) -> Alternative:
    """Draw an alternative: single or bundle, also with several items on one pool and day."""
    parts = tuple(draw(items(pool_keys, days)) for _ in range(draw(st.sampled_from([1, 1, 2, 3]))))
    latest = days - max(item.offset_days + item.days for item in parts)
    earliest = draw(st.integers(0, latest))
    min_lots = draw(st.sampled_from([1, 1, 2]))
    offer = draw(st.sampled_from([1, 2, 3, 4, 6]))
    return Alternative(
        number=number,
        tier=draw(st.sampled_from(Tier)),
        offer_credits_per_lot=offer,
        value_score_per_lot=draw(st.one_of(st.just(offer), st.integers(1, 6))),
        min_lots=min_lots,
        max_lots=min_lots + draw(st.integers(0, 2)),
        earliest_start=day(earliest),
        latest_start=day(draw(st.integers(earliest, min(latest, earliest + 2)))),
        items=parts,
    )


@st.composite
def bids(
    draw: st.DrawFn, key: str, team_keys: list[TeamKey], pool_keys: list[PoolKey], days: int
) -> Bid:
    """Draw a bid of one or two alternatives, whose numbers need not begin at 1."""
    numbers = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True))
    return Bid(
        key=BidKey(key),
        team_key=draw(st.sampled_from(team_keys)),
        alternatives=tuple(draw(alternatives(n, pool_keys, days)) for n in numbers),
        submitted_at=draw(st.none() | st.integers(0, 3).map(_minutes_later)),
    )


def _minutes_later(minutes: int) -> dt.datetime:
    return ARRIVED_AT + dt.timedelta(minutes=minutes)


@st.composite
def calendars(draw: st.DrawFn, pool_key: PoolKey, days: int) -> tuple[DayUnits, ...]:
    """Draw the gross units of a pool: the same every day, but for days that are short or closed."""
    reserved = draw(st.sampled_from([6, 4, 9, 15, 0]))
    spot = draw(st.sampled_from([3, 0, 1, 6]))
    cuts = [draw(st.sampled_from([1, 1, 1, 1, 1, 2, 99])) for _ in range(days)]
    return tuple(
        DayUnits(pool_key, day(number), reserved // cut, spot // cut)
        for number, cut in enumerate(cuts)
    )


@st.composite
def held_units(draw: st.DrawFn, gross: DayUnits) -> DayUnits:
    """Draw commitments that the capacity can hold; spot commitments may use reserved units."""
    reserved = min(gross.reserved_units, draw(st.sampled_from([0, 0, 1, 2])))
    rest = gross.reserved_units + gross.spot_units - reserved
    spot = min(rest, draw(st.sampled_from([0, 0, 0, 1, 3, 99])))
    return DayUnits(gross.pool_key, gross.day, reserved, spot)


@st.composite
def problems(draw: st.DrawFn, max_bids: int = 8) -> Problem:
    """Draw a round: 1 to 3 pools, 1 to 5 days, tight and loose credits, equal bids."""
    days = draw(st.integers(1, 5))
    pools = [PoolKey(key) for key in ("expert", "gpu", "seat")[: draw(st.integers(1, 3))]]
    teams = [TeamKey(key) for key in ("blue", "red", "teal")[: draw(st.integers(1, 3))]]
    reserve_prices = st.sampled_from([0, 0, 0, 1])
    capacity = [row for pool in pools for row in draw(calendars(pool, days))]
    is_committed = draw(st.sampled_from([False, False, True]))
    return Problem(
        round_key=RoundKey("sprint-1"),
        starts_on=FIRST_DAY,
        days=days,
        pools=tuple(Pool(key, draw(reserve_prices)) for key in pools),
        capacity=tuple(capacity),
        teams=tuple(Team(key, draw(st.sampled_from([1000, 1000, 20, 8]))) for key in teams),
        bids=draw(_equal_or_different_bids(max_bids, teams, pools, days)),
        commitments=tuple(draw(held_units(row)) for row in capacity) if is_committed else (),
        nonce=draw(st.sampled_from(["", "a", "b"])),
    )


@st.composite
def _equal_or_different_bids(
    draw: st.DrawFn, max_bids: int, team_keys: list[TeamKey], pool_keys: list[PoolKey], days: int
) -> tuple[Bid, ...]:
    """Draw bids; about every third has the same content as the one before, so that ties happen."""
    drawn: list[Bid] = []
    for number in range(draw(st.sampled_from(range(max_bids + 1)))):
        key = f"b{number}"
        if drawn and draw(st.sampled_from([False, False, True])):
            twin = drawn[-1]
            drawn.append(Bid(BidKey(key), twin.team_key, twin.alternatives, twin.submitted_at))
        else:
            drawn.append(draw(bids(key, team_keys, pool_keys, days)))
    return tuple(drawn)
