"""Bids before they have prices: who asks for what, when, and how large beside the others.

Works are dealt out so that every pool is asked for, then sized so that the demand for each pool
reaches its target. Nothing here knows credits; bids.py prices what stands here.

Floats appear as weights only; every quantity that leaves this module is whole.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from allocation.problem import PoolKey, Tier
from broker.company.calendars import SPRINT_DAYS, Units
from broker.company.pools import POOLS
from broker.company.teams import TEAMS, TeamPlan
from broker.company.works import BUNDLES, SINGLES, Need, Work

BUNDLE_PERCENT = 27
DEMAND_RATIO = (1.7, 2.05)
LARGEST_SHARE_PERCENT = 50
TYPICAL_SHARE = 0.15
SIZE_SIGMA = 0.4
ALL_OR_NOTHING_PERCENT = 8
WHOLE_PERCENT = 100
MOST_LEAST_PERCENT = 10
SPOT_SIZE = 0.6
SPOT_DEMAND = 0.6
LARGEST_SCALE = 8.0
SCALING_STEPS = 30
WEEK_DAYS = 7
FEWEST_DAYS_OF_A_WEEK = 5
FEWEST_DAYS_OF_TWO_WEEKS = 10
WHOLE_WEEKS_PERCENT = 85

Supply = Mapping[PoolKey, tuple[Units, ...]]
"""The units of every pool on every day of a sprint, first to last."""
Scales = Mapping[PoolKey, float]
"""What the demand for each pool is multiplied by, so that it reaches its target."""


@dataclass(frozen=True, slots=True)
class Use:
    """One pool on some days of a bid. Units: `offsets` count from the start of the bid, rising."""

    pool_key: PoolKey
    offsets: tuple[int, ...]

    @property
    def days(self) -> int:
        """Return on how many days this uses the pool."""
        return len(self.offsets)

    @property
    def runs(self) -> tuple[range, ...]:
        """Return the offsets in runs of days that follow each other without a gap."""
        keyed = groupby(enumerate(self.offsets), lambda pair: pair[1] - pair[0])
        runs = [[offset for _, offset in run] for _, run in keyed]
        return tuple(range(run[0], run[-1] + 1) for run in runs)

    def days_from(self, start: int) -> list[int]:
        """Return the sprint's days, counted from 0, that this uses from a start."""
        return [start + offset for offset in self.offsets]

    def least_units(self, start: int, tier: Tier, supply: Supply) -> int:
        """Return the units that a tier could have on each of the days, in an empty round."""
        return min(available(supply[self.pool_key][day], tier) for day in self.days_from(start))

    def is_open(self, start: int, tier: Tier, supply: Supply) -> bool:
        """Say whether every day has room for the smallest request."""
        return self.least_units(start, tier, supply) >= POOLS[self.pool_key].step_units


@dataclass(frozen=True, slots=True)
class Part:
    """A use with its size: `wanted` units a day before the demand is scaled, `most_units` after."""

    use: Use
    wanted: float
    most_units: int

    def scaled_units(self, scales: Scales) -> int:
        """Return the units a day at a scale of the pool's demand, never more than the most."""
        return min(round(self.wanted * scales[self.use.pool_key]), self.most_units)

    @property
    def unit_days(self) -> float:
        """Return the units times days that this asks for before the demand is scaled."""
        return self.wanted * self.use.days


