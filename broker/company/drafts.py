"""Bids before they have prices: who asks for what, when, and how large beside the others.

Works are dealt out so that every pool is asked for, then sized so that the demand for each pool
reaches its target. Nothing here knows credits; bids.py prices what stands here.

Floats appear as weights only; every quantity that leaves this module is whole.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from allocation.problem import PoolKey, Tier
from broker.company.calendars import SPRINT_DAYS, Units
from broker.company.pools import POOLS
from broker.company.teams import TEAMS, TeamPlan
from broker.company.works import BUNDLES, SINGLES, Need, Work

BUNDLE_PERCENT = 28
DEMAND_RATIO = (1.7, 1.98)
LARGEST_SHARE_PERCENT = 90
ALL_OR_NOTHING_PERCENT = 60
SIZE_SIGMA = 0.45
SCALING_STEPS = 40
WEEK_DAYS = 7
MONDAY_PERCENT = 75

Supply = Mapping[PoolKey, tuple[Units, ...]]
"""The units of every pool on every day of a sprint, first to last."""


@dataclass(frozen=True, slots=True)
class Use:
    """One pool for so many days of a sprint, counted from the start of the bid."""

    pool_key: PoolKey
    offset_days: int
    days: int

    def days_from(self, start: int) -> range:
        """Return the sprint's days, counted from 0, that this uses from a start."""
        return range(start + self.offset_days, start + self.offset_days + self.days)

    def shortened(self) -> Use:
        """Return the same with a day less, but never without any."""
        return replace(self, days=max(1, self.days - 1))

    def least_units(self, start: int, tier: Tier, supply: Supply) -> int:
        """Return the units that a tier could have on each of the days, in an empty round."""
        return min(available(supply[self.pool_key][day], tier) for day in self.days_from(start))

    def is_open(self, start: int, tier: Tier, supply: Supply) -> bool:
        """Say whether every day has room for the smallest request."""
        return self.least_units(start, tier, supply) >= POOLS[self.pool_key].step_units


@dataclass(frozen=True, slots=True)
class Part:
    """A use with its size. Units: `share` is the size beside others who ask for the same pool."""

    use: Use
    share: float
    most_units: int

    @property
    def most_unit_days(self) -> int:
        """Return the units times days that this may ask for at most."""
        return self.most_units * self.use.days


