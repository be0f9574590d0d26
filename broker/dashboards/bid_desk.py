"""What a bid form offers to choose from, and what stands in for fields that are left empty.

Nothing in here comes from bids of a round that is not decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy import select
from sqlmodel import Session

from allocation.problem import Tier
from broker.bids.drafts import (
    BidDraft,
    DraftAlternative,
    DraftItem,
    latest_start_that_fits,
    numbered,
)
from broker.bids.estimates import Estimate
from broker.bids.reading import TeamBid
from broker.dashboards.briefs import RoundBrief, find_round, rounds_ahead
from broker.dashboards.sources import POOL, ROUND_POOL, TEAM
from broker.policy.documents import Theme
from broker.policy.versions import policy_in_force
from broker.states import RoundState


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
    """What a team can choose from in a round. Shape: pools by kind, then by name."""

    round: RoundBrief
    team: TeamChoice
    pools: tuple[PoolChoice, ...]
    themes: tuple[ThemeChoice, ...]

    @property
    def pools_by_kind(self) -> tuple[tuple[str, tuple[PoolChoice, ...]], ...]:
        """The pools under a head for each kind."""
        groups = groupby(self.pools, lambda pool: pool.kind)
        return tuple((kind, tuple(pools)) for kind, pools in groups)


def bid_desk(session: Session, round_key: str, team: TeamChoice, at: dt.datetime) -> BidDesk:
    """Return what a team can choose from. Raises: NotFound if there is no such round."""
    brief = find_round(session, round_key)
    in_force = policy_in_force(session, at)
    themes = in_force.policy.themes if in_force else ()
    return BidDesk(
        brief,
        team,
        _pools(session, brief),
        tuple(_theme(theme, team.key) for theme in themes),
    )


def desk_of(session: Session, bid: TeamBid, at: dt.datetime) -> BidDesk:
    """Return what a bid was chosen from."""
    team = TeamChoice(bid.team_id, bid.team_key, bid.team_name)
    return bid_desk(session, bid.round.key, team, at)


def teams_of(session: Session, team_ids: Sequence[str]) -> tuple[TeamChoice, ...]:
    """Return some teams, by name."""
    rows = session.execute(
        select(TEAM.c.id, TEAM.c.key, TEAM.c.name)
        .where(TEAM.c.id.in_(sorted(team_ids)))
        .order_by(TEAM.c.name)
    )
    return tuple(TeamChoice(*row) for row in rows)


def open_rounds(session: Session, at: dt.datetime) -> tuple[RoundBrief, ...]:
    """Return the rounds that take bids now, the next sprint first."""
    return tuple(
        brief
        for brief in rounds_ahead(session)
        if brief.state == RoundState.OPEN and (brief.closes_at is None or at < brief.closes_at)
    )


def _theme(theme: Theme, team_key: str) -> ThemeChoice:
    is_confirmed = team_key in theme.confirmed_teams
    percent = theme.confirmed_percent if is_confirmed else theme.self_declared_percent
    return ThemeChoice(theme.key, theme.name, percent)


def _pools(session: Session, brief: RoundBrief) -> tuple[PoolChoice, ...]:
    rows = session.execute(
        select(POOL.c.key, POOL.c.name, ROUND_POOL.c.kind, ROUND_POOL.c.unit)
        .join(ROUND_POOL, ROUND_POOL.c.pool_id == POOL.c.id)
        .where(ROUND_POOL.c.round_id == brief.id)
        .order_by(ROUND_POOL.c.kind, POOL.c.name, POOL.c.key)
    )
    return tuple(PoolChoice(*row) for row in rows)


def fresh_draft(brief: RoundBrief, owner: str) -> BidDraft:
    """Return what a form starts from: one lot of one pool, reserved, for the whole sprint."""
    item = DraftItem(offset_days=0, days=brief.days)
    alternative = DraftAlternative(earliest_start=brief.starts_on, items=(item,))
    return BidDraft(alternatives=(alternative,), owner_after_award=owner, ends_on=brief.ends_on)


def filled_draft(draft: BidDraft, brief: RoundBrief) -> BidDraft:
    """Return a draft with what its form says about empty fields: the widest window, one lot."""
    alternatives = tuple(_filled(one, brief) for one in draft.alternatives)
    return replace(draft, alternatives=alternatives)


def _filled(one: DraftAlternative, brief: RoundBrief) -> DraftAlternative:
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
    return replace(whole, latest_start=one.latest_start or last)


def _filled_item(item: DraftItem, brief: RoundBrief) -> DraftItem:
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


def with_open_ends(draft: BidDraft, brief: RoundBrief) -> BidDraft:
    """Return a draft that says nothing of a latest start which is the last one that fits anyway."""
    return replace(draft, alternatives=tuple(_open_ended(one, brief) for one in draft.alternatives))


def _open_ended(one: DraftAlternative, brief: RoundBrief) -> DraftAlternative:
    last = latest_start_that_fits(one, brief.starts_on, brief.days)
    return replace(one, latest_start=None) if one.latest_start == last else one