@dataclass(frozen=True, slots=True)
class Draft:
    """A bid before it has prices. Units: `start` counts the sprint's days from 0."""

    work: Work
    team: TeamPlan
    subject: str
    tier: Tier
    start: int
    parts: tuple[Part, ...]
    least_lots_percent: int
    """The smallest award in hundredths of what is asked for."""

    def sized(self, scales: Scales) -> Sized:
        """Return the lots and the whole steps of units that a lot takes of every part."""
        units = [part.scaled_units(scales) for part in self.parts]
        steps = [POOLS[part.use.pool_key].step_units for part in self.parts]
        most = 1
        if self.least_lots_percent < WHOLE_PERCENT:
            most = max(1, min(u // step for u, step in zip(units, steps, strict=True)))
        least = max(1, most * self.least_lots_percent // 100)
        per_lot = tuple(
            max(1, round(u / most / step)) * step for u, step in zip(units, steps, strict=True)
        )
        return Sized(least, most, per_lot)


@dataclass(frozen=True, slots=True)
class Sized:
    """The lots of a draft, and what a lot takes of each part on a day."""

    min_lots: int
    max_lots: int
    units_per_lot: tuple[int, ...]


def draft_bids(count: int, supply: Supply, draw: random.Random) -> tuple[Draft, ...]:
    """Return so many drafts, bundles first, such that every pool is asked for."""
    drafts: list[Draft] = []
    for work in _bundles(-(-count * BUNDLE_PERCENT // 100), draw):
        drafts.append(_draft(work, drafts, supply, draw))
    while len(drafts) < count:
        pool_key = _least_wanted(drafts, supply)
        works = [work for work in SINGLES if work.needs[0].pool_key == pool_key]
        drafts.append(_draft(draw.choice(works), drafts, supply, draw))
    return tuple(drafts)


def demand_scales(drafts: Sequence[Draft], supply: Supply, draw: random.Random) -> Scales:
    """Return the scale at which each pool is asked for its target times its supply."""
    found: dict[PoolKey, float] = {}
    for pool_key in sorted(supply):
        target = draw.uniform(*DEMAND_RATIO) * total_units(supply[pool_key])
        found[pool_key] = _scale(pool_key, drafts, target)
    return found


def total_units(days: Sequence[Units]) -> int:
    """Return the units of all days together."""
    return sum(units.total for units in days)


def available(units: Units, tier: Tier) -> int:
    """Return the units that a bid of a tier could have on an empty day."""
    return units.reserved if tier is Tier.RESERVED else units.total


def open_starts(uses: Sequence[Use], tier: Tier, supply: Supply) -> list[int]:
    """Return the starts at which every use is open and ends inside the sprint."""
    span = max(use.offsets[-1] for use in uses) + 1
    starts = range(SPRINT_DAYS - span + 1)
    return [s for s in starts if all(use.is_open(s, tier, supply) for use in uses)]


def _scale(pool_key: PoolKey, drafts: Sequence[Draft], target: float) -> float:
    """Halve the interval until the drafts ask for the target, or for all that they may."""
    parts = [p for draft in drafts for p in draft.parts if p.use.pool_key == pool_key]
    low, high = 0.0, LARGEST_SCALE
    for _ in range(SCALING_STEPS):
        middle = (low + high) / 2
        asked = sum(part.scaled_units({pool_key: middle}) * part.use.days for part in parts)
        low, high = (middle, high) if asked < target else (low, middle)
    return high


def _bundles(count: int, draw: random.Random) -> Iterator[Work]:
    """Deal bundles like cards: every kind comes once before any comes again."""
    cards: list[Work] = []
    for _ in range(count):
        cards = cards or draw.sample(BUNDLES, len(BUNDLES))
        yield cards.pop()


def _least_wanted(drafts: Sequence[Draft], supply: Supply) -> PoolKey:
    """Return the pool that is asked for least, beside what it has."""
    asked: Counter[PoolKey] = Counter()
    for draft in drafts:
        for part in draft.parts:
            asked[part.use.pool_key] += round(part.unit_days)
    return min(sorted(supply), key=lambda key: asked[key] / max(1, total_units(supply[key])))


def _draft(work: Work, drafts: Sequence[Draft], supply: Supply, draw: random.Random) -> Draft:
    team, subject = _who(work, drafts, draw)
    tier = _tier(work, drafts, supply, draw)
    start, uses = _when(work.needs, _Crowd(drafts, tier, supply), draw)
    share = TYPICAL_SHARE * draw.lognormvariate(0, SIZE_SIGMA)
    parts = tuple(_part(use, share, start, tier, supply) for use in uses)
    is_whole = draw.randrange(100) < ALL_OR_NOTHING_PERCENT
    least = WHOLE_PERCENT if is_whole else draw.randint(0, MOST_LEAST_PERCENT)
    return Draft(work, team, subject, tier, start, parts, least)


def _tier(work: Work, drafts: Sequence[Draft], supply: Supply, draw: random.Random) -> Tier:
    """Ask for spot where the work can, and where it is asked for least beside reserved units."""
    pool_key = PoolKey(work.needs[0].pool_key)
    total = total_units(supply[pool_key])
    spot = sum(units.spot for units in supply[pool_key])
    asked = {tier: _asked(pool_key, tier, drafts) + TYPICAL_SHARE * total / 2 for tier in Tier}
    is_free = asked[Tier.SPOT] * total < sum(asked.values()) * spot * SPOT_DEMAND
    can = draw.randrange(100) < work.spot_percent
    return Tier.SPOT if can and is_free else Tier.RESERVED


def _asked(pool_key: PoolKey, tier: Tier, drafts: Sequence[Draft]) -> float:
    """Return the units times days of a pool that the drafts ask for in a tier."""
    parts = [part for draft in drafts if draft.tier is tier for part in draft.parts]
    return sum(part.unit_days for part in parts if part.use.pool_key == pool_key)


def _who(work: Work, drafts: Sequence[Draft], draw: random.Random) -> tuple[TeamPlan, str]:
    """Choose a team of the work's areas and one of its models; a work comes once for a model."""
    used = {draft.subject for draft in drafts if draft.work is work}
    able = [team for team in TEAMS.values() if team.areas & work.areas]
    pairs = [(team, subject) for team in able for subject in team.subjects]
    fresh = [pair for pair in pairs if pair[1] not in used] or pairs
    left = {team.key: _appetite_left(team, drafts) for team in able}
    return draw.choices(fresh, [left[team.key] / len(team.subjects) for team, _ in fresh])[0]


def _appetite_left(team: TeamPlan, drafts: Sequence[Draft]) -> float:
    """Weigh a team by what it wants, and less the more its drafts already ask for."""
    parts = [part for draft in drafts if draft.team is team for part in draft.parts]
    asked = sum(POOLS[p.use.pool_key].usual_price_credits * p.unit_days for p in parts)
    return team.appetite_credits / (1 + asked / team.appetite_credits) ** 2


class _Crowd:
    """How much the drafts so far ask of every day of a tier, so that the next can go elsewhere."""

    def __init__(self, drafts: Sequence[Draft], tier: Tier, supply: Supply) -> None:
        self.tier = tier
        self.supply = supply
        self.asked: Counter[tuple[PoolKey, int]] = Counter()
        for draft in drafts:
            if draft.tier is tier:
                self._count(draft)

    def _count(self, draft: Draft) -> None:
        for part in draft.parts:
            for day in part.use.days_from(draft.start):
                self.asked[part.use.pool_key, day] += round(part.wanted * 100)

    def density(self, start: int, uses: Sequence[Use]) -> float:
        """Return what is asked on the days of some uses, beside what the tier has there."""
        places = [(use.pool_key, day) for use in uses for day in use.days_from(start)]
        return sum(self._density_at(*place) for place in places) / len(places)

    def _density_at(self, pool_key: PoolKey, day: int) -> float:
        units = self.supply[pool_key][day]
        own = units.spot if self.tier is Tier.SPOT else units.reserved
        return self.asked[pool_key, day] / 100 / max(1, own)


def _when(needs: Sequence[Need], crowd: _Crowd, draw: random.Random) -> tuple[int, tuple[Use, ...]]:
    """Choose a start where fewest others want to be, and use the days that are open from there."""
    spans = _spans(needs, draw)
    most = max(need.offset_days + days for need, days in zip(needs, spans, strict=True))
    in_weeks = most % WEEK_DAYS == 0
    able = []
    for start in range(0, SPRINT_DAYS - most + 1, WEEK_DAYS if in_weeks else 1):
        uses = tuple(
            _open_use(need, days, start, crowd) for need, days in zip(needs, spans, strict=True)
        )
        able.append((crowd.density(start, uses), start, uses))
    _, start, uses = min(able, key=lambda found: found[:2])
    return start, uses


def _spans(needs: Sequence[Need], draw: random.Random) -> list[int]:
    """Draw how long each pool is needed; most work that takes a week or more ends with one."""
    spans = [draw.randint(*need.days) for need in needs]
    if draw.randrange(100) >= WHOLE_WEEKS_PERCENT or max(spans) < FEWEST_DAYS_OF_A_WEEK:
        return spans
    weeks = 1 if max(spans) < FEWEST_DAYS_OF_TWO_WEEKS else 2
    return [
        days
        if days < FEWEST_DAYS_OF_A_WEEK
        else (1 if days < FEWEST_DAYS_OF_TWO_WEEKS else weeks) * WEEK_DAYS - need.offset_days
        for need, days in zip(needs, spans, strict=True)
    ]


def _open_use(need: Need, days: int, start: int, crowd: _Crowd) -> Use:
    """Use a pool on the days of a span on which it is open, or on the first if there is none."""
    key = PoolKey(need.pool_key)
    offsets = range(need.offset_days, need.offset_days + days)
    able = [n for n in offsets if Use(key, (n,)).is_open(start, crowd.tier, crowd.supply)]
    return Use(key, tuple(able) or (need.offset_days,))


def _part(use: Use, share: float, start: int, tier: Tier, supply: Supply) -> Part:
    """Size a use beside the pool's usual day; spot bids are smaller."""
    units = share * _usual_units(supply[use.pool_key]) * (SPOT_SIZE if tier is Tier.SPOT else 1)
    most_units = use.least_units(start, tier, supply) * LARGEST_SHARE_PERCENT // 100
    return Part(use, units, most_units)


def _usual_units(days: Sequence[Units]) -> float:
    """Return the mean units of the days on which a pool is open."""
    return total_units(days) / max(1, sum(units.total > 0 for units in days))
