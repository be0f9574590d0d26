"""A roster with its calendar as a CSV sheet: one line an entry, read with errors by row.

Columns: `entry,person,name,monday,…,sunday,most_teams,own_team,skills,from,to,note`. Entries:
`first-day` and `drain` (their day is `from`), `spot` (its percent is `monday`), `person`, `absence`
(from, to), `closed` (a day, `from`, on which nobody works), `pause`. Skills are divided by
semicolons. A sheet is all of the pool's calendar: what it does not name is not there.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from broker.pools.calendars import NONE, WEEKDAYS, Calendar, Maintenance
from broker.pools.rosters import MOST_PERSONS, Absence, Roster, RosterPerson
from broker.pools.sheets import is_day, is_units
from broker.texts import FORMULA_STARTS, findings_in_key, findings_in_text, safe_cell

COLUMNS = (
    *("entry", "person", "name", *WEEKDAYS),
    *("most_teams", "own_team", "skills", "from", "to", "note"),
)
FIRST_DAY, SPOT, PERSON, ABSENCE = "first-day", "spot", "person", "absence"
CLOSED, DRAIN, PAUSE = "closed", "drain", "pause"
ENTRIES = (FIRST_DAY, SPOT, PERSON, ABSENCE, CLOSED, DRAIN, PAUSE)
MOST_LINES = MOST_PERSONS * 10


@dataclass(frozen=True, slots=True)
class RosterRead:
    """What a sheet came to: a calendar with a roster, and names by key; None with findings."""

    calendar: Calendar | None
    names: Mapping[str, str]
    findings: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What was read so far."""

    first_day: dt.date | None = None
    spot_percent: int = 0
    persons: dict[str, RosterPerson] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    absences: list[tuple[int, str, Absence]] = field(default_factory=list)
    closed: list[Maintenance] = field(default_factory=list)
    drains_from: dt.date | None = None
    is_paused: bool = False


def read_roster_sheet(text: str) -> RosterRead:
    """Read a sheet, and say everything that is wrong with it by line."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found, findings = _Found(), list[str]()
    try:
        header = [cell.strip() for cell in next(reader, [])]
        findings += _findings_in_header(header)
        if not findings:
            findings += _lines(reader, header, found)
    except csv.Error as error:
        findings.append(f"line {reader.line_num}: is no CSV ({error}); write it anew.")
    findings += [
        f"line {number}: person: {key!r} has no line of entry person; add one."
        for number, key, _ in found.absences
        if key not in found.persons
    ]
    if found.first_day is None and not findings:
        findings.append("line 1: no first day; add a line of entry first-day with its day in from.")
    if findings or found.first_day is None:
        return RosterRead(None, {}, tuple(findings))
    return RosterRead(_calendar(found, found.first_day), found.names, ())


def roster_sheet_of(calendar: Calendar, names: Mapping[str, str]) -> str:
    """Return a calendar with its roster as a sheet."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for line in _written(calendar, names):
        writer.writerow({name: safe_cell(cell) for name, cell in line.items()})
    return out.getvalue()


def _written(calendar: Calendar, names: Mapping[str, str]) -> Iterator[dict[str, str]]:
    roster = calendar.roster or Roster()
    yield {"entry": FIRST_DAY, "from": calendar.first_day.isoformat()}
    yield {"entry": SPOT, "monday": str(roster.spot_percent)}
    for person in roster.persons:
        yield {
            "entry": PERSON,
            "person": person.key,
            "name": names.get(person.key, ""),
            **dict(zip(WEEKDAYS, map(str, person.hours), strict=True)),
            "most_teams": str(person.most_teams),
            "own_team": person.own_team,
            "skills": "; ".join(person.skills),
        }
        for absence in person.absences:
            first, last = absence.first_day.isoformat(), absence.last_day.isoformat()
            yield {"entry": ABSENCE, "person": person.key, "from": first, "to": last}
    for loss in calendar.maintenance:
        yield {"entry": CLOSED, "from": loss.day.isoformat(), "note": loss.note}
    if calendar.drains_from is not None:
        yield {"entry": DRAIN, "from": calendar.drains_from.isoformat()}
    if calendar.is_paused:
        yield {"entry": PAUSE}


def _findings_in_header(header: list[str]) -> Iterator[str]:
    for name in COLUMNS:
        if header.count(name) != 1:
            yield f"line 1: {name}: stands {header.count(name)} times in the header; name it once."
    for name in header:
        if name not in COLUMNS:
            yield f"line 1: {name[:40]!r}: is no column; there are {', '.join(COLUMNS)}."


