"""The form that proposes another closing time: what was typed, read, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

LABELS = {"closes at": "closes_at", "reason": "reason"}
"""How a finding names a field, and what the field is called in the form."""


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """What is wrong with a field, in a sentence; an empty field means all of the form."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class DeadlineForm:
    """A proposal as it was typed; `closes_at` is None where no instant could be read."""

    typed: Mapping[str, str]
    closes_at: dt.datetime | None = None
    findings: tuple[FieldFinding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def refused(self, findings: Iterable[str]) -> DeadlineForm:
        """Return the form with what the market found wrong."""
        return replace(self, findings=tuple(map(_finding, findings)))


def deadline_form(fields: Mapping[str, str]) -> DeadlineForm:
    """Read what was typed. A time without an offset is UTC, as every time on the screens."""
    typed = {name: fields.get(name, "") for name in ("closes_at", "reason")}
    try:
        moment = dt.datetime.fromisoformat(typed["closes_at"].strip())
        closes_at = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (OverflowError, ValueError):
        sentence = "Write the closing time as a day and a time, such as 2026-03-02T18:00."
        return DeadlineForm(typed, findings=(FieldFinding("closes_at", sentence),))
    return DeadlineForm(typed, closes_at)


def _finding(sentence: str) -> FieldFinding:
    """Return a finding of the market beside the field that it is about."""
    label, _, words = sentence.partition(": ")
    if label not in LABELS:
        return FieldFinding("", sentence)
    return FieldFinding(LABELS[label], words[:1].upper() + words[1:])
