"""The chance of an offer, as far as past rounds tell: how many comparable bids won.

Comparable is an alternative of a published round in the same tier that asks for the same pools and
whose offer, measured by what its lot cost at the list prices published before that round, is within
a fifth below and a quarter above. Where fewer than five ask for exactly these pools, those that ask
for some of them count. Nothing of a round that is not published is touched, so that not even the
time it takes tells of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, select
from sqlmodel import Session

from allocation.problem import Tier
from broker.bids.prices import Prices, cost_microcredits, prices_of
from broker.bids.tables import AskedPoolRow
from broker.dashboards.sources import (
    ALTERNATIVE,
    AWARD,
    DECLINE,
    ITEM,
    MARKET_RUN,
    POOL,
    ROUND,
    total,
)
from broker.spot.tables import is_of_a_sprint
from broker.tables import RoundRow

ASKED = AskedPoolRow.metadata.tables[AskedPoolRow.__tablename__]
FEWEST_CASES = 5
MOST_ROUNDS = 6
"""How far back bids are compared; older ones met another market."""
LEAST_PERCENT, MOST_PERCENT = 80, 125
"""How far an offer may be from ours, each divided by its list cost, to be like it."""


@dataclass(frozen=True, slots=True)
class Chance:
    """How many of the comparable past bids won.

    `asks_for_same_pools` is False where bids count that share only some of the pools.
    """

    won: int
    cases: int
    asks_for_same_pools: bool

    @property
    def percent(self) -> int | None:
        """The share that won, rounded down; None where there are too few to speak of a share."""
        return 100 * self.won // self.cases if self.cases >= FEWEST_CASES else None


@dataclass(frozen=True, slots=True)
class PastOffer:
    """An alternative of a published round that won or was declined with its bid.

    Units: the cost is of one lot, in millionths of a credit.
    """

    tier: Tier
    pools: frozenset[str]
    offer_credits_per_lot: int
    cost_microcredits: int
    is_won: bool


@dataclass(frozen=True, slots=True)
class Past:
    """What published rounds tell about some pools."""

    prices: Prices
    offers: tuple[PastOffer, ...]


def past_of(session: Session, row: RoundRow, pool_keys: Iterable[str]) -> Past:
    """Return the prices of some pools, and what became of bids that asked for them."""
    wanted = sorted(pool_keys)
    if not wanted:
        return Past(Prices({}), ())
    lines: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for line in session.execute(_past_items(row, wanted)):
        lines[line.bid_id, line.number].append(line)
    asked = {line.pool_key for items in lines.values() for line in items}
    prices = prices_of(session, asked.union(wanted))
    offers = (_past_offer(items, prices) for items in lines.values())
    return Past(prices, tuple(offer for offer in offers if offer is not None))


def chance_of(
    past: Past, tier: Tier, pools: frozenset[str], offer_credits: int, cost_microcredits_: int
) -> Chance:
    """Return how many past bids like an offer won."""
    similar = [
        one
        for one in past.offers
        if one.tier is tier
        and one.pools & pools
        and _is_similar(one, offer_credits, cost_microcredits_)
    ]
    same = [one for one in similar if one.pools == pools]
    cases = same if len(same) >= FEWEST_CASES else similar
    won = sum(one.is_won for one in cases)
    return Chance(won, len(cases), all(one.pools == pools for one in cases))


def _is_similar(one: PastOffer, offer: int, cost: int) -> bool:
    theirs, ours = one.offer_credits_per_lot * cost, offer * one.cost_microcredits
    return LEAST_PERCENT * ours <= 100 * theirs <= MOST_PERCENT * ours


def _past_offer(items: list[Any], prices: Prices) -> PastOffer | None:
    """Return an alternative with what it cost as far as one knew; None if that was not known."""
    tier, starts_on = Tier(items[0].tier), items[0].starts_on
    known = {
        line.pool_key: price.microcredits
        for line in items
        if (price := prices.last_before(line.pool_key, tier, starts_on)) is not None
    }
    cost = cost_microcredits(_uses(items), known)
    if not cost:
        return None
    pools = frozenset(line.pool_key for line in items)
    offer, is_won = items[0].offer_credits_per_lot, items[0].awarded is not None
    return PastOffer(tier, pools, offer, cost, is_won)


def _uses(items: list[Any]) -> Iterator[tuple[str, int]]:
    return ((line.pool_key, int(line.unit_days)) for line in items)


def _past_items(row: RoundRow, pool_keys: list[str]) -> Select[Any]:
    """Look up the pools of every alternative that asked for one of some pools, and how it ended.

    Where another alternative of its bid won, nothing is known about this one.
    """
    rounds = (
        select(ROUND.c.id, ROUND.c.starts_on, MARKET_RUN.c.run_id)
        .join(MARKET_RUN, MARKET_RUN.c.round_id == ROUND.c.id)
        .where(ROUND.c.starts_on < row.starts_on, is_of_a_sprint())
        .order_by(ROUND.c.starts_on.desc(), ROUND.c.key)
        .limit(MOST_ROUNDS)
        .subquery("past_round")
    )
    one_of_them = POOL.alias("one_of_them")
    asking = (
        select(ASKED.c.bid_id, ASKED.c.number, rounds.c.starts_on, rounds.c.run_id)
        .join(one_of_them, one_of_them.c.id == ASKED.c.pool_id)
        .join(rounds, rounds.c.id == ASKED.c.round_id)
        .where(one_of_them.c.key.in_(pool_keys))
        .distinct()
        .subquery("asking")
    )
    of_asking = and_(
        ALTERNATIVE.c.bid_id == asking.c.bid_id, ALTERNATIVE.c.number == asking.c.number
    )
    ended = (
        ALTERNATIVE.c.bid_id,
        ALTERNATIVE.c.number,
        ALTERNATIVE.c.tier,
        ALTERNATIVE.c.offer_credits_per_lot,
        asking.c.starts_on,
        AWARD.c.bid_id,
    )
    return (
        select(
            *ended[:5],
            ended[5].label("awarded"),
            POOL.c.key.label("pool_key"),
            total(ITEM.c.units_per_lot * ITEM.c.days).label("unit_days"),
        )
        .select_from(asking)
        .join(ALTERNATIVE, of_asking)
        .join(
            ITEM,
            and_(ITEM.c.bid_id == ALTERNATIVE.c.bid_id, ITEM.c.number == ALTERNATIVE.c.number),
        )
        .join(POOL, POOL.c.id == ITEM.c.pool_id)
        .outerjoin(
            AWARD,
            and_(
                AWARD.c.run_id == asking.c.run_id,
                AWARD.c.bid_id == asking.c.bid_id,
                AWARD.c.alternative == ALTERNATIVE.c.number,
            ),
        )
        .outerjoin(
            DECLINE, and_(DECLINE.c.run_id == asking.c.run_id, DECLINE.c.bid_id == asking.c.bid_id)
        )
        .where(AWARD.c.bid_id.is_not(None) | DECLINE.c.bid_id.is_not(None))
        .group_by(*ended, POOL.c.key)
    )
