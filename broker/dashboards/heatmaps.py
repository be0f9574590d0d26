"""Who holds what, per pool and day: the numbers behind the heatmap, a window of days at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief
from broker.dashboards.listings import Row
from broker.dashboards.sources import POOL, ROUND_POOL
from broker.dashboards.use import day_table

WINDOW_DAYS = 31
PAGE_POOLS = 50


@dataclass(frozen=True, slots=True)
class DayUse:
    """One open pool and day: what there is, and who uses it."""

    day: dt.date
    reserved_units: int
    spot_units: int
    held_units: int
    reserved_used_units: int
    spot_used_units: int
    spot_on_reserved_units: int
    free_units: int
    reserved_free_units: int
    lost_units: int = 0

    @property
    def units(self) -> int:
        """All units of the day."""
        return self.reserved_units + self.spot_units


@dataclass(frozen=True, slots=True)
class PoolDays:
    """One pool's days. Shape: one entry per day of the heatmap; None where the pool is closed."""

    pool_key: str
    pool: str
    unit: str
    days: tuple[DayUse | None, ...]


@dataclass(frozen=True, slots=True)
class PoolsAsked:
    """Which pools a heatmap shows: of a kind, with a text in their name, a page of them."""

    kind: str = ""
    text: str = ""
    page: int = 1


ALL_POOLS = PoolsAsked()


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A window of a sprint: some of its days, some of its pools.

    `earlier` and `later` are the first days of the windows beside it, `more` whether other pools
    follow.
    """

    days: tuple[dt.date, ...]
    pools: tuple[PoolDays, ...]
    earlier: dt.date | None
    later: dt.date | None
    page: int
    more: bool


def heatmap(
    session: Session,
    brief: RoundBrief,
    first: dt.date | None = None,
    asked: PoolsAsked = ALL_POOLS,
    pool_id: str | None = None,
) -> Heatmap:
    """Return the heatmap of a round from a day on; a day outside the sprint means its start."""
    start = first if first and brief.starts_on <= first <= brief.ends_on else brief.starts_on
    stop = min(brief.ends_on, start + dt.timedelta(days=WINDOW_DAYS - 1))
    days = tuple(start + dt.timedelta(days=n) for n in range((stop - start).days + 1))
    later = stop + dt.timedelta(days=1)
    ids = (pool_id,) if pool_id else _pool_ids(session, brief, asked)
    rows = session.execute(day_table(brief.id, ids[:PAGE_POOLS], (start, stop)).rows).mappings()
    return Heatmap(
        days=days,
        pools=_pools(rows, days),
        earlier=_window_before(brief, start),
        later=later if later <= brief.ends_on else None,
        page=asked.page,
        more=len(ids) > PAGE_POOLS,
    )


def _pool_ids(session: Session, brief: RoundBrief, asked: PoolsAsked) -> tuple[str, ...]:
    """Return the pools of a page by name, and one more where others follow."""
    named = (
        select(POOL.c.id)
        .join(ROUND_POOL, ROUND_POOL.c.pool_id == POOL.c.id)
        .where(ROUND_POOL.c.round_id == brief.id)
        .order_by(POOL.c.name, POOL.c.key)
    )
    if asked.kind:
        named = named.where(ROUND_POOL.c.kind == asked.kind)
    if asked.text:
        named = named.where(POOL.c.name.icontains(asked.text, autoescape=True))
    window = named.limit(PAGE_POOLS + 1).offset((asked.page - 1) * PAGE_POOLS)
    return tuple(session.execute(window).scalars())


def _window_before(brief: RoundBrief, start: dt.date) -> dt.date | None:
    if start == brief.starts_on:
        return None
    return max(brief.starts_on, start - dt.timedelta(days=WINDOW_DAYS))


def _pools(rows: Iterable[Row], days: tuple[dt.date, ...]) -> tuple[PoolDays, ...]:
    found: dict[tuple[str, str, str], dict[dt.date, DayUse]] = {}
    for row in rows:
        pool = (row["pool"], row["pool_key"], row["unit"])
        found.setdefault(pool, {})[row["day"]] = day_use(row)
    return tuple(
        PoolDays(key, name, unit, tuple(uses.get(day) for day in days))
        for (name, key, unit), uses in sorted(found.items())
    )


def day_use(row: Row) -> DayUse:
    """Read one row of the table of units per pool and day."""
    return DayUse(**{name: row[name] for name in DayUse.__slots__})
