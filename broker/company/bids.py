"""The demand of one round: drafts with quantities, windows, alternatives and offers.

Offers spread log-normally around what the units usually cost; the value score adds the team's
theme. Everything follows from the seed and the sprint. Nothing here knows a database or a clock;
rounds.py puts the bids into rounds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from allocation.problem import Alternative, Item, PoolKey, TeamKey, Tier
from broker.company.calendars import SATURDAY, SUNDAY, Sprint
from broker.company.drafts import Draft, Supply, Use, demand_scales, draft_bids, open_starts
from broker.company.pools import POOLS
from broker.company.teams import TEAMS, TeamPlan

FEWEST_BIDS = 120
MOST_BIDS = 130
WORTH_SIGMA = 0.45
APPETITE_SIGMA = 0.12
SPOT_WORTH_PERCENT = 60
FLEXIBLE_PERCENT = 25
SLACK_DAYS: Mapping[Tier, int] = {Tier.RESERVED: 2, Tier.SPOT: 4}

SECOND_CHOICE_PERCENT = 20
SPOT_INSTEAD_PERCENT = 70
OTHER_POOL_PERCENT = 85
LATER_PERCENT = 88

REHEARSAL_H100 = 104
WEEKEND_HOURS = 12


@dataclass(frozen=True, slots=True)
class PlannedBid:
    """A bid ready to be placed, but for the moment at which it is."""

    team_key: TeamKey
    title: str
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """What every bid of a round is planned in: the sprint, what there is, and the dice."""

    sprint: Sprint
    supply: Supply
    draw: random.Random


def plan_bids(market: Market) -> tuple[PlannedBid, ...]:
    """Return the bids of a sprint's round, in the order in which they will be placed."""
    draw = market.draw
    impossible = _impossible_bids(market.sprint)
    count = draw.randint(FEWEST_BIDS, MOST_BIDS) - len(impossible)
    drafts = draft_bids(count, market.supply, draw)
    scales = demand_scales(drafts, market.supply, draw)
    appetites = {key: draw.lognormvariate(0, APPETITE_SIGMA) for key in TEAMS}
    planned = [
        *(_plan(market, d, scales, appetites[TeamKey(d.team.key)]) for d in drafts),
        *impossible,
    ]
    return tuple(draw.sample(planned, len(planned)))


def _plan(
    market: Market, draft: Draft, scales: Mapping[PoolKey, float], appetite: float
) -> PlannedBid:
    items = tuple(
        Item(
            part.use.pool_key,
            part.use.offset_days,
            part.use.days,
            draft.units_per_lot(part, scales[part.use.pool_key]),
        )
        for part in draft.parts
    )
    first = _first_choice(market, draft, items, appetite)
    units = items[0].units_per_lot * draft.max_lots
    return PlannedBid(
        team_key=TeamKey(draft.team.key),
        title=draft.work.title.format(subject=draft.subject, units=units),
        alternatives=(first, *_second_choice(market, draft, first)),
    )


def _first_choice(
    market: Market, draft: Draft, items: tuple[Item, ...], appetite: float
) -> Alternative:
    """Price what the draft wants most, in a window around its start."""
    slack = SLACK_DAYS[draft.tier] if market.draw.randrange(100) < FLEXIBLE_PERCENT else 0
    earliest = max(0, draft.start - market.draw.randint(0, slack))
    last_start = len(market.sprint.days) - max(i.offset_days + i.days for i in items)
    latest = min(last_start, draft.start + market.draw.randint(0, slack))
    tier_percent = SPOT_WORTH_PERCENT if draft.tier is Tier.SPOT else 100
    worth = appetite * market.draw.lognormvariate(0, WORTH_SIGMA) * tier_percent / 100
    offer = max(1, round(_usual_cost_credits(items) * worth))
    return Alternative(
        number=1,
        tier=draft.tier,
        offer_credits_per_lot=offer,
        value_score_per_lot=value_score(draft.team, offer),
        min_lots=draft.min_lots,
        max_lots=draft.max_lots,
        earliest_start=market.sprint.days[earliest],
        latest_start=market.sprint.days[latest],
        items=items,
    )


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
    score = value_score(draft.team, offer)
    return (replace(changed, number=2, offer_credits_per_lot=offer, value_score_per_lot=score),)


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
    uses = [Use(item.pool_key, item.offset_days, item.days) for item in first.items]
    days = market.sprint.days
    starts = [
        days[n]
        for n in open_starts(uses, first.tier, market.supply)
        if days[n] > first.latest_start
    ]
    if not starts:
        return None
    return replace(first, earliest_start=starts[0], latest_start=starts[-1]), LATER_PERCENT


def value_score(team: TeamPlan, offer_credits: int) -> int:
    """Return the value score of an offer under the team's theme, rounded down, at least 1."""
    return max(1, offer_credits * team.multiplier_percent // 100)


def _usual_cost_credits(items: tuple[Item, ...]) -> int:
    return sum(
        POOLS[item.pool_key].usual_price_credits * item.units_per_lot * item.days for item in items
    )


def _impossible_bids(sprint: Sprint) -> tuple[PlannedBid, ...]:
    """Return what every market sees: more than there is, and people who are not there."""
    rehearsal = Item(PoolKey("h100-training"), 0, 1, REHEARSAL_H100)
    saturday = Item(PoolKey("annotation-team"), SATURDAY, SUNDAY - SATURDAY + 1, WEEKEND_HOURS)
    return (
        _impossible_bid(
            sprint,
            "ml-platform",
            f"Rehearse a retrain of everything on {REHEARSAL_H100} H100",
            rehearsal,
        ),
        _impossible_bid(
            sprint, "document-intelligence", "Label the backlog over the weekend", saturday
        ),
    )


def _impossible_bid(sprint: Sprint, team_key: str, title: str, item: Item) -> PlannedBid:
    team = TEAMS[TeamKey(team_key)]
    offer = _usual_cost_credits((item,))
    alternative = Alternative(
        number=1,
        tier=Tier.RESERVED,
        offer_credits_per_lot=offer,
        value_score_per_lot=value_score(team, offer),
        min_lots=1,
        max_lots=1,
        earliest_start=sprint.starts_on,
        latest_start=sprint.starts_on,
        items=(item,),
    )
    return PlannedBid(TeamKey(team_key), title, (alternative,))
