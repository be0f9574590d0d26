"""One day of all pools: how much is there, who has it, how much is free."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief, rounds_ahead, rounds_decided
from broker.dashboards.listings import Listing, Question, Row, Table, all_rows, list_rows
from broker.dashboards.use import day_table

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

    `before` and `after` are the days beside it. Shape: `kinds` by kind and unit.
    """

    day: dt.date
    round: RoundBrief | None
    kinds: tuple[FreeOfKind, ...]
    pools: Listing | None

    @property
    def before(self) -> dt.date:
        """The day before."""
        return self.day - dt.timedelta(days=1)

    @property
    def after(self) -> dt.date:
        """The day after."""
        return self.day + dt.timedelta(days=1)


def day_screen(session: Session, day: dt.date, question: Question) -> DayScreen:
    """Return what all pools have on a day, in the sprint that covers it."""
    known = (*rounds_decided(session, until=day), *rounds_ahead(session))
    covering = (brief for brief in known if brief.starts_on <= day <= brief.ends_on)
    brief = next(covering, None)
    if brief is None:
        return DayScreen(day, None, (), None)
    table = table_of_day(brief, day)
    rows = all_rows(session, table, Question(filters=question.filters))
    return DayScreen(day, brief, _kinds(rows), list_rows(session, table, question))


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
