"""The personal part of the market's home: a team's balance, its bids by state, what needs somebody.

Everything here is of the teams of whoever asks; nobody else's bids are counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, may
from broker.bids.lists import BidCount, count_standings, count_unready, leads
from broker.bids.reading import Standing
from broker.dashboards.briefs import RoundBrief
from broker.dashboards.deliveries import delivery_duties
from broker.dashboards.sources import TEAM
from broker.ledger.tables import AccountKind, AccountRow
from broker.notices.reading import unread_count
from broker.states import RoundState

MOST_NEEDS = 3
"""More than three things at once need nobody in particular."""


class NeedKind(StrEnum):
    """What needs somebody, the most pressing first."""

    SUBMIT_DRAFTS = "submit-drafts"
    PLACE_FIRST_BID = "place-first-bid"
    COMPLETE_PLEDGES = "complete-pledges"
    REPORT_DELIVERIES = "report-deliveries"
    DECIDE_DELIVERIES = "decide-deliveries"
    READ_NOTICES = "read-notices"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for whoever asks: how many of it, and in which round if it is of one."""

    kind: NeedKind
    count: int
    round: RoundBrief | None = None


@dataclass(frozen=True, slots=True)
class TeamBalance:
    """What a team can spend, and what waits for the outcome of a closed round."""

    team_key: str
    team: str
    available_credits: int
    held_credits: int


@dataclass(frozen=True, slots=True)
class RoundBids:
    """How many bids of one's teams stand where in a round."""

    round: RoundBrief
    counts: tuple[BidCount, ...]


@dataclass(frozen=True, slots=True)
class MyMarket:
    """What a person sees of their own on the market's home."""

    balances: tuple[TeamBalance, ...]
    rounds: tuple[RoundBids, ...]
    bid_in: tuple[RoundBrief, ...]
    needs: tuple[Need, ...]


def my_market(
    session: Session, actor: Actor, strips: Sequence[RoundBrief], now: dt.datetime
) -> MyMarket | None:
    """Return what is somebody's own among some rounds; None for whoever has not signed in."""
    if not may(actor, Action.USE_ACCOUNT):
        return None
    shown = [brief.id for brief in strips]
    counts = count_standings(session, actor, shown) if actor.teams else ()
    bid_in = tuple(brief for brief in strips if _takes_bids(brief, now)) if leads(actor) else ()
    return MyMarket(
        balances=_balances(session, actor) if actor.teams else (),
        rounds=tuple(_round_bids(brief, counts) for brief in strips) if actor.teams else (),
        bid_in=bid_in,
        needs=tuple(_needs(session, actor, bid_in, counts, now))[:MOST_NEEDS],
    )


def _takes_bids(brief: RoundBrief, now: dt.datetime) -> bool:
    is_in_time = brief.closes_at is None or now < brief.closes_at
    return brief.state == RoundState.OPEN and is_in_time


def _round_bids(brief: RoundBrief, counts: Sequence[BidCount]) -> RoundBids:
    order = list(Standing)
    own = (one for one in counts if one.round_key == brief.key)
    return RoundBids(brief, tuple(sorted(own, key=lambda one: order.index(one.standing))))


def _balances(session: Session, actor: Actor) -> tuple[TeamBalance, ...]:
    kinds = (AccountKind.AVAILABLE, AccountKind.HELD)
    rows = session.execute(
        select(TEAM.c.id, TEAM.c.key, TEAM.c.name, col(AccountRow.kind))
        .add_columns(col(AccountRow.balance_credits))
        .join(AccountRow, col(AccountRow.team_id) == TEAM.c.id)
        .where(TEAM.c.id.in_(sorted(actor.teams)), col(AccountRow.kind).in_(kinds))
        .order_by(TEAM.c.name, TEAM.c.key)
    )
    found: dict[str, dict[str, int]] = {}
    names: dict[str, tuple[str, str]] = {}
    for id_, key, name, kind, credits_ in rows:
        names[id_] = key, name
        found.setdefault(id_, {})[kind] = credits_
    return tuple(
        TeamBalance(
            *names[id_], kinds.get(AccountKind.AVAILABLE, 0), kinds.get(AccountKind.HELD, 0)
        )
        for id_, kinds in found.items()
    )


def _needs(
    session: Session,
    actor: Actor,
    bid_in: Sequence[RoundBrief],
    counts: Sequence[BidCount],
    now: dt.datetime,
) -> Iterator[Need]:
    for brief in bid_in:
        own = {one.standing: one.count for one in counts if one.round_key == brief.key}
        drafts, submitted = own.get(Standing.DRAFT, 0), own.get(Standing.SUBMITTED, 0)
        if drafts:
            yield Need(NeedKind.SUBMIT_DRAFTS, drafts, brief)
        elif not submitted:
            yield Need(NeedKind.PLACE_FIRST_BID, 1, brief)
    unready = count_unready(session, actor, bid_in[0].id) if bid_in else 0
    if unready:
        yield Need(NeedKind.COMPLETE_PLEDGES, unready, bid_in[0])
    duties = delivery_duties(session, actor, now.date())
    if duties.to_report:
        yield Need(NeedKind.REPORT_DELIVERIES, duties.to_report)
    if duties.to_decide:
        yield Need(NeedKind.DECIDE_DELIVERIES, duties.to_decide)
    unread = unread_count(session, actor)
    if unread:
        yield Need(NeedKind.READ_NOTICES, unread)
