"""The roster of an expert pool: who is in it, their hours on each weekday, and when they are away.

Pure. Persons are named by their keys as experts; who they are stands in broker/experts. A pool's
hours of a day are the sum of its persons' hours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_HOURS = 24
MOST_PERSONS = 200
MOST_TEAMS = 20
MOST_SKILLS = 20


@dataclass(frozen=True, slots=True, order=True)
class Absence:
    """Days on which somebody is away, the first and the last included."""

    first_day: dt.date
    last_day: dt.date

    def covers(self, day: dt.date) -> bool:
        """Say whether a day is among them."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """Somebody in an expert pool.

    Units: whole hours per weekday, Monday first. `most_teams` is for how many teams they work on
    one day at most; `own_team` the key of a team for which they never do, besides those in which
    they have a role.
    """

    key: str
    hours: tuple[int, ...]
    most_teams: int = 1
    own_team: str = ""
    skills: tuple[str, ...] = ()
    absences: tuple[Absence, ...] = ()

    def hours_on(self, day: dt.date) -> int:
        """Return the hours of a day, none while they are away."""
        if any(absence.covers(day) for absence in self.absences):
            return 0
        return self.hours[day.weekday()]


@dataclass(frozen=True, slots=True)
class Roster:
    """The persons of an expert pool, and how many percent of their hours are kept for spot."""

    persons: tuple[RosterPerson, ...] = ()
    spot_percent: int = 0

    def hours_on(self, day: dt.date) -> int:
        """Return the sum of everybody's hours of a day."""
        return sum(person.hours_on(day) for person in self.persons)

    def split_on(self, day: dt.date) -> tuple[int, int]:
        """Return the hours of a day that may be reserved, and those kept for spot."""
        hours = self.hours_on(day)
        spot = hours * self.spot_percent // 100
        return hours - spot, spot


def roster_document(roster: Roster) -> dict[str, Any]:
    """Return a roster as plain values."""
    return {
        "spot_percent": roster.spot_percent,
        "persons": [
            {
                "key": person.key,
                "hours": list(person.hours),
                "most_teams": person.most_teams,
                "own_team": person.own_team,
                "skills": list(person.skills),
                "absences": [
                    [absence.first_day.isoformat(), absence.last_day.isoformat()]
                    for absence in person.absences
                ],
            }
            for person in roster.persons
        ],
    }


def roster_from(document: Mapping[str, Any]) -> Roster:
    """Return the roster that `roster_document` wrote."""
    persons = tuple(
        RosterPerson(
            key=person["key"],
            hours=tuple(person["hours"]),
            most_teams=person["most_teams"],
            own_team=person["own_team"],
            skills=tuple(person["skills"]),
            absences=tuple(
                Absence(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
                for first, last in person["absences"]
            ),
        )
        for person in document["persons"]
    )
    return Roster(persons, document["spot_percent"])
