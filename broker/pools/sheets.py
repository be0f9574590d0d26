"""A calendar as a CSV sheet: one line an entry, read with errors by row and written back the same.

Columns: `entry,day,reserved_units,spot_units,note`. Entries: `first-day`, `pattern` (its day is a
weekday), `exception`, `maintenance` (units that are away; none named means all), `drain`, `pause`.
A sheet is a whole calendar: what it does not name is not there.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from broker.pools.calendars import (
    MOST_ENTRIES,
    NONE,
    WEEKDAYS,
    Calendar,
    Maintenance,
    OtherDay,
    Units,
)
from broker.texts import FORMULA_STARTS, LARGEST_UNITS, findings_in_text, safe_cell

COLUMNS = ("entry", "day", "reserved_units", "spot_units", "note")
FIRST_DAY, PATTERN, EXCEPTION = "first-day", "pattern", "exception"
MAINTENANCE, DRAIN, PAUSE = "maintenance", "drain", "pause"
ENTRIES = (FIRST_DAY, PATTERN, EXCEPTION, MAINTENANCE, DRAIN, PAUSE)
MOST_LINES = MOST_ENTRIES + 20
_UNITS = re.compile(r"0|[1-9][0-9]{0,9}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class SheetRead:
    """What a sheet came to. `calendar` is None where there are findings, each with its line."""

    calendar: Calendar | None
    findings: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What was read so far."""

    first_day: dt.date | None = None
    week: dict[str, Units] = field(default_factory=dict)
    exceptions: list[OtherDay] = field(default_factory=list)
    maintenance: list[Maintenance] = field(default_factory=list)
    drains_from: dt.date | None = None
    is_paused: bool = False
    seen: set[tuple[str, str]] = field(default_factory=set)


def read_sheet(text: str) -> SheetRead:
    """Read a sheet, and say everything that is wrong with it by line."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found = _Found()
    findings: list[str] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        findings += _findings_in_header(header)
        if not findings:
            findings += _lines(reader, header, found)
    except csv.Error as error:
        findings.append(f"line {reader.line_num}: is no CSV ({error}); write it anew.")
    if found.first_day is None and not findings:
        findings.append("line 1: no first day; add a line such as `first-day,2026-03-02,,,`.")
    if findings or found.first_day is None:
        return SheetRead(None, tuple(findings))
    return SheetRead(_calendar(found, found.first_day), ())


def sheet_of(calendar: Calendar) -> str:
    """Return a calendar as a sheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(cell) for cell in line] for line in _written(calendar))
    return out.getvalue()


def _written(calendar: Calendar) -> Iterator[tuple[str, ...]]:
    yield FIRST_DAY, calendar.first_day.isoformat(), "", "", ""
    for weekday, units in zip(WEEKDAYS, calendar.week, strict=True):
        yield PATTERN, weekday, *map(str, units), ""
    for other in calendar.exceptions:
        yield EXCEPTION, other.day.isoformat(), *map(str, other.units), other.note
    for loss in calendar.maintenance:
        away = map(str, loss.away) if loss.away else ("", "")
        yield MAINTENANCE, loss.day.isoformat(), *away, loss.note
    if calendar.drains_from is not None:
        yield DRAIN, calendar.drains_from.isoformat(), "", "", ""
    if calendar.is_paused:
        yield PAUSE, "", "", "", ""


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
            line = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
            for finding in _take(line, found):
                yield f"line {number}: {finding}"


def _take(line: Mapping[str, str], found: _Found) -> Iterator[str]:
    """Read one line into what was found, or say what is wrong with it."""
    findings = [*_findings_in_line(line), *_findings_in_repeats(line, found)]
    if findings:
        yield from findings
        return
    entry, units = line["entry"], _units(line)
    if entry == PATTERN:
        found.week[line["day"].lower()] = units or NONE
    elif entry == PAUSE:
        found.is_paused = True
    else:
        _take_day(entry, dt.date.fromisoformat(line["day"]), units, _note(line["note"]), found)


def _take_day(entry: str, day: dt.date, units: Units | None, note: str, found: _Found) -> None:
    if entry == FIRST_DAY:
        found.first_day = day
    elif entry == DRAIN:
        found.drains_from = day
    elif entry == MAINTENANCE:
        found.maintenance.append(Maintenance(day, units, note))
    else:
        found.exceptions.append(OtherDay(day, units or NONE, note))


def _findings_in_line(line: Mapping[str, str]) -> Iterator[str]:
    entry = line["entry"]
    if entry not in ENTRIES:
        yield f"entry: {entry[:40]!r} is none; there are {', '.join(ENTRIES)}."
        return
    yield from _findings_in_day(entry, line["day"])
    yield from _findings_in_units(entry, line)
    yield from findings_in_text("note", line["note"])


def _findings_in_day(entry: str, day: str) -> Iterator[str]:
    if entry == PATTERN:
        if day.lower() not in WEEKDAYS:
            yield f"day: {day[:40]!r} is no weekday; there are {', '.join(WEEKDAYS)}."
    elif entry == PAUSE:
        if day:
            yield "day: a pause lasts until it is lifted; leave the day empty."
    elif not is_day(day):
        yield f"day: {day[:40]!r} is no day; write one such as 2026-03-02."


def _findings_in_units(entry: str, line: Mapping[str, str]) -> Iterator[str]:
    named = {name: line[name] for name in ("reserved_units", "spot_units")}
    if entry in {FIRST_DAY, DRAIN, PAUSE}:
        if any(named.values()):
            yield f"reserved_units: a line for {entry} has no units; leave both cells empty."
    elif entry != MAINTENANCE or any(named.values()):
        for name, text in named.items():
            if not is_units(text):
                yield f"{name}: {text[:40]!r} is no whole number from 0 to {LARGEST_UNITS}."


def _findings_in_repeats(line: Mapping[str, str], found: _Found) -> Iterator[str]:
    entry, day = line["entry"], line["day"].lower()
    what = (entry, day if entry in {PATTERN, EXCEPTION, MAINTENANCE} else "")
    if what in found.seen:
        yield f"day: {' '.join(what).strip()} is named twice; leave one of the lines."
    found.seen.add(what)


def is_day(text: str) -> bool:
    """Say whether a text is an ISO day."""
    if not _DAY.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_units(text: str) -> bool:
    """Say whether a text is a whole number of units."""
    return bool(_UNITS.fullmatch(text)) and int(text) <= LARGEST_UNITS


def _units(line: Mapping[str, str]) -> Units | None:
    if not line["reserved_units"]:
        return None
    return Units(int(line["reserved_units"]), int(line["spot_units"]))


def _note(cell: str) -> str:
    """Return a note without the quote that keeps a spreadsheet from running it."""
    return cell[1:] if cell.startswith(tuple(f"'{start}" for start in FORMULA_STARTS)) else cell


def _calendar(found: _Found, first_day: dt.date) -> Calendar:
    return Calendar(
        first_day=first_day,
        week=tuple(found.week.get(weekday, NONE) for weekday in WEEKDAYS),
        exceptions=tuple(found.exceptions),
        maintenance=tuple(found.maintenance),
        drains_from=found.drains_from,
        is_paused=found.is_paused,
    )
