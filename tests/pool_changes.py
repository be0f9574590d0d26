"""Changes of pools for tests: a calendar, wishes, and what a round then offers."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlmodel import Session, col

from broker.db import Database, reading, transact
from broker.pools.calendars import Calendar, OtherDay, Units
from broker.pools.changes import Changed, PoolWish, change_pool
from broker.pools.definitions import PoolDefinition
from broker.rounds import find_round
from broker.tables import CapacityRow, PoolRow
from tests.builders import FIRST_DAY
from tests.cast import actor
from tests.markets import NOON

USUAL = Calendar(FIRST_DAY, (Units(10, 5),) * 7)
"""What the pool of the tests' rounds offers anyway."""


def with_day(number: int, reserved: int, spot: int = 0) -> Calendar:
    """Return the usual calendar with one other day, counted from the first one."""
    other = OtherDay(FIRST_DAY + dt.timedelta(days=number), Units(reserved, spot), "Less")
    return Calendar(USUAL.first_day, USUAL.week, exceptions=(other,))


def a_wish(calendar: Calendar = USUAL, *, follows: int = 0, reason: str = "It is true") -> PoolWish:
    """Return what somebody wants the pool `gpu` to be."""
    definition = PoolDefinition("Large GPUs", "gpu", calendar, 2, "Eight to a server", "internal")
    return PoolWish("gpu", definition, reason, follows)


def change(db: Database, who: str, wish: PoolWish, hours: float = 1) -> Changed:
    """Change a pool as one of the cast."""
    person = actor(db, who)
    at = NOON + dt.timedelta(hours=hours)
    return transact(db, lambda session: change_pool(session, person, wish, at))


def offered(db: Database, round_key: str = "sprint-1") -> list[Units]:
    """Return what a round offers of the pool, day by day."""
    with reading(db) as session:
        return offered_in(session, round_key)


def offered_of(db: Database, pool_key: str) -> list[Units]:
    """Return what the round offers of another pool, day by day."""
    with reading(db) as session:
        return offered_in(session, "sprint-1", pool_key)


def offered_in(session: Session, round_key: str, pool_key: str = "gpu") -> list[Units]:
    """Return the same inside a transaction."""
    row = find_round(session, round_key)
    rows = (
        select(col(CapacityRow.reserved_units), col(CapacityRow.spot_units))
        .join(PoolRow, col(PoolRow.id) == col(CapacityRow.pool_id))
        .where(col(CapacityRow.round_id) == row.id, col(PoolRow.key) == pool_key)
        .order_by(col(CapacityRow.day))
    )
    return [Units(*units) for units in session.execute(rows)]
