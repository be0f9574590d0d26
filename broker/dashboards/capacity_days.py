"""One day of all pools: how much is there, who has it, how much is free."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief, rounds_ahead, rounds_beside, rounds_decided
from broker.dashboards.listings import Listing, Question, Row, Table, all_rows, list_rows
from broker.dashboards.use import day_table

ONE_DAY = dt.timedelta(days=1)
DAY_SHOWN = (
    "pool",
    "kind",
    "unit",
    "free_units",
    "reserved_free_units",
    "reserved_used_units",
    "spot_used_units",
    "held_units",
    "lost_units",
    "reserved_units",
    "spot_units",
)


@dataclass(frozen=True, slots=True)
class FreeOfKind:
    """What pools of one kind and unit have on a day, together. Units: those of the pools."""

    kind: str
    unit: str
    pools: int
    units: int
    free_units: int
    reserved_free_units: int


@dataclass(frozen=True, slots=True)
class DayScreen:
    """A day; without a round where no sprint that anybody knows of covers it.

    `before` and `after` are the days of sprints beside it, None past the first and the last one.
    Shape: `kinds` by kind and unit.
    """

    day: dt.date
    round: RoundBrief | None
    kinds: tuple[FreeOfKind, ...]
    pools: Listing | None
    before: dt.date | None
    after: dt.date | None


def day_screen(session: Session, day: dt.date, question: Question) -> DayScreen:
    """Return what all pools have on a day, in the sprint that covers it."""
    known = (*rounds_decided(session, until=day), *rounds_ahead(session))
    covering = (brief for brief in known if brief.starts_on <= day <= brief.ends_on)
    brief = next(covering, None)
    beside = _days_beside(session, day, brief)
    if brief is None:
        return DayScreen(day, None, (), None, *beside)
    table = table_of_day(brief, day)
    rows = all_rows(session, table, Question(filters=question.filters))
    return DayScreen(day, brief, _kinds(rows), list_rows(session, table, question), *beside)


def _days_beside(
    session: Session, day: dt.date, brief: RoundBrief | None
) -> tuple[dt.date | None, dt.date | None]:
    """Return the days of sprints before and after a day: those between sprints are passed over."""
    earlier, later = rounds_beside(session, day)
    before = min(earlier.ends_on, day - ONE_DAY) if earlier else None
    if brief and brief.ends_on > day:
        return before, day + ONE_DAY
    return before, later.starts_on if later else None


def table_of_day(brief: RoundBrief, day: dt.date) -> Table:
    """Return the table of all pools on a day."""
    caption = "Units of every pool on this day: what there is and who uses it"
    return day_table(brief.id, window=(day, day)).showing("day", caption, DAY_SHOWN)


def _kinds(rows: Sequence[Row]) -> tuple[FreeOfKind, ...]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["kind"], row["unit"]), []).append(row)
    return tuple(_of_kind(*name, found[name]) for name in sorted(found))


def _of_kind(kind: str, unit: str, rows: Sequence[Row]) -> FreeOfKind:
    return FreeOfKind(
        kind=kind,
        unit=unit,
        pools=len(rows),
        units=sum(row["reserved_units"] + row["spot_units"] for row in rows),
        free_units=sum(row["free_units"] for row in rows),
        reserved_free_units=sum(row["reserved_free_units"] for row in rows),
    )
