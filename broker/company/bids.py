"""The demand of one round: drafts with quantities, windows, alternatives and offers.

Offers spread log-normally around what the units usually cost; the value score follows from the
policy and from what the team pledges. Everything follows from the seed and the sprint. Nothing here
knows a database or a clock; rounds.py puts the bids into rounds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from allocation.problem import Alternative, Item, PoolKey, TeamKey, Tier
from broker.company.calendars import SATURDAY, Sprint
from broker.company.data import purpose_of
from broker.company.drafts import (
    WEEK_DAYS,
    Draft,
    Scales,
    Sized,
    Supply,
    Use,
    demand_scales,
    draft_bids,
    open_starts,
)
from broker.company.policies import draw_pledge, whole_pledge
from broker.company.pools import POOLS
from broker.company.teams import TEAMS
from broker.policy.documents import Policy
from broker.policy.pledges import Pledge
from broker.policy.scores import scored

FEWEST_BIDS = 120
MOST_BIDS = 130
WORTH_SIGMA = 0.6
APPETITE_SIGMA = 0.12
SEASON_SIGMA = 0.2
SPOT_WORTH_PERCENT = 60
FLEXIBLE_PERCENT = 50
SLACK_DAYS: Mapping[Tier, int] = {Tier.RESERVED: 2, Tier.SPOT: 4}

SECOND_CHOICE_PERCENT = 15
SPOT_INSTEAD_PERCENT = 70
OTHER_POOL_PERCENT = 85
LATER_PERCENT = 88

REHEARSAL_H100 = 104
WEEKEND_HOURS = 12
GUILD = TeamKey("data-science-guild")
GUILD_ITEM = Item(PoolKey("batch-cpu"), WEEK_DAYS + SATURDAY, 2, 2)
"""What is free at a weekend, when there are fewer claims; the guild can pay for it twice."""
DRILL_NODES = 8
DRILLS = (
    ("claims-automation", "claims triage model"),
    ("document-intelligence", "document router"),
)
"""Two teams of one theme whose bids are equal in all that decides, for room that only one has."""


@dataclass(frozen=True, slots=True)
class PlannedBid:
    """A bid ready to be placed, but for the moment at which it is."""

    team_key: TeamKey
    title: str
    alternatives: tuple[Alternative, ...]
    pledge: Pledge


@dataclass(frozen=True, slots=True)
class Market:
    """What every bid of a round is planned in: the sprint, what there is, the rules, and the dice.

    Pledges have dice of their own.
    """

    sprint: Sprint
    supply: Supply
    policy: Policy
    draw: random.Random
    draw_pledges: random.Random


@dataclass(frozen=True, slots=True)
class Mood:
    """What moves demand and prices from one sprint to the next. Shape: around 1 each."""

    scales: Scales
    seasons: Mapping[PoolKey, float]
    appetites: Mapping[TeamKey, float]

    def worth(self, team_key: TeamKey, items: tuple[Item, ...]) -> float:
        """Return what a lot is worth to a team of average need, in this sprint."""
        cost = sum(_usual_cost_credits(item) * self.seasons[item.pool_key] for item in items)
        return cost * self.appetites[team_key]


def plan_bids(market: Market) -> tuple[PlannedBid, ...]:
    """Return the bids of a sprint's round, in the order in which they will be placed."""
    draw = market.draw
    set_pieces = _set_pieces(market.sprint)
    count = draw.randint(FEWEST_BIDS, MOST_BIDS) - len(set_pieces)
    drafts = draft_bids(count, market.supply, draw)
    mood = Mood(
        scales=demand_scales(drafts, market.supply, draw),
        seasons={key: draw.lognormvariate(0, SEASON_SIGMA) for key in POOLS},
        appetites={key: draw.lognormvariate(0, APPETITE_SIGMA) for key in TEAMS},
    )
    planned = [*(_plan(market, mood, draft) for draft in drafts), *set_pieces]
    return tuple(_scored(market.policy, bid) for bid in draw.sample(planned, len(planned)))


def _scored(policy: Policy, bid: PlannedBid) -> PlannedBid:
    """Give every offer of a bid the value score that a policy makes of it."""
    return replace(bid, alternatives=scored(policy, bid.team_key, bid.pledge, bid.alternatives))


def _plan(market: Market, mood: Mood, draft: Draft) -> PlannedBid:
    sized = draft.sized(mood.scales)
    items = tuple(_items(draft, sized))
    worth = mood.worth(TeamKey(draft.team.key), items)
    first = _first_choice(market, draft, sized, items, worth)
    units = items[0].units_per_lot * sized.max_lots
    return PlannedBid(
        team_key=TeamKey(draft.team.key),
        title=draft.work.title.format(subject=draft.subject, units=units),
        alternatives=(first, *_second_choice(market, draft, first)),
        pledge=replace(
            draw_pledge(draft.team, market.sprint, market.draw_pledges),
            purpose=purpose_of(draft.team, (item.pool_key for item in items)),
        ),
    )


def _items(draft: Draft, sized: Sized) -> Iterator[Item]:
    """Ask for the same units on every run of days that follow each other."""
    for part, units in zip(draft.parts, sized.units_per_lot, strict=True):
        for run in part.use.runs:
            yield Item(part.use.pool_key, run.start, len(run), units)


