"""Who and what is there on a day: fleets with maintenance, rosters of persons, seats of data.

A calendar turns a day of a sprint into reserved and spot units. Nothing here knows bids, teams or
a database. The pools that use these calendars stand in pools.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from broker.company.dice import dice

SPRINT_DAYS = 14
WORKING_DAYS = 5
SATURDAY = 5
SUNDAY = 6
SPRINTS_BEGAN_ON = dt.date(2025, 12, 29)
"""A Monday on which a sprint began; every other sprint follows from it."""

LEAVE_PERCENT = 14
LONGEST_LEAVE_DAYS = 5


@dataclass(frozen=True, slots=True, order=True)
class Sprint:
    """Fourteen days from a Monday. Its key counts the sprints of the ISO year it starts in."""

    starts_on: dt.date

    @property
    def key(self) -> str:
        """Return the key of the sprint's round, such as `sprint-2026-24`."""
        return f"sprint-{self.year}-{self.number:02d}"

    @property
    def year(self) -> int:
        """Return the ISO year in which the sprint starts."""
        return self.starts_on.isocalendar().year

    @property
    def number(self) -> int:
        """Return the place of the sprint in its year, from 1."""
        return (self.starts_on.isocalendar().week + 1) // 2

    @property
    def days(self) -> tuple[dt.date, ...]:
        """Return every day of the sprint, first to last."""
        return tuple(self.starts_on + dt.timedelta(days=n) for n in range(SPRINT_DAYS))

    @property
    def ends_on(self) -> dt.date:
        """Return the last day of the sprint."""
        return self.days[-1]

    def later(self, sprints: int) -> Sprint:
        """Return the sprint so many sprints later, or earlier for a negative number."""
        return Sprint(self.starts_on + dt.timedelta(days=sprints * SPRINT_DAYS))


def sprint_of(day: dt.date) -> Sprint:
    """Return the sprint that contains a day."""
    since = (day - SPRINTS_BEGAN_ON).days
    return Sprint(SPRINTS_BEGAN_ON + dt.timedelta(days=since - since % SPRINT_DAYS))


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> dt.date:
    """Return the nth given weekday of a month; nth -1 is the last one."""
    if nth < 0:
        following = nth_weekday(year + month // 12, month % 12 + 1, weekday, 1)
        return following - dt.timedelta(weeks=-nth)
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(weekday - first.weekday()) % 7, weeks=nth - 1)


def observed(day: dt.date) -> dt.date:
    """Return the working day on which a holiday of fixed date is kept."""
    shift = {SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0)
    return day + dt.timedelta(days=shift)


def public_holidays(year: int) -> Mapping[dt.date, str]:
    """Return the public holidays of the company's home, the United States, by day kept."""
    return {
        observed(dt.date(year, 1, 1)): "New Year's Day",
        nth_weekday(year, 1, 0, 3): "Martin Luther King Jr. Day",
        nth_weekday(year, 2, 0, 3): "Washington's Birthday",
        nth_weekday(year, 5, 0, -1): "Memorial Day",
        observed(dt.date(year, 6, 19)): "Juneteenth",
        observed(dt.date(year, 7, 4)): "Independence Day",
        nth_weekday(year, 9, 0, 1): "Labor Day",
        nth_weekday(year, 10, 0, 2): "Columbus Day",
        observed(dt.date(year, 11, 11)): "Veterans Day",
        nth_weekday(year, 11, 3, 4): "Thanksgiving Day",
        observed(dt.date(year, 12, 25)): "Christmas Day",
    }


def is_public_holiday(day: dt.date) -> bool:
    """Say whether a day is kept; a New Year's Day on a Saturday is kept the year before."""
    return day in public_holidays(day.year) or day in public_holidays(day.year + 1)


def is_working_day(day: dt.date) -> bool:
    """Say whether people work on a day: neither weekend nor public holiday."""
    return day.weekday() < WORKING_DAYS and not is_public_holiday(day)


@dataclass(frozen=True, slots=True)
class Units:
    """What a pool offers on a day, by tier."""

    reserved: int
    spot: int

    @property
    def total(self) -> int:
        """Return all units of the day."""
        return self.reserved + self.spot


CLOSED = Units(0, 0)


def split(units: int, spot_percent: int) -> Units:
    """Keep a share of a day's units for spot, rounded down."""
    spot = units * spot_percent // 100
    return Units(units - spot, spot)


class Calendar(Protocol):
    """What says how many units a pool has on each day of a sprint."""

    def units_by_day(self, sprint: Sprint, seed: int) -> Mapping[dt.date, Units]:
        """Return the units of every day of the sprint."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines: there every day, fewer during maintenance and, for some, on working days.

    Units: `maintenance_day` counts the sprint's days from 0; `maintenance_units` are away on it,
    `working_day_units` are needed elsewhere on every working day.
    """

    units: int
    spot_percent: int
    maintenance_day: int
    maintenance_units: int
    working_day_units: int = 0

    def units_by_day(self, sprint: Sprint, seed: int) -> Mapping[dt.date, Units]:  # noqa: ARG002  # machines take no leave
        """Return the units of every day of the sprint."""
        return {day: self._units_on(day, number) for number, day in enumerate(sprint.days)}

    def _units_on(self, day: dt.date, number: int) -> Units:
        away = self.maintenance_units if number == self.maintenance_day else 0
        elsewhere = self.working_day_units if is_working_day(day) else 0
        return split(self.units - away - elsewhere, self.spot_percent)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with hours to give on each weekday, Monday to Friday."""

    name: str
    hours_by_weekday: tuple[int, int, int, int, int]

    def leave(self, sprint: Sprint, seed: int) -> frozenset[dt.date]:
        """Return the days of a sprint on which this person is away."""
        draw = dice(seed, sprint.key, self.name, "leave")
        if draw.randrange(100) >= LEAVE_PERCENT:
            return frozenset()
        first = draw.randrange(SPRINT_DAYS)
        return frozenset(sprint.days[first : first + draw.randint(1, LONGEST_LEAVE_DAYS)])


@dataclass(frozen=True, slots=True)
class Roster:
    """People: the sum of their hours on working days, without those who are on leave."""

    persons: tuple[Person, ...]
    spot_percent: int

    def units_by_day(self, sprint: Sprint, seed: int) -> Mapping[dt.date, Units]:
        """Return the hours of every day of the sprint."""
        leaves = {person: person.leave(sprint, seed) for person in self.persons}
        return {day: self._units_on(day, leaves) for day in sprint.days}

    def _units_on(self, day: dt.date, leaves: Mapping[Person, frozenset[dt.date]]) -> Units:
        if not is_working_day(day):
            return CLOSED
        here = [person for person in self.persons if day not in leaves[person]]
        hours = sum(person.hours_by_weekday[day.weekday()] for person in here)
        return split(hours, self.spot_percent)


@dataclass(frozen=True, slots=True)
class Seats:
    """Data: so many people at a time, closed on the day on which the data are refreshed."""

    seats: int
    spot_percent: int
    refresh_day: int

    def units_by_day(self, sprint: Sprint, seed: int) -> Mapping[dt.date, Units]:  # noqa: ARG002  # data take no leave
        """Return the seats of every day of the sprint."""
        open_ = split(self.seats, self.spot_percent)
        return {
            day: CLOSED if number == self.refresh_day else open_
            for number, day in enumerate(sprint.days)
        }
