"""Capacity that was lost, for everybody to see, and what a loss would do, for who reports it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.dashboards.listings import Column, Kind, Table
from broker.dashboards.sources import BID, LOSS, TEAM
from broker.pools.changes import find_pool
from broker.spot.losses import LossEffect

COLUMNS = (
    Column("first_day", "From", Kind.DAY),
    Column("last_day", "To", Kind.DAY),
    Column("units", "Units", Kind.COUNT),
    Column("reason", "Why", filtered=True),
    Column("reported_at", "Reported", Kind.INSTANT),
)


@dataclass(frozen=True, slots=True)
class LossFacts:
    """A loss as everybody sees it."""

    first_day: dt.date
    last_day: dt.date
    units: int
    reason: str
    reported_at: dt.datetime


@dataclass(frozen=True, slots=True)
class LossScreen:
    """A pool with its losses, the newest first, for whoever may report another one."""

    key: str
    name: str
    unit: str
    losses: tuple[LossFacts, ...]


@dataclass(frozen=True, slots=True)
class Competing:
    """An award that would compete for what is left."""

    bid_id: str
    title: str
    team: str
    tier: str
    lots: int


def loss_screen(session: Session, actor: Actor, key: str) -> LossScreen:
    """Return what whoever reports a loss looks at. Raises: NotFound; NotAllowed."""
    pool = find_pool(session, key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    return LossScreen(pool.key, pool.name, pool.unit, losses_of(session, pool.id))


def losses_of(
    session: Session, pool_id: str, days: tuple[dt.date, dt.date] | None = None
) -> tuple[LossFacts, ...]:
    """Return the losses of a pool, the newest first; those that meet some days, where named."""
    told = select(*(LOSS.c[name] for name in LossFacts.__slots__)).where(LOSS.c.pool_id == pool_id)
    if days is not None:
        told = told.where(LOSS.c.first_day <= days[1], LOSS.c.last_day >= days[0])
    rows = session.execute(told.order_by(LOSS.c.reported_at.desc(), LOSS.c.id))
    return tuple(LossFacts(**row) for row in rows.mappings())


def loss_table(pool_id: str) -> Table:
    """Return the table of a pool's losses."""
    rows = select(*(LOSS.c[one.key] for one in COLUMNS)).where(LOSS.c.pool_id == pool_id)
    return Table("losses", "Capacity that was lost", COLUMNS, rows, ("first_day", "reported_at"))


def competing(session: Session, effect: LossEffect) -> tuple[Competing, ...]:
    """Name the awards that would compete, with their teams; those to reserve first."""
    by_bid = {one.bid_id: one for one in effect.awards}
    rows = session.execute(
        select(BID.c.id, BID.c.title, TEAM.c.name)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .where(BID.c.id.in_(list(by_bid)))
    )
    found = (
        Competing(bid_id, title, team, by_bid[bid_id].tier, by_bid[bid_id].rest.lots)
        for bid_id, title, team in rows
    )
    return tuple(sorted(found, key=lambda one: (one.tier, one.title, one.bid_id)))
