"""The form that gives back a part of an award: what was typed, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from broker.errors import BrokerError
from broker.holdings.releases import InvalidRelease, ReleaseAward

FIELDS = ("lots", "from_day", "follows")
WHOLE_NUMBER = re.compile(r"[0-9]{1,13}")
NO_DAY = dt.date.min
"""Stands for what nobody could read as a day: it is out of every range."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a field, in a sentence; no field where it is about all of the form."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ReleaseForm:
    """A release as it was typed."""

    typed: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def wish(self, bid_id: str) -> ReleaseAward:
        """Return what is asked for; what nobody could read is out of every range."""
        lots, follows = _whole(self.text("lots")), _whole(self.text("follows"))
        return ReleaseAward(bid_id, lots, _day(self.text("from_day")), follows)

    def refused_for(self, error: BrokerError) -> ReleaseForm:
        """Return the form with what the market found wrong."""
        found = error.findings if isinstance(error, InvalidRelease) else (str(error),)
        return replace(self, findings=tuple(map(_finding, found)))


def release_form(fields: Mapping[str, str]) -> ReleaseForm:
    """Read what was typed."""
    return ReleaseForm({name: fields.get(name, "").strip() for name in FIELDS})


def _whole(text: str) -> int:
    return int(text) if WHOLE_NUMBER.fullmatch(text) else 0


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return NO_DAY


def _finding(sentence: str) -> Finding:
    name, _, words = sentence.partition(": ")
    if name not in FIELDS:
        return Finding("", sentence)
    return Finding(name, words[:1].upper() + words[1:])
