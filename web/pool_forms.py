"""The form of a pool's calendar: what was typed, read into a definition, and what is wrong with it.

A definition becomes the same fields again, so that a page can carry on what another one read, be it
typed or from a sheet. What a calendar may say is decided in broker/pools.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from broker.pools.calendars import (
    NONE,
    WEEKDAYS,
    Calendar,
    Maintenance,
    OtherDay,
    Units,
    entries_of,
)
from broker.pools.data_terms import CatalogueEntry, DataTerms
from broker.pools.definitions import DATA, EXPERT, PoolDefinition
from broker.pools.sheets import is_day, is_units
from web.deadline_forms import FieldFinding
from web.roster_forms import (
    SPARE_ABSENCES,
    SPARE_PERSONS,
    findings_in_roster_fields,
    lines,
    names_of_fields,
    names_typed,
    read_roster,
    roster_fields,
)

TEXTS = ("name", "unit", "description", "classification")
OF_DATA = ("steward", "purposes", "longest_days", "catalogue", "catalogue_entry")
PLAIN = (
    *(*TEXTS, *OF_DATA, "kind", "reserve_price", "first_day", "drains_from", "is_paused"),
    *("reason", "follows"),
)
ENTRY = ("what", "day", "reserved", "spot", "note")
SPARE_ENTRIES = 4
EXCEPTION, MAINTENANCE = "exception", "maintenance"
NUMBERED = re.compile(r"entry-([1-9][0-9]{0,3})-day")
A_FINDING = re.compile(r"(?P<label>[a-z ]+?)(?: (?P<number>\d+))?: (?P<words>.*)", re.DOTALL)
NOT_UNITS = "Write whole units, 0 or more."
NOT_A_DAY = "Write a day such as 2026-03-02."


@dataclass(frozen=True, slots=True)
class PoolForm:
    """A pool as it was typed; `definition` is None where it could not be read.

    Shape: `places` are the numbers of the form's entries, exceptions before maintenance.
    """

    typed: Mapping[str, str]
    definition: PoolDefinition | None = None
    places: tuple[int, ...] = ()
    findings: tuple[FieldFinding, ...] = ()
    focus: str = ""

    @property
    def names(self) -> Mapping[str, str]:
        """The names that were typed beside the keys of a roster's persons."""
        return names_typed(self.typed)

    @property
    def person_lines(self) -> range:
        """The numbers of the persons to show: who is there, and some to fill in."""
        return range(1, max(lines(self.typed, "person"), default=0) + SPARE_PERSONS + 1)

    @property
    def absence_lines(self) -> range:
        """The numbers of the absences to show."""
        return range(1, max(lines(self.typed, "absence"), default=0) + SPARE_ABSENCES + 1)

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    @property
    def follows(self) -> int:
        """The number of the version that was looked at."""
        text = self.text("follows")
        return int(text) if is_units(text) else 0

    @property
    def entries(self) -> range:
        """The numbers of the entries to show: what is there, and some to fill in."""
        return range(1, _last_entry(self.typed) + SPARE_ENTRIES + 1)

    @property
    def carried(self) -> Iterator[tuple[str, str]]:
        """Every field but the reason, for a page that asks only for that."""
        return ((name, text) for name, text in self.typed.items() if name != "reason")

    def refused(self, findings: Iterable[str]) -> PoolForm:
        """Return the form with what the market found wrong."""
        persons = tuple(lines(self.typed, "person"))
        found = tuple(_finding(said, self.places, persons) for said in findings)
        return replace(self, findings=found)


def form_of(
    definition: PoolDefinition, follows: int, names: Mapping[str, str] | None = None
) -> PoolForm:
    """Return the form that says what a definition says; `names` are those of a roster's persons."""
    calendar = definition.calendar
    typed = {name: getattr(definition, name) for name in TEXTS}
    typed |= {"kind": definition.kind, **_data_fields(definition.data)}
    if calendar.roster is not None:
        typed |= roster_fields(calendar.roster, names or {})
    typed |= {
        "reserve_price": str(definition.reserve_price_credits),
        "first_day": calendar.first_day.isoformat(),
        "drains_from": calendar.drains_from.isoformat() if calendar.drains_from else "",
        "is_paused": "yes" if calendar.is_paused else "",
        "follows": str(follows),
    }
    for weekday, units in zip(WEEKDAYS, calendar.week, strict=True):
        typed |= {f"{weekday}-reserved": str(units[0]), f"{weekday}-spot": str(units[1])}
    for number, entry in enumerate(entries_of(calendar), 1):
        typed |= _entry_fields(number, entry)
    return read_form(typed)


def _data_fields(terms: DataTerms | None) -> dict[str, str]:
    if terms is None:
        return {}
    return {
        "steward": terms.steward_id,
        "purposes": "\n".join(terms.purposes),
        "longest_days": str(terms.longest_days),
        "catalogue": terms.entry.catalogue,
        "catalogue_entry": terms.entry.reference,
    }


def read_terms(typed: Mapping[str, str]) -> DataTerms | None:
    """Return the terms that were typed for a pool of data; None for other kinds."""
    if typed.get("kind") != DATA:
        return None
    lines = (line.strip() for line in typed.get("purposes", "").splitlines())
    days = typed.get("longest_days", "")
    entry = CatalogueEntry(typed.get("catalogue", ""), typed.get("catalogue_entry", ""))
    return DataTerms(
        steward_id=typed.get("steward", ""),
        purposes=tuple(line for line in lines if line),
        longest_days=int(days) if is_units(days) else 0,
        entry=entry,
    )


