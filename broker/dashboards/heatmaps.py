"""Who holds what, per pool and day: the numbers behind the heatmap, a window of days at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Result
from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief
from broker.dashboards.listings import Row
from broker.dashboards.sources import POOL, ROUND_POOL
from broker.dashboards.use import day_table

WINDOW_DAYS = 31
PAGE_POOLS = 50


class DayUse(NamedTuple):
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
    """One pool's days. Shape: one entry per day of what it is part of; None where it is closed."""

    pool_key: str
    pool: str
    unit: str
    days: tuple[DayUse | None, ...]


@dataclass(frozen=True, slots=True)
class PoolsAsked:
    """Which pools are wanted: of a kind, with a text in their name."""

    kind: str = ""
    text: str = ""


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


def heatmap(session: Session, brief: RoundBrief, first: dt.date | None, pool_id: str) -> Heatmap:
    """Return the heatmap of one pool in a round, from a day on."""
    rows = day_table(brief.id, (pool_id,)).rows
    return window(brief, _pools(session.execute(rows), brief), first)


def use_of_pools(session: Session, brief: RoundBrief, asked: PoolsAsked) -> tuple[PoolDays, ...]:
    """Return the pools that are asked for, by name, with every day of the sprint."""
    rows = day_table(brief.id).rows
    if asked.kind:
        rows = rows.where(ROUND_POOL.c.kind == asked.kind)
    if asked.text:
        rows = rows.where(POOL.c.name.icontains(asked.text, autoescape=True))
    return _pools(session.execute(rows), brief)


def window(
    brief: RoundBrief, pools: Sequence[PoolDays], first: dt.date | None, page: int = 1
) -> Heatmap:
    """Cut a heatmap out of a sprint: days from one on, a page of pools.

    A day outside the sprint means its start.
    """
    start = first if first and brief.starts_on <= first <= brief.ends_on else brief.starts_on
    stop = min(brief.ends_on, start + dt.timedelta(days=WINDOW_DAYS - 1))
    later = stop + dt.timedelta(days=1)
    place = slice((start - brief.starts_on).days, (later - brief.starts_on).days)
    until = page * PAGE_POOLS
    shown = pools[until - PAGE_POOLS : until]
    return Heatmap(
        days=_days_of(brief)[place],
        pools=tuple(replace(pool, days=pool.days[place]) for pool in shown),
        earlier=_window_before(brief, start),
        later=later if later <= brief.ends_on else None,
        page=page,
        more=len(pools) > until,
    )


def _days_of(brief: RoundBrief) -> tuple[dt.date, ...]:
    return tuple(brief.starts_on + dt.timedelta(days=n) for n in range(brief.days))


def _window_before(brief: RoundBrief, start: dt.date) -> dt.date | None:
    if start == brief.starts_on:
        return None
    return max(brief.starts_on, start - dt.timedelta(days=WINDOW_DAYS))


def _pools(found: Result[Any], brief: RoundBrief) -> tuple[PoolDays, ...]:
    places = [
        list(found.keys()).index(name) for name in ("pool", "pool_key", "unit", *DayUse._fields)
    ]
    read = itemgetter(*places)
    pools: dict[tuple[str, str, str], dict[dt.date, DayUse]] = {}
    for row in map(read, found.all()):
        use = DayUse._make(row[3:])
        pools.setdefault(row[:3], {})[use.day] = use
    days = _days_of(brief)
    return tuple(
        PoolDays(key, name, unit, tuple(uses.get(day) for day in days))
        for (name, key, unit), uses in sorted(pools.items())
    )


def day_use(row: Row) -> DayUse:
    """Read one row of the table of units per pool and day."""
    return DayUse(*(row[name] for name in DayUse._fields))
