"""What a bid form offers to choose from, and what stands in for fields that are left empty.

Nothing in here comes from bids of a round that is not decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from sqlmodel import Session

from allocation.problem import Tier
from broker.bids.desks import Desk
from broker.bids.drafts import (
    BidDraft,
    DraftAlternative,
    DraftItem,
    latest_start_that_fits,
    numbered,
)
from broker.bids.estimates import Estimate
from broker.bids.reading import BidRound, round_of
from broker.dashboards.briefs import RoundBrief, rounds_open
from broker.policy.documents import Theme


@dataclass(frozen=True, slots=True)
class PoolChoice:
    """A pool that a round offers."""

    key: str
    name: str
    kind: str
    unit: str


@dataclass(frozen=True, slots=True)
class ThemeChoice:
    """A theme that a bid may name, and what it counts for the team."""

    key: str
    name: str
    percent: int


@dataclass(frozen=True, slots=True)
class TeamChoice:
    """A team for which somebody may bid."""

    id: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class BidDesk:
    """What a team can choose from in a round.

    Shape: pools by kind, then by name; purposes with the names of the pools that allow them.
    """

    round: BidRound
    team: TeamChoice
    pools: tuple[PoolChoice, ...]
    themes: tuple[ThemeChoice, ...]
    purposes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tiers: tuple[Tier, ...] = tuple(Tier)

    @property
    def pools_by_kind(self) -> tuple[tuple[str, tuple[PoolChoice, ...]], ...]:
        """The pools under a head for each kind."""
        groups = groupby(self.pools, lambda pool: pool.kind)
        return tuple((kind, tuple(pools)) for kind, pools in groups)


def bid_desk(desk: Desk) -> BidDesk:
    """Return what a team can choose from where it writes a bid."""
    themes = desk.policy.themes if desk.policy else ()
    pools = (
        PoolChoice(key, pool.asked.name, pool.kind, pool.unit) for key, pool in desk.pools.items()
    )
    return BidDesk(
        round_of(desk.round),
        TeamChoice(desk.team_id, desk.team_key, desk.team_name),
        tuple(sorted(pools, key=lambda pool: (pool.kind, pool.name, pool.key))),
        tuple(_theme(theme, desk.team_key) for theme in themes),
        _purposes(desk),
        desk.tiers,
    )


def _purposes(desk: Desk) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what data may be used for in the round, each with the pools that allow it."""
    found: dict[str, list[str]] = {}
    for pool in sorted(desk.pools.values(), key=lambda pool: pool.asked.name):
        for purpose in pool.terms.purposes if pool.terms else ():
            found.setdefault(purpose, []).append(pool.asked.name)
    return tuple((purpose, tuple(pools)) for purpose, pools in sorted(found.items()))


def open_rounds(session: Session, at: dt.datetime) -> tuple[RoundBrief, ...]:
    """Return the rounds that take bids now: the next sprint first, daily rounds after sprints."""
    return tuple(
        brief for brief in rounds_open(session) if brief.closes_at is None or at < brief.closes_at
    )


def _theme(theme: Theme, team_key: str) -> ThemeChoice:
    is_confirmed = team_key in theme.confirmed_teams
    percent = theme.confirmed_percent if is_confirmed else theme.self_declared_percent
    return ThemeChoice(theme.key, theme.name, percent)


def fresh_draft(brief: BidRound, owner: str, tier: Tier = Tier.RESERVED) -> BidDraft:
    """Return what a form starts from: one lot of one pool for all days of the round."""
    item = DraftItem(offset_days=0, days=brief.days)
    alternative = DraftAlternative(tier=tier, earliest_start=brief.starts_on, items=(item,))
    return BidDraft(alternatives=(alternative,), owner_after_award=owner, ends_on=brief.ends_on)


def filled_draft(draft: BidDraft, brief: BidRound) -> BidDraft:
    """Return a draft with what its form says about empty fields: the widest window, one lot."""
    alternatives = tuple(_filled(one, brief) for one in draft.alternatives)
    return replace(draft, alternatives=alternatives)


def _filled(one: DraftAlternative, brief: BidRound) -> DraftAlternative:
    items = tuple(_filled_item(item, brief) for item in one.items)
    whole = replace(
        one,
        tier=one.tier or Tier.RESERVED,
        earliest_start=one.earliest_start or brief.starts_on,
        min_lots=1 if one.min_lots is None else one.min_lots,
        max_lots=one.min_lots or 1 if one.max_lots is None else one.max_lots,
        items=items,
    )
    last = latest_start_that_fits(whole, brief.starts_on, brief.days)
    return replace(whole, latest_start=one.latest_start or last or whole.earliest_start)


def _filled_item(item: DraftItem, brief: BidRound) -> DraftItem:
    offset = item.offset_days or 0
    days = max(1, brief.days - offset) if item.days is None else item.days
    return replace(item, offset_days=offset, days=days)


def with_suggested_offers(draft: BidDraft, estimate: Estimate) -> BidDraft:
    """Return a draft whose empty offers are what a lot cost last, and a tenth more."""
    costs = [one.cost_credits_per_lot for one in estimate.alternatives]
    alternatives = (
        one
        if cost is None or one.offer_credits_per_lot is not None
        else replace(one, offer_credits_per_lot=max(1, -(-cost * 11 // 10)))
        for one, cost in zip(draft.alternatives, costs, strict=True)
    )
    return replace(draft, alternatives=tuple(alternatives))


def suggested_offers(draft: BidDraft, offered: BidDraft) -> Mapping[int, int]:
    """Return the offers that one draft has and the other lacks, by number of alternative."""
    pairs = zip(numbered(draft), offered.alternatives, strict=True)
    return {
        number: after.offer_credits_per_lot
        for (number, before), after in pairs
        if before.offer_credits_per_lot is None and after.offer_credits_per_lot is not None
    }


def with_open_ends(draft: BidDraft, brief: BidRound) -> BidDraft:
    """Return a draft that says nothing of a latest start which is the last one that fits anyway."""
    return replace(draft, alternatives=tuple(_open_ended(one, brief) for one in draft.alternatives))


def _open_ended(one: DraftAlternative, brief: BidRound) -> DraftAlternative:
    last = latest_start_that_fits(one, brief.starts_on, brief.days)
    return replace(one, latest_start=None) if one.latest_start == last else one