def read_form(fields: Mapping[str, str]) -> PoolForm:
    """Read what was typed."""
    numbers = _numbers(fields)
    names = [
        *PLAIN,
        *(f"{weekday}-{tier}" for weekday in WEEKDAYS for tier in ("reserved", "spot")),
    ]
    names += [f"entry-{number}-{part}" for number in numbers for part in ENTRY]
    names += names_of_fields(fields) if fields.get("kind") == EXPERT else []
    typed = {name: fields.get(name, "").strip() for name in names}
    findings = tuple(_findings(typed, numbers))
    if typed["kind"] == EXPERT:
        findings = (*findings, *findings_in_roster_fields(typed))
    if findings:
        return PoolForm(typed, findings=findings)
    exceptions = [n for n in numbers if typed[f"entry-{n}-what"] != MAINTENANCE]
    maintenance = [n for n in numbers if typed[f"entry-{n}-what"] == MAINTENANCE]
    calendar = _calendar(typed, exceptions, maintenance)
    return PoolForm(typed, _definition(typed, calendar), (*exceptions, *maintenance))


def _numbers(fields: Mapping[str, str]) -> list[int]:
    """Return the numbers of the entries that say something, in their order."""
    named = sorted(int(found[1]) for name in fields if (found := NUMBERED.fullmatch(name)))
    parts = [part for part in ENTRY if part != "what"]
    return [n for n in named if any(fields.get(f"entry-{n}-{p}", "").strip() for p in parts)]


def _last_entry(typed: Mapping[str, str]) -> int:
    return max(_numbers(typed), default=0)


def _entry_fields(number: int, entry: OtherDay | Maintenance) -> dict[str, str]:
    is_other = isinstance(entry, OtherDay)
    units = entry.units if isinstance(entry, OtherDay) else entry.away
    reserved, spot = map(str, units) if units is not None else ("", "")
    values = (EXCEPTION if is_other else MAINTENANCE, entry.day.isoformat(), reserved, spot)
    return {
        f"entry-{number}-{part}": text
        for part, text in zip(ENTRY, (*values, entry.note), strict=True)
    }


def _findings(typed: Mapping[str, str], numbers: Iterable[int]) -> Iterator[FieldFinding]:
    if not is_units(typed["reserve_price"] or "0"):
        yield FieldFinding("reserve_price", "Write whole credits, 0 or more.")
    if not is_day(typed["first_day"]):
        yield FieldFinding("first_day", NOT_A_DAY)
    if typed["drains_from"] and not is_day(typed["drains_from"]):
        yield FieldFinding("drains_from", NOT_A_DAY)
    for weekday in WEEKDAYS:
        for name in (f"{weekday}-reserved", f"{weekday}-spot"):
            if not is_units(typed[name] or "0"):
                yield FieldFinding(name, NOT_UNITS)
    for number in numbers:
        yield from _findings_in_entry(typed, f"entry-{number}")


def _findings_in_entry(typed: Mapping[str, str], entry: str) -> Iterator[FieldFinding]:
    if not is_day(typed[f"{entry}-day"]):
        yield FieldFinding(f"{entry}-day", NOT_A_DAY)
    for name in (f"{entry}-reserved", f"{entry}-spot"):
        if not is_units(typed[name] or "0"):
            yield FieldFinding(name, NOT_UNITS)


def _definition(typed: Mapping[str, str], calendar: Calendar) -> PoolDefinition:
    return PoolDefinition(
        calendar=calendar,
        reserve_price_credits=int(typed["reserve_price"] or "0"),
        data=read_terms(typed),
        **{name: typed[name] for name in TEXTS},
    )


def _calendar(
    typed: Mapping[str, str], exceptions: Iterable[int], maintenance: Iterable[int]
) -> Calendar:
    drains_from = typed["drains_from"]
    return Calendar(
        first_day=dt.date.fromisoformat(typed["first_day"]),
        week=tuple(_units(typed, weekday) or NONE for weekday in WEEKDAYS),
        exceptions=tuple(
            OtherDay(_day(typed, n), _units(typed, f"entry-{n}") or NONE, typed[f"entry-{n}-note"])
            for n in exceptions
        ),
        maintenance=tuple(
            Maintenance(_day(typed, n), _units(typed, f"entry-{n}"), typed[f"entry-{n}-note"])
            for n in maintenance
        ),
        drains_from=dt.date.fromisoformat(drains_from) if drains_from else None,
        is_paused=typed["is_paused"] == "yes",
        roster=read_roster(typed) if typed["kind"] == EXPERT else None,
    )


def _day(typed: Mapping[str, str], number: int) -> dt.date:
    return dt.date.fromisoformat(typed[f"entry-{number}-day"])


def _units(typed: Mapping[str, str], place: str) -> Units | None:
    """Return the units of a place; None where both fields are empty."""
    reserved, spot = typed[f"{place}-reserved"], typed[f"{place}-spot"]
    return Units(int(reserved or "0"), int(spot or "0")) if reserved or spot else None


def _finding(sentence: str, places: tuple[int, ...], persons: tuple[int, ...]) -> FieldFinding:
    """Return a finding of the market beside the field that it is about."""
    found = A_FINDING.fullmatch(sentence)
    if found is None:
        return FieldFinding("", sentence)
    label, words = found["label"], found["words"][:1].upper() + found["words"][1:]
    if label == "entry" and found["number"] and int(found["number"]) <= len(places):
        return FieldFinding(f"entry-{places[int(found['number']) - 1]}-day", words)
    if label == "person" and found["number"] and int(found["number"]) <= len(persons):
        return FieldFinding(f"person-{persons[int(found['number']) - 1]}-key", words)
    if label in WEEKDAYS:
        return FieldFinding(f"{label}-reserved", words)
    name = label.replace(" ", "_")
    return (
        FieldFinding(name, words)
        if name in {*PLAIN, "key", "spot_percent"}
        else FieldFinding("", words)
    )
