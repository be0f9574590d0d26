"""The calendar of an expert pool with its roster, as the newest version in force says it."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session, col

from broker.pools.calendars import Calendar
from broker.pools.definitions import definition_from
from broker.pools.tables import PoolVersionRow


def roster_calendar(session: Session, pool_id: str) -> Calendar | None:
    """Return the calendar of a pool with a roster; None for a pool without one."""
    row = PoolVersionRow
    newest = (
        select(col(row.document))
        .where(col(row.pool_id) == pool_id, col(row.state) == "in-force")
        .order_by(col(row.number).desc())
        .limit(1)
    )
    document = session.scalar(newest)
    calendar = definition_from(document).calendar if document else None
    return calendar if calendar and calendar.roster else None
