"""Product-shaped rounds, invented from a seed: the same words give the same round everywhere.

Nothing here knows a solver or a measurement. The distributions, from the outside in:

- Load. Demand is what the first alternatives of all bids ask for at their most lots, in units
  times days. The pools of a kind offer half of their demand together. Each has, on every day, room
  for the largest first alternative at its least lots. The rest goes to the pools by their demand
  times a factor, log-normal with sigma 0.4, since some are more sought after than others, and to
  their days with weights between 0.8 and 1.2. Three quarters of the units are reserved, or as many
  as that largest alternative needs; the others are spot. (In rounds of much less than 200 coarse
  bids those floors alone can be more than half of the demand, so that the load is smaller.)
- Pools are compute, expert or data in the ratio 3 : 2 : 1. Bundles take pools at random without
  looking at their kind. Reserve prices are 0 for three pools in four, else 1 credit.
- Bundles: 1, 2, 3 or 4 pools with weights 50, 30, 15, 5 (`granular`, `coarse`) or 10, 20, 35, 35
  (`bundle-heavy`). All items start together, except that one partner in four is needed only for a
  part of the time.
- Durations: 1 to 10 days, weight 1 / days, so 3.4 on average; at most the sprint.
- Units a day, for all lots: compute 8, 16, 32 or 64 gpu-hours, expert 2, 4, 6 or 8 hours, data
  1 or 2 seats; in the family `coarse` compute 32, 48 or 64, expert 4, 6 or 8.
- Windows: the first start anywhere in the sprint, the last 0 to 5 days after it (`coarse`: 0 or 1;
  uniform), cut so that every placement ends inside the sprint.
- Lots: a third of the bids come in 2 to 6 lots (2 where an item has fewer units), which share out
  the units, rounded up; the least number of lots is uniform from 1 to one less than the most. All
  others are one lot.
- Alternatives: 1, 2 or 3 with weights 50, 30, 20. A later one takes another pool instead of one of
  the bundle's, or the other tier, or another window, and offers 75 to 100 % of the first.
- Tier of the first alternative: reserved in 7 of 10.
- Values are log-normal: units x days, weighted 1 for compute, 8 for expert, 32 for data (a seat is
  worth more than a gpu-hour), times 10 x exp(N(0, 0.7)), rounded to whole credits a lot, at least
  1. The value score is the offer times a multiplier of 80, 90, 100 (weight 4), 110, 120 or 150 %.
- Teams: each bid's team is drawn with weight 1 / rank, so that few teams have many bids. A third
  of the teams has 25 to 50 % of the credits that all its bids could cost at their most lots, the
  others 90 to 120 %, and everybody enough for the largest single bid.
- Arrival: uniform over the seven days before the sprint, whatever the value.

Coarse and granular differ in how many bids meet. `coarse` rounds of up to 200 bids have 18 pools
for 100 bids and 10 days; larger ones have 30 pools and 3 more for 100 bids, and from 1,000 bids on
a day for 100 bids. So 3 to 7 bids ask for a pool on a day (half of them can be served), on rounds
large and small. `granular` and `bundle-heavy` rounds have 10 days and up to 24 pools, on which
dozens or hundreds of bids meet.

Some of these numbers were chosen by what they lead to, so that is no finding: the spread of values
and the units and weights of the kinds, so that the LP bound is 1.2 to 1.7 x density greedy and 1.6
to 2.3 x first come; pools, days and windows of `coarse` rounds, so that HiGHS alone proves most
rounds of 200 bids in well under a minute and none of 500. No number was chosen by what our engine
does.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
LOAD_RATIO = 2.0
"""Demand over capacity, of every kind of pools."""
SHARE_SIGMA = 0.4
VALUE_SIGMA = 0.7
RESERVED_PERCENT = 75
LONGEST_DAYS = 10
KINDS = ("compute", "expert", "compute", "data", "compute", "expert")
WORTH = {"compute": 1, "expert": 8, "data": 32}
MULTIPLIERS = (80, 90, 100, 100, 100, 100, 110, 120, 150)
FINE_UNITS = {"compute": (8, 16, 32, 64), "expert": (2, 4, 6, 8), "data": (1, 2)}
LUMPY_UNITS = {"compute": (32, 48, 64), "expert": (4, 6, 8), "data": (1, 2)}


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of rounds. Shape: weights of bundles of 1 to 4 pools; choices of units per kind."""

    bundle_weights: tuple[int, int, int, int]
    units: Mapping[str, tuple[int, ...]]


