"""The form of a what-if: what was typed, how it reads, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from allocation.counterfactuals import WhatIf
from allocation.problem import Tier
from broker.counterfactuals.questions import InvalidWhatIf
from broker.errors import BrokerError

FIELDS = ("offer", "start", "lots", "tier")
WHOLE_NUMBER = re.compile(r"[0-9]{1,13}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a field, in a sentence; no field where it is about all of the form."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class WhatIfForm:
    """A what-if as it was typed; `asked_for` is None where it could not be read."""

    typed: Mapping[str, str] = field(default_factory=dict)
    asked_for: WhatIf | None = None
    findings: tuple[Finding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def refused_for(self, error: BrokerError) -> WhatIfForm:
        """Return the form with what is wrong: what could not be read, or what the market found."""
        if self.findings:
            return self
        found = error.findings if isinstance(error, InvalidWhatIf) else (str(error),)
        return replace(self, findings=tuple(map(_finding, found)))


def what_if_form(fields: Mapping[str, str]) -> WhatIfForm:
    """Read what was typed; an empty field, except the offer, stays as the bid has it."""
    typed = {name: fields.get(name, "").strip() for name in FIELDS}
    findings = tuple(_unreadable(typed))
    if findings:
        return WhatIfForm(typed, findings=findings)
    asked_for = WhatIf(
        int(typed["offer"]),
        dt.date.fromisoformat(typed["start"]) if typed["start"] else None,
        int(typed["lots"]) if typed["lots"] else None,
        Tier(typed["tier"]) if typed["tier"] else None,
    )
    return WhatIfForm(typed, asked_for)


def _unreadable(typed: Mapping[str, str]) -> Iterator[Finding]:
    if not WHOLE_NUMBER.fullmatch(typed["offer"]):
        yield Finding("offer", "Write the offer as a whole number of credits, such as 120.")
    if typed["start"] and not _is_day(typed["start"]):
        yield Finding("start", "Write the day as year, month and day, such as 2026-03-02.")
    if typed["lots"] and not WHOLE_NUMBER.fullmatch(typed["lots"]):
        yield Finding("lots", "Write the lots as a whole number, such as 2.")
    if typed["tier"] and typed["tier"] not in set(Tier):
        yield Finding("tier", "Choose reserved or spot.")


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _finding(sentence: str) -> Finding:
    name, _, words = sentence.partition(": ")
    if name not in FIELDS:
        return Finding("", sentence)
    return Finding(name, words[:1].upper() + words[1:])
