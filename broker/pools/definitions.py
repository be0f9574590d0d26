"""What a pool is, as its owner defines it, and the document that keeps a version of it for ever."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allocation.wire import canonical_json
from broker.pools.calendars import (
    Calendar,
    Maintenance,
    OtherDay,
    Units,
    findings_in_calendar,
)
from broker.pools.data_terms import (
    DataTerms,
    findings_in_terms,
    terms_document,
    terms_from,
)
from broker.pools.roster_findings import findings_in_roster
from broker.pools.rosters import roster_document, roster_from
from broker.texts import findings_in_number, findings_in_text

COMPUTE, EXPERT, DATA = "compute", "expert", "data"
DEFINED_KINDS = (COMPUTE, EXPERT, DATA)
"""The kinds of pool that the market defines itself."""


@dataclass(frozen=True, slots=True)
class PoolDefinition:
    """What a pool is and what it offers on every day. Who owns it is a role of a person.

    A data pool has terms, and its calendar says how many seats there are; the calendar of an expert
    pool has a roster.
    """

    name: str
    unit: str
    calendar: Calendar
    reserve_price_credits: int = 0
    description: str = ""
    classification: str = ""
    data: DataTerms | None = None

    @property
    def kind(self) -> str:
        """The kind of pool that this defines."""
        if self.calendar.roster is not None:
            return EXPERT
        return COMPUTE if self.data is None else DATA


def findings_in_definition(definition: PoolDefinition) -> Iterator[str]:
    """Say everything that is wrong with a definition, each finding with its field."""
    texts = {"name": definition.name, "unit": definition.unit}
    for what, text in texts.items():
        if not text.strip():
            yield f"{what}: is empty; fill it in."
    texts |= {"description": definition.description, "classification": definition.classification}
    for what, text in texts.items():
        yield from findings_in_text(what, text)
    yield from findings_in_number("reserve price", definition.reserve_price_credits, 0)
    yield from findings_in_calendar(definition.calendar)
    if definition.data is not None:
        yield from findings_in_terms(definition.data)
    if definition.calendar.roster is not None:
        yield from findings_in_roster(definition.calendar, definition.calendar.roster)


def definition_text(definition: PoolDefinition) -> str:
    """Return a definition as canonical JSON."""
    calendar = definition.calendar
    document = {
        "name": definition.name,
        "unit": definition.unit,
        "reserve_price_credits": definition.reserve_price_credits,
        "description": definition.description,
        "classification": definition.classification,
        "first_day": calendar.first_day.isoformat(),
        "week": [list(units) for units in calendar.week],
        "exceptions": [
            {"day": other.day.isoformat(), "units": list(other.units), "note": other.note}
            for other in calendar.exceptions
        ],
        "maintenance": [
            {
                "day": loss.day.isoformat(),
                "away": list(loss.away) if loss.away else None,
                "note": loss.note,
            }
            for loss in calendar.maintenance
        ],
        "drains_from": calendar.drains_from.isoformat() if calendar.drains_from else None,
        "is_paused": calendar.is_paused,
        **({"data": terms_document(definition.data)} if definition.data else {}),
        **({"roster": roster_document(calendar.roster)} if calendar.roster else {}),
    }
    return canonical_json(document).decode()


def definition_from(text: str) -> PoolDefinition:
    """Return the definition that a document keeps."""
    document: dict[str, Any] = json.loads(text)
    return PoolDefinition(
        name=document["name"],
        unit=document["unit"],
        calendar=_calendar(document),
        reserve_price_credits=document["reserve_price_credits"],
        description=document["description"],
        classification=document["classification"],
        data=terms_from(document["data"]) if "data" in document else None,
    )


def _calendar(document: dict[str, Any]) -> Calendar:
    drains_from = document["drains_from"]
    return Calendar(
        first_day=_day(document["first_day"]),
        week=tuple(Units(*units) for units in document["week"]),
        exceptions=tuple(
            OtherDay(_day(other["day"]), Units(*other["units"]), other["note"])
            for other in document["exceptions"]
        ),
        maintenance=tuple(
            Maintenance(
                _day(loss["day"]), Units(*loss["away"]) if loss["away"] else None, loss["note"]
            )
            for loss in document["maintenance"]
        ),
        drains_from=_day(drains_from) if drains_from else None,
        is_paused=document["is_paused"],
        roster=roster_from(document["roster"]) if "roster" in document else None,
    )


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)