def _lines(rows: Iterable[list[str]], header: list[str], found: _Found) -> Iterator[str]:
    for number, row in enumerate(islice(rows, MOST_LINES + 1), 2):
        if not any(cell.strip() for cell in row):
            continue
        if number > MOST_LINES + 1:
            yield f"line {number}: the sheet has more than {MOST_LINES} lines; leave past days out."
        elif len(row) != len(header):
            yield f"line {number}: has {len(row)} cells; the header has {len(header)}."
        else:
            cells = (_plain(cell.strip()) for cell in row)
            for finding in _take(number, dict(zip(header, cells, strict=True)), found):
                yield f"line {number}: {finding}"


def _plain(cell: str) -> str:
    """Return a cell without the quote that keeps a spreadsheet from running it."""
    return cell[1:] if cell.startswith(tuple(f"'{start}" for start in FORMULA_STARTS)) else cell


def _take(number: int, line: Mapping[str, str], found: _Found) -> Iterator[str]:
    """Read one line into what was found, or say what is wrong with it."""
    entry = line["entry"]
    if entry not in ENTRIES:
        yield f"entry: {entry[:40]!r} is none; there are {', '.join(ENTRIES)}."
        return
    findings = [*_findings_in_line(entry, line), *_findings_in_repeats(entry, line, found)]
    yield from findings
    if findings:
        return
    if entry == PERSON:
        found.persons[line["person"]] = _person(line)
        found.names[line["person"]] = line["name"]
    elif entry == ABSENCE:
        absence = Absence(_day(line["from"]), _day(line["to"] or line["from"]))
        found.absences.append((number, line["person"], absence))
    elif entry == SPOT:
        found.spot_percent = int(line["monday"])
    elif entry == CLOSED:
        found.closed.append(Maintenance(_day(line["from"]), None, line["note"]))
    elif entry == PAUSE:
        found.is_paused = True
    elif entry == DRAIN:
        found.drains_from = _day(line["from"])
    else:
        found.first_day = _day(line["from"])


def _findings_in_line(entry: str, line: Mapping[str, str]) -> Iterator[str]:
    if entry in {PERSON, ABSENCE}:
        yield from findings_in_key("person", line["person"])
    if entry == PERSON:
        yield from findings_in_text("name", line["name"])
        for name in (*WEEKDAYS, "most_teams"):
            if not is_units(line[name] or "0"):
                yield f"{name}: {line[name][:40]!r} is no whole number of hours or teams."
    if entry == SPOT and not is_units(line["monday"]):
        yield f"monday: {line['monday'][:40]!r} is no whole percent."
    if entry in {FIRST_DAY, ABSENCE, CLOSED, DRAIN} and not is_day(line["from"]):
        yield f"from: {line['from'][:40]!r} is no day; write one such as 2026-03-02."
    if entry == ABSENCE and line["to"] and not is_day(line["to"]):
        yield f"to: {line['to'][:40]!r} is no day; write one such as 2026-03-02."
    yield from findings_in_text("note", line["note"])


def _findings_in_repeats(entry: str, line: Mapping[str, str], found: _Found) -> Iterator[str]:
    if entry == PERSON and line["person"] in found.persons:
        yield f"person: {line['person'][:40]!r} is named twice; leave one of the lines."
    is_there = {FIRST_DAY: found.first_day, DRAIN: found.drains_from}.get(entry)
    if is_there is not None:
        yield f"entry: {entry} is named twice; leave one of the lines."


def _person(line: Mapping[str, str]) -> RosterPerson:
    skills = (skill.strip() for skill in line["skills"].split(";"))
    return RosterPerson(
        key=line["person"],
        hours=tuple(int(line[weekday] or "0") for weekday in WEEKDAYS),
        most_teams=int(line["most_teams"] or "1"),
        own_team=line["own_team"],
        skills=tuple(skill for skill in skills if skill),
    )


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def _calendar(found: _Found, first_day: dt.date) -> Calendar:
    away: dict[str, list[Absence]] = {key: [] for key in found.persons}
    for _, key, absence in found.absences:
        away[key].append(absence)
    persons = tuple(
        replace(person, absences=tuple(sorted(away[key]))) for key, person in found.persons.items()
    )
    return Calendar(
        first_day=first_day,
        week=(NONE,) * len(WEEKDAYS),
        maintenance=tuple(found.closed),
        drains_from=found.drains_from,
        is_paused=found.is_paused,
        roster=Roster(persons, found.spot_percent),
    )
