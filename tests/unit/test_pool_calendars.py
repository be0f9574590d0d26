"""What a day of a pool offers follows from its calendar alone, and a sheet says the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from broker.pools.calendars import (
    Calendar,
    Cause,
    DayCapacity,
    Maintenance,
    OtherDay,
    Units,
    capacity_on,
    findings_in_calendar,
)
from broker.pools.definitions import (
    PoolDefinition,
    definition_from,
    definition_text,
    findings_in_definition,
)
from broker.pools.sheets import read_sheet, sheet_of

MONDAY = dt.date(2026, 3, 2)
WORKDAY, WEEKEND = Units(8, 2), Units(4, 0)
SHEET = """entry,day,reserved_units,spot_units,note
first-day,2026-03-02,,,
pattern,monday,8,2,
pattern,tuesday,8,2,
pattern,wednesday,8,2,
pattern,thursday,8,2,
pattern,friday,8,2,
pattern,saturday,4,0,
pattern,sunday,4,0,
exception,2026-03-04,10,0,Everything for the release
exception,2026-03-09,0,0,Holiday
maintenance,2026-03-05,6,1,Firmware
maintenance,2026-03-12,,,Moved to another hall
"""


def day(number: int) -> dt.date:
    return MONDAY + dt.timedelta(days=number)


CALENDAR = Calendar(
    first_day=MONDAY,
    week=(WORKDAY,) * 5 + (WEEKEND,) * 2,
    exceptions=(
        OtherDay(day(2), Units(10, 0), "Everything for the release"),
        OtherDay(day(7), Units(0, 0), "Holiday"),
    ),
    maintenance=(
        Maintenance(day(3), Units(6, 1), "Firmware"),
        Maintenance(day(10), None, "Moved to another hall"),
    ),
)
DEFINITION = PoolDefinition("H100 nodes", "gpu", CALENDAR, 3, "Eight to a server", "internal")


def on(calendar: Calendar, number: int) -> DayCapacity:
    [one] = capacity_on(calendar, [day(number)])
    return one


def test_a_weekday_offers_what_the_pattern_says() -> None:
    for number in (0, 1, 4, 5, 6, 8, 700):
        one = on(CALENDAR, number)
        assert one.units == (WORKDAY if day(number).weekday() < 5 else WEEKEND)
        assert one.cause is Cause.PATTERN


def test_an_exception_takes_the_place_of_the_pattern_on_its_day_alone() -> None:
    assert on(CALENDAR, 2)[1:] == (Units(10, 0), Cause.EXCEPTION, "Everything for the release")
    assert on(CALENDAR, 7)[1:] == (Units(0, 0), Cause.EXCEPTION, "Holiday")
    assert on(CALENDAR, 14).units == WORKDAY


def test_maintenance_takes_units_away_and_never_more_than_there_are() -> None:
    assert on(CALENDAR, 3)[1:] == (Units(2, 1), Cause.MAINTENANCE, "Firmware")
    assert on(CALENDAR, 10).units == Units(0, 0)
    both = replace(CALENDAR, maintenance=(Maintenance(day(2), Units(99, 1)),))
    assert on(both, 2)[1:3] == (Units(0, 0), Cause.MAINTENANCE)


def test_nothing_is_offered_before_the_first_day_from_the_drain_on_or_in_a_pause() -> None:
    assert on(CALENDAR, -1)[1:3] == (Units(0, 0), Cause.BEFORE_FIRST_DAY)
    drained = replace(CALENDAR, drains_from=day(8))
    assert [on(drained, n).cause for n in (6, 8, 10)] == [Cause.PATTERN, Cause.DRAIN, Cause.DRAIN]
    assert on(drained, 8).units == Units(0, 0)
    paused = replace(drained, is_paused=True)
    assert {on(paused, n).cause for n in range(20)} == {Cause.PAUSE}


def test_days_are_answered_in_the_order_asked() -> None:
    days = [day(n) for n in (9, 2, 5)]
    assert [one.day for one in capacity_on(CALENDAR, days)] == days


def test_a_definition_comes_back_from_its_document() -> None:
    drained = replace(CALENDAR, drains_from=day(30), is_paused=True)
    for calendar in (CALENDAR, drained):
        definition = replace(DEFINITION, calendar=calendar)
        assert definition_from(definition_text(definition)) == definition
        assert list(findings_in_definition(definition)) == []


def test_a_sheet_says_the_whole_calendar_and_is_written_back_the_same() -> None:
    assert read_sheet(SHEET).calendar == CALENDAR
    drained = replace(CALENDAR, drains_from=day(30), is_paused=True)
    hostile = replace(CALENDAR, exceptions=(OtherDay(day(2), WORKDAY, '=1+1, "quoted" ü'),))
    for calendar in (CALENDAR, drained, hostile):
        assert read_sheet(sheet_of(calendar)).calendar == calendar
        assert read_sheet("\ufeff" + sheet_of(calendar)).findings == ()


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("holiday,2026-03-04,1,1,", "entry: 'holiday' is none"),
        ("exception,2026-02-30,1,1,", "day: '2026-02-30' is no day"),
        ("exception,20260304,1,1,", "day: '20260304' is no day"),
        ("exception,2026-03-05,-1,1,", "reserved_units: '-1' is no whole number"),
        ("exception,2026-03-05,1,,", "spot_units: '' is no whole number"),
        ("maintenance,2026-03-06,1.5,1,", "reserved_units: '1.5' is no whole number"),
        ("exception,2026-03-05,1000000001,0,", "is no whole number from 0 to 1000000000"),
        ("pattern,montag,1,1,", "day: 'montag' is no weekday"),
        ("pattern,Monday,1,1,", "pattern monday is named twice"),
        ("maintenance,2026-03-12,1,1,", "maintenance 2026-03-12 is named twice"),
        ("drain,2026-03-12,1,,", "a line for drain has no units"),
        ("pause,2026-03-12,,,", "leave the day empty"),
        ("first-day,2026-03-12,,,", "first-day is named twice"),
        ("exception,2026-03-05,1,1", "has 4 cells; the header has 5"),
        ("exception,2026-03-05,1,1,a\x07b", "holds a control character"),
    ],
)
def test_every_broken_line_of_a_sheet_is_named(line: str, finding: str) -> None:
    read = read_sheet(SHEET + "\n" + line + "\npattern,never,1,1,\n")
    assert read.calendar is None
    first, second = read.findings
    assert first.startswith("line 15: ")
    assert finding in first
    assert second.startswith("line 16: day: 'never' is no weekday")


@pytest.mark.parametrize(
    ("sheet", "finding"),
    [
        ("", "line 1: entry: stands 0 times"),
        ("entry,day,reserved_units,spot_units\n", "line 1: note: stands 0 times"),
        ("entry,day,reserved_units,spot_units,note,x\n", "line 1: 'x': is no column"),
        ("entry,day,reserved_units,spot_units,note\n", "line 1: no first day"),
        ('entry,day,reserved_units,spot_units,note\n"a"b,,,,\n', "line 2: is no CSV"),
        ("entry,day,reserved_units,spot_units,note\npattern,monday,1,1,\x00\n", "line 2"),
    ],
)
def test_a_sheet_that_is_none_says_why(sheet: str, finding: str) -> None:
    read = read_sheet(sheet)
    assert read.calendar is None
    assert finding in read.findings[0]


@pytest.mark.parametrize(
    ("calendar", "finding"),
    [
        (replace(CALENDAR, week=(WORKDAY,)), "week: has 1 days"),
        (replace(CALENDAR, week=(Units(-1, 0), *CALENDAR.week[1:])), "monday: -1 is out of range"),
        (replace(CALENDAR, first_day=day(3)), "entry 1: 2026-03-04 is before the first day"),
        (
            replace(CALENDAR, exceptions=(*CALENDAR.exceptions, OtherDay(day(2), WORKDAY))),
            "entry 1: 2026-03-04 is named twice",
        ),
        (replace(CALENDAR, drains_from=day(-1)), "drains from: 2026-03-01 is before"),
        (
            replace(CALENDAR, maintenance=(Maintenance(day(3), Units(0, 10**9 + 1)),)),
            "entry 3: 1000000001 is out of range",
        ),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(calendar: Calendar, finding: str) -> None:
    assert any(said.startswith(finding) for said in findings_in_calendar(calendar))
