"""The fields of a roster in the form of a pool: a line a person, a line an absence.

What was typed becomes a roster and back. What a roster may say is decided in broker/pools.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from broker.pools.calendars import WEEKDAYS
from broker.pools.rosters import Absence, Roster, RosterPerson
from broker.pools.sheets import is_day, is_units
from web.deadline_forms import FieldFinding

PERSON = ("key", "name", *WEEKDAYS, "teams", "own", "skills")
ABSENCE = ("person", "first", "last")
SPARE_PERSONS, SPARE_ABSENCES = 3, 4
NUMBERED = re.compile(r"(person|absence)-([1-9][0-9]{0,3})-(key|person)")


def roster_fields(roster: Roster, names: Mapping[str, str]) -> dict[str, str]:
    """Return a roster as somebody would type it."""
    typed = {"spot_percent": str(roster.spot_percent)}
    away = [(person.key, absence) for person in roster.persons for absence in person.absences]
    for number, person in enumerate(roster.persons, 1):
        typed |= {
            f"person-{number}-key": person.key,
            f"person-{number}-name": names.get(person.key, ""),
            f"person-{number}-teams": str(person.most_teams),
            f"person-{number}-own": person.own_team,
            f"person-{number}-skills": "; ".join(person.skills),
        }
        for weekday, hours in zip(WEEKDAYS, person.hours, strict=True):
            typed[f"person-{number}-{weekday}"] = str(hours)
    for number, (key, absence) in enumerate(away, 1):
        typed |= {
            f"absence-{number}-person": key,
            f"absence-{number}-first": absence.first_day.isoformat(),
            f"absence-{number}-last": absence.last_day.isoformat(),
        }
    return typed


def names_of_fields(fields: Mapping[str, str]) -> list[str]:
    """Return the names of the roster's fields that were sent."""
    return [
        "spot_percent",
        *(f"person-{n}-{part}" for n in lines(fields, "person") for part in PERSON),
        *(f"absence-{n}-{part}" for n in lines(fields, "absence") for part in ABSENCE),
    ]


def lines(fields: Mapping[str, str], what: str) -> list[int]:
    """Return the numbers of the lines that say something, in their order."""
    parts = {"person": PERSON, "absence": ABSENCE}[what]
    named = (NUMBERED.fullmatch(name) for name in fields)
    numbers = sorted(int(found[2]) for found in named if found and found[1] == what)
    return [n for n in numbers if any(fields.get(f"{what}-{n}-{p}", "").strip() for p in parts)]


def findings_in_roster_fields(typed: Mapping[str, str]) -> Iterator[FieldFinding]:
    """Say what cannot be read as hours, teams or days."""
    if not is_units(typed.get("spot_percent") or "0"):
        yield FieldFinding("spot_percent", "Write a whole percent, 0 to 100.")
    for number in lines(typed, "person"):
        for part in (*WEEKDAYS, "teams"):
            if not is_units(typed.get(f"person-{number}-{part}") or "0"):
                yield FieldFinding(f"person-{number}-{part}", "Write a whole number, 0 or more.")
    keys = {typed.get(f"person-{number}-key", "") for number in lines(typed, "person")}
    for number in lines(typed, "absence"):
        yield from _findings_in_absence(typed, f"absence-{number}", keys)


def _findings_in_absence(
    typed: Mapping[str, str], line: str, keys: set[str]
) -> Iterator[FieldFinding]:
    if typed.get(f"{line}-person", "") not in keys:
        yield FieldFinding(f"{line}-person", "Name the key of somebody who is in the pool.")
    if not is_day(typed.get(f"{line}-first", "")):
        yield FieldFinding(f"{line}-first", "Write a day such as 2026-03-02.")
    last = typed.get(f"{line}-last", "")
    if last and not is_day(last):
        yield FieldFinding(f"{line}-last", "Write a day such as 2026-03-02.")


def read_roster(typed: Mapping[str, str]) -> Roster:
    """Return the roster that was typed, once there are no findings."""
    away: dict[str, list[Absence]] = {}
    for number in lines(typed, "absence"):
        first = dt.date.fromisoformat(typed[f"absence-{number}-first"])
        last = typed.get(f"absence-{number}-last", "")
        absence = Absence(first, dt.date.fromisoformat(last) if last else first)
        away.setdefault(typed[f"absence-{number}-person"], []).append(absence)
    persons = tuple(_person(typed, number, away) for number in lines(typed, "person"))
    return Roster(persons, int(typed.get("spot_percent") or "0"))


def _person(
    typed: Mapping[str, str], number: int, away: Mapping[str, list[Absence]]
) -> RosterPerson:
    def said(part: str) -> str:
        return typed.get(f"person-{number}-{part}", "")

    skills = (skill.strip() for skill in said("skills").split(";"))
    return RosterPerson(
        key=said("key"),
        hours=tuple(int(said(weekday) or "0") for weekday in WEEKDAYS),
        most_teams=int(said("teams") or "1"),
        own_team=said("own"),
        skills=tuple(skill for skill in skills if skill),
        absences=tuple(sorted(away.get(said("key"), ()))),
    )


def names_typed(typed: Mapping[str, str]) -> dict[str, str]:
    """Return the names that stand beside the keys of persons."""
    numbers = lines(typed, "person")
    return {typed[f"person-{n}-key"]: typed.get(f"person-{n}-name", "") for n in numbers}
