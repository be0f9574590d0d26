"""What a data pool asks of whoever uses it: for what, how long, who looks after it, its catalogue.

Pure. A pool of seats has a calendar as every pool has; these terms come with it, version by
version. freezing.py in broker/policy applies them at the close, findings.py in broker/bids before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from broker.texts import findings_in_number, findings_in_text

MOST_PURPOSES = 50
LONGEST_PURPOSE = 80
LONGEST_REFERENCE = 500
LONGEST_DAYS = 366
_DATASET = re.compile(r"urn:li:dataset:\(urn:li:dataPlatform:[\w.-]+,[^(),]+,[A-Z_]+\)")
_ENTITY = re.compile(r"urn:li:[a-z][A-Za-z]*:[^\s()]+")
_NAME = re.compile(r'(?:[^\s."]+|"[^"]+")(?:\.(?:[^\s."]+|"[^"]+"))+')


class Catalogue(StrEnum):
    """Where the entry of a catalogue stands, and so how its reference is written."""

    DATAHUB = "datahub"
    OPENMETADATA = "openmetadata"
    URL = "url"


REFERENCE_HINTS: Mapping[Catalogue, str] = {
    Catalogue.DATAHUB: "write a URN such as urn:li:dataset:(urn:li:dataPlatform:hive,claims,PROD)",
    Catalogue.OPENMETADATA: "write a full name such as warehouse.claims.public.archive",
    Catalogue.URL: "write an address that begins with https:// or http://",
}


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A typed reference to the catalogue in which the data are described."""

    catalogue: str = Catalogue.URL
    reference: str = ""

    @property
    def address(self) -> str:
        """The address of the entry where the reference is one, else nothing."""
        return self.reference if self.catalogue == Catalogue.URL else ""


@dataclass(frozen=True, slots=True)
class DataTerms:
    """Who looks after the data, what they may be used for and for how many days at once.

    Units: `longest_days` of the sprint's days. Shape: purposes in the order in which they show.
    """

    steward_id: str = ""
    purposes: tuple[str, ...] = ()
    longest_days: int = 14
    entry: CatalogueEntry = CatalogueEntry()

    def allows(self, purpose: str) -> bool:
        """Say whether the data may be used for a purpose."""
        return purpose in self.purposes


def findings_in_terms(terms: DataTerms) -> Iterator[str]:
    """Say everything that is wrong with terms, each finding with its field."""
    if not terms.steward_id:
        yield "steward: nobody is named; choose who looks after the data."
    if not terms.purposes:
        yield "purposes: there is none; name at least one, each on a line of its own."
    if len(terms.purposes) > MOST_PURPOSES:
        yield f"purposes: are {len(terms.purposes)}; name at most {MOST_PURPOSES}."
    for purpose, times in Counter(terms.purposes).items():
        yield from findings_in_text("purposes", purpose)
        if len(purpose) > LONGEST_PURPOSE:
            yield f"purposes: {purpose[:40]!r}… is longer than {LONGEST_PURPOSE} characters."
        if times > 1:
            yield f"purposes: {purpose[:40]!r} is named twice; leave one of the lines."
    yield from findings_in_number("longest days", terms.longest_days, 1, LONGEST_DAYS)
    yield from findings_in_entry(terms.entry)


def findings_in_entry(entry: CatalogueEntry) -> Iterator[str]:
    """Say what is wrong with a reference to a catalogue."""
    if entry.catalogue not in set(Catalogue):
        yield f"catalogue: {entry.catalogue[:40]!r} is none; choose {', '.join(Catalogue)}."
        return
    catalogue = Catalogue(entry.catalogue)
    if len(entry.reference) > LONGEST_REFERENCE or not _IS_WRITTEN[catalogue](entry.reference):
        yield (
            f"catalogue entry: {entry.reference[:60]!r} is none of {catalogue}; "
            f"{REFERENCE_HINTS[catalogue]}."
        )


def _is_urn(text: str) -> bool:
    if text.startswith("urn:li:dataset:"):
        return bool(_DATASET.fullmatch(text))
    return bool(_ENTITY.fullmatch(text))


def _is_full_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text))


def _is_address(text: str) -> bool:
    """Say whether a text is an address of the web that names no account."""
    if not text.isprintable() or any(sign in text for sign in " <>\"'\\"):
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


_IS_WRITTEN = {
    Catalogue.DATAHUB: _is_urn,
    Catalogue.OPENMETADATA: _is_full_name,
    Catalogue.URL: _is_address,
}


def terms_document(terms: DataTerms) -> dict[str, Any]:
    """Return terms as plain values."""
    return {
        "steward_id": terms.steward_id,
        "purposes": list(terms.purposes),
        "longest_days": terms.longest_days,
        "catalogue": terms.entry.catalogue,
        "catalogue_entry": terms.entry.reference,
    }


def terms_from(document: Mapping[str, Any]) -> DataTerms:
    """Return the terms that `terms_document` wrote."""
    entry = CatalogueEntry(document["catalogue"], document["catalogue_entry"])
    purposes = tuple(document["purposes"])
    return DataTerms(document["steward_id"], purposes, document["longest_days"], entry)
