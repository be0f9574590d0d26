"""What is wrong with a roster, by the person that it is about. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from broker.pools.calendars import WEEKDAYS, Calendar
from broker.pools.rosters import (
    MOST_HOURS,
    MOST_PERSONS,
    MOST_SKILLS,
    MOST_TEAMS,
    Roster,
    RosterPerson,
)
from broker.texts import findings_in_key, findings_in_number, findings_in_text


def findings_in_roster(calendar: Calendar, roster: Roster) -> Iterator[str]:
    """Say everything that is wrong with a roster and with what a calendar says beside it.

    Persons are numbered from 1 in the order of the roster.
    """
    yield from findings_in_number("spot percent", roster.spot_percent, 0, 100)
    if len(roster.persons) > MOST_PERSONS:
        yield f"persons: are {len(roster.persons)}; a pool has at most {MOST_PERSONS}."
    twice = Counter(person.key for person in roster.persons)
    for number, person in enumerate(roster.persons, 1):
        yield from _findings_in_person(f"person {number}", person)
        if twice[person.key] > 1:
            yield f"person {number}: {person.key!r} is named twice; leave one of the lines."
    if calendar.exceptions:
        yield "entry 1: hours of a day follow from the persons; name who is away, or a closed day."
    first = len(calendar.exceptions)
    for number, loss in enumerate(calendar.maintenance, first + 1):
        if loss.away is not None:
            yield f"entry {number}: a closed day closes all of the pool; name no hours."


def _findings_in_person(what: str, person: RosterPerson) -> Iterator[str]:
    yield from findings_in_key(what, person.key)
    if len(person.hours) != len(WEEKDAYS):
        yield f"{what}: has hours for {len(person.hours)} days; name all seven."
    for hours in person.hours:
        yield from findings_in_number(what, hours, 0, MOST_HOURS)
    yield from findings_in_number(what, person.most_teams, 1, MOST_TEAMS)
    if person.own_team:
        yield from findings_in_key(what, person.own_team)
    if len(person.skills) > MOST_SKILLS:
        yield f"{what}: has {len(person.skills)} skills; name at most {MOST_SKILLS}."
    for skill in person.skills:
        yield from findings_in_text(what, skill)
    for absence in person.absences:
        if absence.first_day > absence.last_day:
            yield f"{what}: is away from {absence.first_day} to {absence.last_day}; mend the order."