def _first_choice(
    market: Market, draft: Draft, sized: Sized, items: tuple[Item, ...], worth: float
) -> Alternative:
    """Price what the draft wants most, in a window around its start."""
    earliest, latest = _window(market, draft)
    tier_percent = SPOT_WORTH_PERCENT if draft.tier is Tier.SPOT else 100
    ratio = market.draw.lognormvariate(0, WORTH_SIGMA) * tier_percent / 100
    offer = max(1, round(worth * ratio))
    return Alternative(
        number=1,
        tier=draft.tier,
        offer_credits_per_lot=offer,
        value_score_per_lot=offer,
        min_lots=sized.min_lots,
        max_lots=sized.max_lots,
        earliest_start=market.sprint.days[earliest],
        latest_start=market.sprint.days[latest],
        items=items,
    )


def _window(market: Market, draft: Draft) -> tuple[int, int]:
    """Let some bids start a few days earlier or later, as far as their pools are open."""
    if market.draw.randrange(100) >= FLEXIBLE_PERCENT:
        return draft.start, draft.start
    able = set(open_starts([part.use for part in draft.parts], draft.tier, market.supply))
    slack = SLACK_DAYS[draft.tier]
    earliest = latest = draft.start
    while earliest - 1 in able and draft.start - earliest < slack:
        earliest -= 1
    while latest + 1 in able and latest - draft.start < slack:
        latest += 1
    return earliest, latest


def _second_choice(market: Market, draft: Draft, first: Alternative) -> tuple[Alternative, ...]:
    """Say what some bidders would take instead: spot, another pool, a later start."""
    if market.draw.randrange(100) >= SECOND_CHOICE_PERCENT:
        return ()
    able = (_spot_instead(first), _on_another_pool(draft, first), _later(market, first))
    choices = [choice for choice in able if choice]
    if not choices:
        return ()
    changed, percent = market.draw.choice(choices)
    offer = max(1, changed.offer_credits_per_lot * percent // 100)
    return (replace(changed, number=2, offer_credits_per_lot=offer),)


def _spot_instead(first: Alternative) -> tuple[Alternative, int] | None:
    if first.tier is Tier.SPOT:
        return None
    return replace(first, tier=Tier.SPOT), SPOT_INSTEAD_PERCENT


def _on_another_pool(draft: Draft, first: Alternative) -> tuple[Alternative, int] | None:
    key = draft.work.other_pool_key
    if key is None:
        return None
    wanted = draft.work.needs[0].pool_key
    items = tuple(
        replace(item, pool_key=PoolKey(key)) if item.pool_key == wanted else item
        for item in first.items
    )
    return replace(first, items=items), OTHER_POOL_PERCENT


def _later(market: Market, first: Alternative) -> tuple[Alternative, int] | None:
    """Move the window behind the first one, to the starts that are open there."""
    uses = [_use(item) for item in first.items]
    days = market.sprint.days
    starts = [
        days[n]
        for n in open_starts(uses, first.tier, market.supply)
        if days[n] > first.latest_start
    ]
    if not starts:
        return None
    return replace(first, earliest_start=starts[0], latest_start=starts[-1]), LATER_PERCENT


def _use(item: Item) -> Use:
    return Use(item.pool_key, tuple(range(item.offset_days, item.offset_days + item.days)))


def _usual_cost_credits(item: Item) -> int:
    return POOLS[item.pool_key].usual_price_credits * item.units_per_lot * item.days


def _set_pieces(sprint: Sprint) -> tuple[PlannedBid, ...]:
    """Return what every market sees: too much, nobody there, twins, an empty purse."""
    rehearsal = Item(PoolKey("h100-training"), 0, 1, REHEARSAL_H100)
    saturday = Item(PoolKey("annotation-team"), SATURDAY, 2, WEEKEND_HOURS)
    drill = Item(PoolKey("batch-cpu"), SATURDAY, 2, DRILL_NODES)
    return (
        _set_piece(
            sprint,
            "ml-platform",
            f"Rehearse a retrain of everything on {REHEARSAL_H100} H100",
            rehearsal,
        ),
        _set_piece(sprint, "document-intelligence", "Label the backlog over the weekend", saturday),
        *(
            _set_piece(sprint, team_key, f"Weekend recovery drill of the {subject}", drill)
            for team_key, subject in DRILLS
        ),
        *(
            _set_piece(sprint, GUILD, f"Weekend experiments with the {subject}", GUILD_ITEM)
            for subject in TEAMS[GUILD].subjects
        ),
    )


def _set_piece(sprint: Sprint, team_key: str, title: str, item: Item) -> PlannedBid:
    offer = _usual_cost_credits(item)
    alternative = Alternative(
        number=1,
        tier=Tier.RESERVED,
        offer_credits_per_lot=offer,
        value_score_per_lot=offer,
        min_lots=1,
        max_lots=1,
        earliest_start=sprint.starts_on,
        latest_start=sprint.starts_on,
        items=(item,),
    )
    pledge = whole_pledge(TEAMS[TeamKey(team_key)], sprint)
    return PlannedBid(TeamKey(team_key), title, (alternative,), pledge)
