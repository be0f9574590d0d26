"""What the awards of a sprint hold on the days to come: those of its round and its daily rounds."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from sqlalchemy import select
from sqlmodel import Session

from broker.dashboards.sources import POOL, holdings
from broker.tables import RoundRow

Standing = Counter[tuple[str, dt.date, str]]
"""Units by the key of a pool, day and tier."""


def standing_units(session: Session, sprint: RoundRow, first: dt.date) -> Standing:
    """Return the units that awards of a sprint hold from a day on."""
    held = holdings(sprint.id).cte("held")
    rows = session.execute(
        select(POOL.c.key, held.c.tier, held.c.first_day, held.c.last_day, held.c.units)
        .join(POOL, POOL.c.id == held.c.pool_id)
        .where(held.c.last_day >= first)
    )
    units: Standing = Counter()
    for pool_key, tier, since, until, count in rows:
        begin = max(since, first)
        for n in range((until - begin).days + 1):
            units[pool_key, begin + dt.timedelta(days=n), tier] += count
    return units
