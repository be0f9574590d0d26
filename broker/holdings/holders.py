"""Awards that stand, as bids of a later round in which they compete: what is left of them.

A holder asks for what its award still holds from the round's first day on, at the part of its value
score and offer that falls on the unit-days that are left. Its payment is made, so it stands in a
team of its own, whose credits are the offers of all holders. Source: MODEL.md, Contests.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    Contest,
    Item,
    PoolKey,
    Problem,
    Team,
    TeamKey,
    Tier,
)
from broker.holdings.tables import ContestedAwardRow, CutCause
from broker.spot.tables import FirstPlaceRow
from broker.tables import AlternativeRow, AwardRow, BidRow, ItemRow, PoolRow, RoundRow

HOLDERS = "standing"
"""The team of the holders; with a number behind it where a team is called so."""
Units = Counter[tuple[PoolKey, dt.date, Tier]]


@dataclass(frozen=True, slots=True)
class Rest:
    """What an award holds from a day on: so many lots of an alternative, at its old start."""

    key: BidKey
    way: Alternative
    start: dt.date
    lots: int

    def from_day(self, day: dt.date, prices: Mapping[PoolKey, int]) -> Alternative | None:
        """Return the alternative that asks for it from a day on; None if nothing is left then.

        Its offer is at least its reserve cost, so that no price keeps it out.
        """
        items = tuple(self._items_from(day))
        if not items:
            return None
        left, every = _unit_days(items), _unit_days(self.way.items)
        reserve_cost = sum(prices[one.pool_key] * one.units_per_lot * one.days for one in items)
        least = max(1, reserve_cost)
        return Alternative(
            number=self.way.number,
            tier=self.way.tier,
            offer_credits_per_lot=max(least, self.way.offer_credits_per_lot * left // every),
            value_score_per_lot=max(1, self.way.value_score_per_lot * left // every),
            min_lots=min(self.way.min_lots, self.lots),
            max_lots=self.lots,
            earliest_start=max(self.start, day),
            latest_start=max(self.start, day),
            items=items,
        )

    def units_from(self, day: dt.date) -> Units:
        """Count the units that it holds on each day from a day on."""
        units: Units = Counter()
        begins = max(self.start, day)
        for item in self._items_from(day):
            for n in range(item.offset_days, item.offset_days + item.days):
                place = item.pool_key, begins + dt.timedelta(days=n), self.way.tier
                units[place] += item.units_per_lot * self.lots
        return units

    def _items_from(self, day: dt.date) -> Iterator[Item]:
        """Cut items off before a day; offsets count from the later of the day and the start."""
        gone = max(0, (day - self.start).days)
        for item in self.way.items:
            ends = item.offset_days + item.days
            begins = max(item.offset_days, gone)
            if begins < ends:
                yield replace(item, offset_days=begins - gone, days=ends - begins)


def _unit_days(items: Iterable[Item]) -> int:
    return sum(item.units_per_lot * item.days for item in items)


def with_contest(session: Session, row: RoundRow, problem: Problem) -> Problem:
    """Add to what a round asks the awards that compete in it, and who comes first."""
    rests = contested_rests(session, row)
    places = select(col(BidRow.key)).join(
        FirstPlaceRow, col(FirstPlaceRow.bid_id) == col(BidRow.id)
    )
    first = {BidKey(key) for key in session.scalars(places.where(col(BidRow.round_id) == row.id))}
    if not rests and not first:
        return problem
    team, holders = as_bids((one for one, _ in rests), problem)
    lost = {one.key for one, cause in rests if cause is CutCause.CAPACITY_LOST}
    first |= {b.key for b in holders if b.key in lost and _is_reserved(b)}
    return replace(
        problem,
        teams=(*problem.teams, *([team] if holders else [])),
        bids=(*problem.bids, *holders),
        contest=Contest(tuple(first), tuple(bid.key for bid in holders)),
    )


def as_bids(rests: Iterable[Rest], problem: Problem) -> tuple[Team, tuple[Bid, ...]]:
    """Return awards as bids of a problem, and the team that they stand in."""
    taken = {team.key for team in problem.teams}
    names = (TeamKey(HOLDERS + (f"-{n}" if n else "")) for n in range(len(taken) + 1))
    team_key = next(name for name in names if name not in taken)
    ways = {one.key: one.from_day(problem.starts_on, problem.reserve_prices) for one in rests}
    bids = tuple(Bid(key, team_key, (way,)) for key, way in ways.items() if way)
    offers = sum(
        bid.alternatives[0].offer_credits_per_lot * bid.alternatives[0].max_lots for bid in bids
    )
    return Team(team_key, offers), bids


def contested_rests(session: Session, row: RoundRow) -> tuple[tuple[Rest, CutCause], ...]:
    """Return the awards that compete in a round, with what each would lose its units to."""
    contested = session.scalars(
        select(ContestedAwardRow).where(col(ContestedAwardRow.round_id) == row.id)
    ).all()
    lots = {(one.run_id, one.bid_id): one.lots for one in contested}
    causes = {one.bid_id: CutCause(one.cause) for one in contested}
    found = rests_of(session, lots)
    return tuple((rest, causes[bid_id]) for (_, bid_id), rest in sorted(found.items()))


def rests_of(session: Session, lots: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], Rest]:
    """Return what awards hold, for so many lots by their run and bid."""
    bid_ids = [bid_id for _, bid_id in lots]
    won = (
        select(AwardRow, AlternativeRow, col(BidRow.key))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(
            AlternativeRow,
            (col(AlternativeRow.bid_id) == col(AwardRow.bid_id))
            & (col(AlternativeRow.number) == col(AwardRow.alternative)),
        )
        .where(col(AwardRow.bid_id).in_(bid_ids))
    )
    items = _items(session, bid_ids)
    return {
        (award.run_id, award.bid_id): Rest(
            BidKey(key),
            _way(line, items[award.bid_id, award.alternative]),
            award.start,
            lots[award.run_id, award.bid_id],
        )
        for award, line, key in session.execute(won)
        if (award.run_id, award.bid_id) in lots
    }


def _items(session: Session, bid_ids: list[str]) -> dict[tuple[str, int], tuple[Item, ...]]:
    rows = session.execute(
        select(ItemRow, col(PoolRow.key))
        .join(PoolRow, col(PoolRow.id) == col(ItemRow.pool_id))
        .where(col(ItemRow.bid_id).in_(bid_ids))
    )
    found: dict[tuple[str, int], tuple[Item, ...]] = {}
    for item, key in rows:
        one = Item(PoolKey(key), item.offset_days, item.days, item.units_per_lot)
        place = item.bid_id, item.number
        found[place] = (*found.get(place, ()), one)
    return found


def _way(line: AlternativeRow, items: tuple[Item, ...]) -> Alternative:
    return Alternative(
        number=line.number,
        tier=Tier(line.tier),
        offer_credits_per_lot=line.offer_credits_per_lot,
        value_score_per_lot=line.value_score_per_lot,
        min_lots=line.min_lots,
        max_lots=line.max_lots,
        earliest_start=line.earliest_start,
        latest_start=line.latest_start,
        items=items,
    )


def _is_reserved(bid: Bid) -> bool:
    return bid.alternatives[0].tier is Tier.RESERVED