@dataclass(frozen=True, slots=True)
class Draft:
    """A bid before it has prices. Units: `start` counts the sprint's days from 0."""

    work: Work
    team: TeamPlan
    subject: str
    tier: Tier
    start: int
    min_lots: int
    max_lots: int
    parts: tuple[Part, ...]

    def units_per_lot(self, part: Part, scale: float) -> int:
        """Return the whole steps of units that a lot takes at a scale of the pool's demand."""
        step = POOLS[part.use.pool_key].step_units
        wanted = round(part.share * scale / part.use.days / self.max_lots / step)
        return max(1, min(wanted, part.most_units // self.max_lots // step)) * step


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


def demand_scales(
    drafts: Sequence[Draft], supply: Supply, draw: random.Random
) -> Mapping[PoolKey, float]:
    """Return the scale at which each pool is asked for its target times its supply."""
    found: dict[PoolKey, float] = {}
    for pool_key in sorted(supply):
        target = draw.uniform(*DEMAND_RATIO) * total_units(supply[pool_key])
        parts = [(d, p) for d in drafts for p in d.parts if p.use.pool_key == pool_key]
        found[pool_key] = _scale(parts, target)
    return found


def total_units(days: Sequence[Units]) -> int:
    """Return the units of all days together."""
    return sum(units.total for units in days)


def available(units: Units, tier: Tier) -> int:
    """Return the units that a bid of a tier could have on an empty day."""
    return units.reserved if tier is Tier.RESERVED else units.total


def open_starts(uses: Sequence[Use], tier: Tier, supply: Supply) -> list[int]:
    """Return the starts at which every use is open and ends inside the sprint."""
    span = max(use.offset_days + use.days for use in uses)
    starts = range(SPRINT_DAYS - span + 1)
    return [s for s in starts if all(use.is_open(s, tier, supply) for use in uses)]


def _scale(parts: Sequence[tuple[Draft, Part]], target: float) -> float:
    """Halve the interval until the parts ask for the target, or for all that they may."""
    low, high = 0.0, 4 * target
    for _ in range(SCALING_STEPS):
        middle = (low + high) / 2
        asked = sum(
            draft.units_per_lot(part, middle) * draft.max_lots * part.use.days
            for draft, part in parts
        )
        low, high = (middle, high) if asked < target else (low, middle)
    return high


def _bundles(count: int, draw: random.Random) -> Iterator[Work]:
    """Deal bundles like cards: every kind comes once before any comes again."""
    cards: list[Work] = []
    for _ in range(count):
        cards = cards or draw.sample(BUNDLES, len(BUNDLES))
        yield cards.pop()


def _least_wanted(drafts: Sequence[Draft], supply: Supply) -> PoolKey:
    """Return the pool that may be asked for least, beside what it has."""
    asked: Counter[PoolKey] = Counter()
    for draft in drafts:
        for part in draft.parts:
            asked[part.use.pool_key] += part.most_unit_days
    return min(sorted(supply), key=lambda key: asked[key] / max(1, total_units(supply[key])))


def _draft(work: Work, drafts: Sequence[Draft], supply: Supply, draw: random.Random) -> Draft:
    team, subject = _who(work, drafts, draw)
    tier = Tier.SPOT if draw.randrange(100) < work.spot_percent else Tier.RESERVED
    start, uses = _when(work.needs, tier, supply, draw)
    max_lots = _most_lots(work, start, uses, tier, supply, draw)
    is_whole = draw.randrange(100) < ALL_OR_NOTHING_PERCENT
    return Draft(
        work=work,
        team=team,
        subject=subject,
        tier=tier,
        start=start,
        min_lots=max_lots if is_whole else draw.randint(1, -(-max_lots // 2)),
        max_lots=max_lots,
        parts=tuple(_part(use, use.least_units(start, tier, supply), draw) for use in uses),
    )


def _who(work: Work, drafts: Sequence[Draft], draw: random.Random) -> tuple[TeamPlan, str]:
    """Choose a team of the work's areas and one of its models; a work comes once for a model."""
    used = {draft.subject for draft in drafts if draft.work is work}
    able = [team for team in TEAMS.values() if team.areas & work.areas]
    pairs = [(team, subject) for team in able for subject in team.subjects]
    fresh = [pair for pair in pairs if pair[1] not in used] or pairs
    left = {team.key: _appetite_left(team, drafts) for team in able}
    return draw.choices(fresh, [left[team.key] / len(team.subjects) for team, _ in fresh])[0]


def _appetite_left(team: TeamPlan, drafts: Sequence[Draft]) -> float:
    """Weigh a team by its credits, and less the more of them its drafts would already take."""
    parts = [part for draft in drafts if draft.team is team for part in draft.parts]
    asked = sum(POOLS[p.use.pool_key].usual_price_credits * p.most_unit_days for p in parts)
    return team.credits / (1 + asked / team.credits) ** 2


def _when(
    needs: Sequence[Need], tier: Tier, supply: Supply, draw: random.Random
) -> tuple[int, tuple[Use, ...]]:
    """Choose days and a start at which every use is open, with fewer days if there is none.

    Most work starts with a week where it can.
    """
    uses = tuple(Use(PoolKey(n.pool_key), n.offset_days, draw.randint(*n.days)) for n in needs)
    starts = open_starts(uses, tier, supply)
    while not starts and any(use.days > 1 for use in uses):
        uses = tuple(use.shortened() for use in uses)
        starts = open_starts(uses, tier, supply)
    mondays = [start for start in starts if start % WEEK_DAYS == 0]
    wanted = mondays if draw.randrange(100) < MONDAY_PERCENT else starts
    return draw.choice(wanted or starts or [0]), uses


def _most_lots(
    work: Work,
    start: int,
    uses: Sequence[Use],
    tier: Tier,
    supply: Supply,
    draw: random.Random,
) -> int:
    room = min(
        use.least_units(start, tier, supply) // POOLS[use.pool_key].step_units for use in uses
    )
    most = work.lots[1]
    return max(1, min(draw.randint(-(-most // 2), most), room))


def _part(use: Use, least_units: int, draw: random.Random) -> Part:
    most_units = least_units * LARGEST_SHARE_PERCENT // 100
    return Part(use, draw.lognormvariate(0, SIZE_SIGMA), most_units)
