"""A calendar says the same whichever way it travels: as a document, as a sheet, as a form."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from broker.pools.calendars import (
    Calendar,
    Cause,
    Maintenance,
    OtherDay,
    Units,
    capacity_on,
    findings_in_calendar,
)
from broker.pools.definitions import PoolDefinition, definition_from, definition_text
from broker.pools.sheets import read_sheet, sheet_of
from tests.builders import FIRST_DAY
from web.pool_forms import form_of

NUMBERS = st.integers(0, 10**9)
UNITS = st.builds(Units, NUMBERS, NUMBERS)
DAYS = st.integers(0, 400).map(lambda n: FIRST_DAY + dt.timedelta(days=n))
NOTES = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=20).map(
    lambda text: text.strip()
)
CALENDARS = st.builds(
    Calendar,
    first_day=st.just(FIRST_DAY),
    week=st.tuples(*[UNITS] * 7),
    exceptions=st.lists(
        st.builds(OtherDay, DAYS, UNITS, NOTES), max_size=5, unique_by=lambda one: one.day
    ).map(tuple),
    maintenance=st.lists(
        st.builds(Maintenance, DAYS, st.none() | UNITS, NOTES),
        max_size=5,
        unique_by=lambda one: one.day,
    ).map(tuple),
    drains_from=st.none() | DAYS,
    is_paused=st.booleans(),
)


@given(CALENDARS)
def test_a_calendar_survives_every_way_it_travels(calendar: Calendar) -> None:
    definition = PoolDefinition("GPUs", "gpu", calendar, 3)
    assert list(findings_in_calendar(calendar)) == []
    assert definition_from(definition_text(definition)) == definition
    assert form_of(definition, 1).definition == definition
    read = read_sheet(sheet_of(calendar))
    assert (read.findings, read.calendar) == ((), calendar)


@given(CALENDARS, st.lists(DAYS, min_size=1, max_size=10))
def test_no_day_offers_more_than_its_pattern_or_its_exception_says(
    calendar: Calendar, days: list[dt.date]
) -> None:
    others = {other.day: other.units for other in calendar.exceptions}
    for one in capacity_on(calendar, days):
        most = others.get(one.day, calendar.week[one.day.weekday()])
        assert all(units <= limit for units, limit in zip(one.units, most, strict=True))
        if one.cause in {Cause.PAUSE, Cause.DRAIN}:
            assert one.units == Units(0, 0)


@given(CALENDARS, st.sets(DAYS, min_size=1))
def test_a_day_offers_the_same_whichever_days_are_asked_beside_it(
    calendar: Calendar, days: set[dt.date]
) -> None:
    together = capacity_on(calendar, sorted(days))
    assert together == tuple(capacity_on(calendar, [day])[0] for day in sorted(days))
