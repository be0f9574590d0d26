"""The form that reports lost capacity: what was typed, read, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from broker.spot.losses import LossWish
from web.deadline_forms import FieldFinding

FIELDS = ("units", "first_day", "last_day", "reason")
WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")
NO_DAY = dt.date.min
"""Stands for what nobody could read as a day: it is past."""


@dataclass(frozen=True, slots=True)
class LossForm:
    """A loss as it was typed."""

    typed: Mapping[str, str]
    findings: tuple[FieldFinding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def wish(self, pool_key: str) -> LossWish:
        """Return what is reported; without a last day it is the first one alone."""
        units = self.text("units")
        first = _day(self.text("first_day"))
        last = _day(self.text("last_day")) if self.text("last_day") else first
        whole = int(units) if WHOLE_NUMBER.fullmatch(units) else 0
        return LossWish(pool_key, whole, first, last, self.text("reason"))

    def refused(self, findings: Iterable[str]) -> LossForm:
        """Return the form with what the market found wrong."""
        return replace(self, findings=tuple(map(_finding, findings)))


def loss_form(fields: Mapping[str, str]) -> LossForm:
    """Read what was typed."""
    return LossForm({name: fields.get(name, "").strip() for name in FIELDS})


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return NO_DAY


def _finding(sentence: str) -> FieldFinding:
    name, _, words = sentence.partition(": ")
    if name not in FIELDS:
        return FieldFinding("", sentence)
    return FieldFinding(name, words[:1].upper() + words[1:])