FAMILIES = {
    "granular": Family((50, 30, 15, 5), FINE_UNITS),
    "coarse": Family((50, 30, 15, 5), LUMPY_UNITS),
    "bundle-heavy": Family((10, 20, 35, 35), FINE_UNITS),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a round is, and of which family."""

    family: str
    bids: int
    pools: int
    days: int
    teams: int
    most_slack_days: int = 5


def default_shape(family: str, bids: int) -> Shape:
    """Return the shape of a round whose family and number of bids are all that is said."""
    teams = max(5, min(100, bids // 20))
    if family == "coarse":
        pools = max(4, min(100, round(0.18 * bids), 30 + round(0.03 * bids)))
        days = max(10, min(60, bids // 100))
        return Shape(family, bids, pools, days, teams, most_slack_days=1)
    pools_per_bid = 24 / 10_000 if family == "granular" else 24 / 2_000
    least = 4 if family == "granular" else 8
    return Shape(family, bids, max(least, min(24, round(pools_per_bid * bids))), 10, teams)


def generate(shape: Shape, seed: int) -> Problem:
    """Invent a round. The same shape and seed give the same round, bit for bit."""
    return _Invention(shape, seed).problem()


class _Invention:
    """One round on its way from chance to a problem."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self.family = FAMILIES[shape.family]
        self.round_key = f"{shape.family}-{shape.bids}-{seed}"
        words = f"{shape}|{seed}"
        self.chance = random.Random(words)  # noqa: S311  # invented demand, no secret
        self.pool_keys = [PoolKey(_key("p", n, shape.pools)) for n in range(shape.pools)]
        self.kinds = {key: KINDS[n % len(KINDS)] for n, key in enumerate(self.pool_keys)}

    def problem(self) -> Problem:
        """Invent bids first, then the capacity and the credits that they are too much for."""
        bids = self.invent_bids()
        return Problem(
            round_key=RoundKey(self.round_key),
            starts_on=FIRST_DAY,
            days=self.shape.days,
            pools=tuple(Pool(key, self.chance.choice((0, 0, 0, 1))) for key in self.pool_keys),
            capacity=self.invent_capacity(bids),
            teams=self.invent_teams(bids),
            bids=bids,
        )

    # --- demand ----------------------------------------------------------------------------

    def invent_bids(self) -> tuple[Bid, ...]:
        """Draw every bid, one after the other."""
        count = self.shape.teams
        weights = [1 / (1 + rank) for rank in range(count)]
        teams = self.chance.choices(range(count), weights, k=self.shape.bids)
        return tuple(self.invent_bid(n, team) for n, team in enumerate(teams))

    def invent_bid(self, number: int, team: int) -> Bid:
        """Draw a bid: its first alternative, then what else would do."""
        first = self.first_alternative()
        count = self.chance.choices((1, 2, 3), (50, 30, 20))[0]
        others = (self.other_alternative(first, n) for n in range(2, count + 1))
        return Bid(
            key=BidKey(_key("b", number, self.shape.bids)),
            team_key=TeamKey(_key("t", team, self.shape.teams)),
            alternatives=(first, *others),
            submitted_at=self.arrival(),
        )

    def arrival(self) -> dt.datetime:
        """Draw the second at which a bid came in, in the week before the sprint."""
        opens_at = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC) - dt.timedelta(days=7)
        return opens_at + dt.timedelta(seconds=self.chance.randrange(7 * 86_400))

    def first_alternative(self) -> Alternative:
        """Draw what a bid would like best."""
        needs = self.draw_needs()
        max_lots = self.draw_lots(min(item.units_per_lot for item in needs))
        items = tuple(
            Item(item.pool_key, item.offset_days, item.days, -(-item.units_per_lot // max_lots))
            for item in needs
        )
        offer = max(1, round(10 * self.work(items) * self.chance.lognormvariate(0, VALUE_SIGMA)))
        earliest, latest = self.draw_window(items)
        return Alternative(
            number=1,
            tier=Tier.RESERVED if self.chance.random() < 0.7 else Tier.SPOT,
            offer_credits_per_lot=offer,
            value_score_per_lot=_value_score(offer, self.chance.choice(MULTIPLIERS)),
            min_lots=self.chance.randint(1, max(1, max_lots - 1)),
            max_lots=max_lots,
            earliest_start=earliest,
            latest_start=latest,
            items=items,
        )

    def draw_needs(self) -> tuple[Item, ...]:
        """Draw the pools of a bundle, each with its days and with the units of all lots."""
        width = self.chance.choices((1, 2, 3, 4), self.family.bundle_weights)[0]
        pools = self.chance.sample(self.pool_keys, min(width, len(self.pool_keys)))
        longest = min(LONGEST_DAYS, self.shape.days)
        lengths = range(1, longest + 1)
        days = self.chance.choices(lengths, [1 / length for length in lengths])[0]
        partners = (self.draw_partner(key, days) for key in pools[1:])
        return (Item(pools[0], 0, days, self.draw_units(pools[0])), *partners)

    def draw_partner(self, pool_key: PoolKey, days: int) -> Item:
        """Draw a further pool of a bundle: needed all the time, or for a part of it."""
        first, last = 0, days
        if self.chance.random() < 1 / 4:
            first = self.chance.randrange(days)
            last = self.chance.randint(first + 1, days)
        return Item(pool_key, first, last - first, self.draw_units(pool_key))

    def draw_units(self, pool_key: PoolKey) -> int:
        """Draw how many units a day a bid needs of a pool."""
        return self.chance.choice(self.family.units[self.kinds[pool_key]])

    def draw_lots(self, fewest_units: int) -> int:
        """Draw the most lots that a bid comes in."""
        if self.chance.random() >= 1 / 3:
            return 1
        return min(self.chance.randint(2, 6), max(2, fewest_units))

    def draw_window(self, items: Sequence[Item]) -> tuple[dt.date, dt.date]:
        """Draw the first and the last start day."""
        room = self.shape.days - max(item.offset_days + item.days for item in items)
        first = self.chance.randint(0, room)
        last = min(room, first + self.chance.randint(0, self.shape.most_slack_days))
        return FIRST_DAY + dt.timedelta(days=first), FIRST_DAY + dt.timedelta(days=last)

    def work(self, items: Sequence[Item]) -> int:
        """Add up units times days, each kind with its weight."""
        return sum(WORTH[self.kinds[i.pool_key]] * i.units_per_lot * i.days for i in items)

    def other_alternative(self, first: Alternative, number: int) -> Alternative:
        """Draw what would do as well, for a little less."""
        items, tier = first.items, first.tier
        earliest, latest = first.earliest_start, first.latest_start
        change = self.chance.randrange(3)
        if change == 0:
            items = self.elsewhere(items)
        elif change == 1:
            tier = Tier.SPOT if tier is Tier.RESERVED else Tier.RESERVED
        else:
            earliest, latest = self.draw_window(items)
        percent = self.chance.randint(75, 100)
        return Alternative(
            number=number,
            tier=tier,
            offer_credits_per_lot=max(1, first.offer_credits_per_lot * percent // 100),
            value_score_per_lot=max(1, first.value_score_per_lot * percent // 100),
            min_lots=first.min_lots,
            max_lots=first.max_lots,
            earliest_start=earliest,
            latest_start=latest,
            items=items,
        )

    def elsewhere(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """Move one item to a pool that the bundle does not use yet, if there is one."""
        used = {item.pool_key for item in items}
        free = [key for key in self.pool_keys if key not in used]
        if not free:
            return items
        moved = self.chance.choice(items)
        there = Item(self.chance.choice(free), moved.offset_days, moved.days, moved.units_per_lot)
        return tuple(there if item is moved else item for item in items)

    # --- supply ----------------------------------------------------------------------------

    def invent_capacity(self, bids: Sequence[Bid]) -> tuple[DayUnits, ...]:
        """Offer of every kind of pools what its demand divided by the load leaves."""
        demand, floors = demand_unit_days(bids), _floor_units(bids)
        wanted = {key: demand[key] * self.chance.lognormvariate(0, SHARE_SIGMA) for key in demand}
        ratios = {kind: self.rest_ratio(kind, demand, floors, wanted) for kind in WORTH}
        return tuple(
            DayUnits(key, FIRST_DAY + dt.timedelta(days=day), *_split(units, floors[key]))
            for key, amount in wanted.items()
            for day, units in enumerate(self.spread(round(amount * ratios[self.kinds[key]])))
        )

    def rest_ratio(
        self,
        kind: str,
        demand: Mapping[PoolKey, float],
        floors: Mapping[PoolKey, float],
        wanted: Mapping[PoolKey, float],
    ) -> float:
        """Say how much of what the pools of a kind want is left beyond their floors."""
        all_units = self.sum_of(demand, kind) / LOAD_RATIO
        rest = all_units - self.shape.days * self.sum_of(floors, kind)
        return max(0.0, rest) / (self.sum_of(wanted, kind) or 1)

    def sum_of(self, amounts: Mapping[PoolKey, float], kind: str) -> float:
        """Add up an amount per pool over the pools of a kind."""
        return sum(amount for key, amount in amounts.items() if self.kinds[key] == kind)

    def spread(self, units: int) -> list[int]:
        """Share units out over the days, in whole units that add up."""
        weights = [self.chance.uniform(0.8, 1.2) for _ in range(self.shape.days)]
        total, given, so_far = sum(weights), 0, 0.0
        shares = []
        for weight in weights:
            so_far += weight
            shares.append(round(units * so_far / total) - given)
            given += shares[-1]
        return shares

    def invent_teams(self, bids: Sequence[Bid]) -> tuple[Team, ...]:
        """Give every team credits; for a third of them they are short."""
        costs: dict[TeamKey, list[int]] = defaultdict(list)
        for bid in bids:
            costs[bid.team_key].append(_largest_cost_credits(bid))
        keys = (TeamKey(_key("t", n, self.shape.teams)) for n in range(self.shape.teams))
        return tuple(Team(key, self.draw_credits(costs[key])) for key in keys)

    def draw_credits(self, costs: Sequence[int]) -> int:
        """Draw the credits of a team whose bids could cost so much."""
        is_short = self.chance.random() < 1 / 3
        percent = self.chance.randint(25, 50) if is_short else self.chance.randint(90, 120)
        return max(sum(costs) * percent // 100, max(costs, default=0))


def demand_unit_days(bids: Sequence[Bid]) -> dict[PoolKey, int]:
    """Say what the first alternatives ask for at their most lots, in units times days per pool."""
    demand: dict[PoolKey, int] = defaultdict(int)
    for bid in bids:
        first = bid.alternatives[0]
        for item in first.items:
            demand[item.pool_key] += item.units_per_lot * item.days * first.max_lots
    return dict(sorted(demand.items()))


def _floor_units(bids: Sequence[Bid]) -> dict[PoolKey, int]:
    """Say what a pool needs on a day, so that it holds every first alternative alone."""
    largest: dict[PoolKey, int] = defaultdict(int)
    for first in (bid.alternatives[0] for bid in bids):
        for item in first.items:
            units = item.units_per_lot * first.min_lots
            largest[item.pool_key] = max(largest[item.pool_key], units)
    return largest


def _largest_cost_credits(bid: Bid) -> int:
    return max(a.offer_credits_per_lot * a.max_lots for a in bid.alternatives)


def _value_score(offer: int, multiplier_percent: int) -> int:
    return max(1, offer * multiplier_percent // 100)


def _split(more_units: int, floor_units: int) -> tuple[int, int]:
    """Lay units on top of a floor, and split all of them into reserved and spot."""
    units = floor_units + more_units
    reserved = max(floor_units, round(units * RESERVED_PERCENT / 100))
    return reserved, units - reserved


def _key(letter: str, number: int, count: int) -> str:
    return f"{letter}{number + 1:0{len(str(count))}}"
