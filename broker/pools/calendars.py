"""The calendar of a pool: what it offers on every day, and why. It knows no storage and no clock.

A week's pattern says what there usually is; an exception says it for one day instead; maintenance
takes units away; a drain ends new awards from a day on; a pause ends them until it is lifted.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from broker.pools.rosters import Roster
from broker.texts import LARGEST_UNITS, findings_in_number, findings_in_text

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_ENTRIES = 1000
"""How many exceptions and maintenance days a calendar may name."""


class Cause(StrEnum):
    """Why a day offers what it offers."""

    BEFORE_FIRST_DAY = "before-first-day"
    PATTERN = "pattern"
    EXCEPTION = "exception"
    MAINTENANCE = "maintenance"
    HOLIDAY = "holiday"
    DRAIN = "drain"
    PAUSE = "pause"


class Units(NamedTuple):
    """Units of a day: what reserved awards may take, and what is kept for spot."""

    reserved_units: int
    spot_units: int


NONE = Units(0, 0)


@dataclass(frozen=True, slots=True)
class OtherDay:
    """A day that offers something else than its weekday does."""

    day: dt.date
    units: Units
    note: str = ""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Units that a day loses; None means all of them."""

    day: dt.date
    away: Units | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a pool offers from its first day on.

    Of a pool with a roster the persons' hours say what a day offers, and maintenance is a day on
    which nobody works.

    Shape: one entry of `week` per weekday, Monday first; days are unique among the exceptions and
    among the maintenance days.
    """

    first_day: dt.date
    week: tuple[Units, ...]
    exceptions: tuple[OtherDay, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    drains_from: dt.date | None = None
    is_paused: bool = False
    roster: Roster | None = None


class DayCapacity(NamedTuple):
    """What one day offers, and why."""

    day: dt.date
    units: Units
    cause: Cause
    note: str = ""


def capacity_on(calendar: Calendar, days: Iterable[dt.date]) -> tuple[DayCapacity, ...]:
    """Return what each day offers, and why, in the order asked."""
    others = {other.day: other for other in calendar.exceptions}
    losses = {loss.day: loss for loss in calendar.maintenance}
    return tuple(_capacity(calendar, day, others.get(day), losses.get(day)) for day in days)


def _capacity(
    calendar: Calendar, day: dt.date, other: OtherDay | None, loss: Maintenance | None
) -> DayCapacity:
    if day < calendar.first_day:
        return DayCapacity(day, NONE, Cause.BEFORE_FIRST_DAY)
    if calendar.is_paused:
        return DayCapacity(day, NONE, Cause.PAUSE)
    if calendar.drains_from is not None and day >= calendar.drains_from:
        return DayCapacity(day, NONE, Cause.DRAIN)
    units = other.units if other else _usual(calendar, day)
    if loss is not None:
        cause = Cause.MAINTENANCE if calendar.roster is None else Cause.HOLIDAY
        return DayCapacity(day, _left(units, loss.away), cause, loss.note)
    if other is not None:
        return DayCapacity(day, units, Cause.EXCEPTION, other.note)
    return DayCapacity(day, units, Cause.PATTERN)


def _usual(calendar: Calendar, day: dt.date) -> Units:
    if calendar.roster is not None:
        return Units(*calendar.roster.split_on(day))
    return calendar.week[day.weekday()]


def _left(units: Units, away: Units | None) -> Units:
    if away is None:
        return NONE
    return Units(
        max(0, units.reserved_units - away.reserved_units),
        max(0, units.spot_units - away.spot_units),
    )


def findings_in_calendar(calendar: Calendar) -> Iterator[str]:
    """Say everything that is wrong with a calendar, each finding with the field that it is about.

    Entries are numbered from 1 in the order of `entries_of`.
    """
    if len(calendar.week) != len(WEEKDAYS):
        yield f"week: has {len(calendar.week)} days; name all seven."
    for weekday, units in zip(WEEKDAYS, calendar.week, strict=False):
        yield from _findings_in_units(weekday, units)
    entries = tuple(entries_of(calendar))
    if len(entries) > MOST_ENTRIES:
        yield f"entries: are {len(entries)}; leave at most {MOST_ENTRIES}, the past ones first."
    twice = Counter((type(entry), entry.day) for entry in entries)
    for number, entry in enumerate(entries, 1):
        yield from _findings_in_entry(f"entry {number}", entry, calendar)
        if twice[type(entry), entry.day] > 1:
            yield f"entry {number}: {entry.day} is named twice; leave one of the lines."
    if calendar.drains_from is not None and calendar.drains_from < calendar.first_day:
        yield f"drains from: {calendar.drains_from} is before the first day; name a later one."


def entries_of(calendar: Calendar) -> Iterator[OtherDay | Maintenance]:
    """Return the days that differ from the week's pattern: exceptions, then maintenance."""
    yield from calendar.exceptions
    yield from calendar.maintenance


def _findings_in_entry(
    what: str, entry: OtherDay | Maintenance, calendar: Calendar
) -> Iterator[str]:
    units = entry.units if isinstance(entry, OtherDay) else entry.away
    if units is not None:
        yield from _findings_in_units(what, units)
    yield from findings_in_text(what, entry.note)
    if entry.day < calendar.first_day:
        yield f"{what}: {entry.day} is before the first day {calendar.first_day}; remove it."


def _findings_in_units(what: str, units: Units) -> Iterator[str]:
    for number in units:
        yield from findings_in_number(what, number, 0, LARGEST_UNITS)
