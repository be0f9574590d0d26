"""Markets in which people write bids: an open round, two leads and a member, drafts to submit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.problem import Tier
from broker.access import Actor, TeamRole
from broker.audit import ActorId
from broker.bids.drafts import BidDraft, DraftAlternative, DraftItem
from broker.bids.reading import TeamBid
from broker.bids.writing import BidWish, submit_bid
from broker.db import Database, reading, transact
from broker.rounds import create_round, open_round
from broker.tables import AuditEventRow, TeamRow
from tests.builders import a_calendar, a_pool, a_problem, a_team, day
from tests.markets import NOON, a_change, described

POOLS = ("gpu", "expert")


def announce(db: Database, key: str = "sprint-1", shift_days: int = 0, days: int = 5) -> None:
    """Announce a round of two pools and two teams, some days after the usual start."""
    offer = a_problem(
        pools=[a_pool(key) for key in POOLS],
        capacity=[row for pool in POOLS for row in a_calendar(pool, days=days)],
        teams=[a_team("red"), a_team("blue")],
        days=days,
    )
    shift = dt.timedelta(days=shift_days)
    moved = replace(
        offer,
        round_key=key,
        starts_on=offer.starts_on + shift,
        capacity=tuple(replace(row, day=row.day + shift) for row in offer.capacity),
    )
    transact(db, lambda session: create_round(session, described(moved), a_change()))


def open_for_bids(db: Database, key: str = "sprint-1") -> None:
    """Announce a round and open it."""
    announce(db, key)
    transact(db, lambda session: open_round(session, key, a_change()))


def team_id(db: Database, key: str) -> str:
    with reading(db) as session:
        return session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == key)).one()


def a_person(db: Database, name: str, **teams: TeamRole) -> Actor:
    """Return somebody with roles in teams, by the keys of the teams."""
    roles = {team_id(db, key): role for key, role in teams.items()}
    return Actor(ActorId(name), name, name.title(), teams=roles)


def a_lead(db: Database, team: str = "red") -> Actor:
    return a_person(db, f"lead-of-{team}", **{team: TeamRole.TEAM_LEAD})


def a_draft(title: str = "Train", **changes: Any) -> BidDraft:
    """Return a draft that can be submitted; changes go to its only alternative."""
    alternative = DraftAlternative(
        tier=Tier.RESERVED,
        earliest_start=day(0),
        latest_start=day(1),
        min_lots=1,
        max_lots=2,
        offer_credits_per_lot=100,
        items=(DraftItem("gpu", 0, 2, 1),),
    )
    return BidDraft(title=title, alternatives=(replace(alternative, **changes),))


def do(db: Database, service: Callable[..., Any], *arguments: Any, hours: float = 1) -> Any:
    """Run a service in a transaction of its own, some hours after noon."""
    moment = NOON + dt.timedelta(hours=hours)
    return transact(db, lambda session: service(session, *arguments, moment))


def look(db: Database, service: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    with reading(db) as session:
        return service(session, *arguments, **more)


def a_wish(db: Database, draft: BidDraft | None = None, team: str = "red", **more: Any) -> BidWish:
    wish = BidWish(team_id(db, team), "sprint-1", a_draft() if draft is None else draft)
    return replace(wish, **more)


def submitted(db: Database, draft: BidDraft | None = None, team: str = "red") -> TeamBid:
    bid: TeamBid = do(db, submit_bid, a_lead(db, team), a_wish(db, draft, team))
    return bid


def event_count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEventRow)) or 0
