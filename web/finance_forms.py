"""The forms of the finance screens: an exchange rate, and a correction of a journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from broker.books.rates import RateWish, read_rate

NO_RATE = "Write what one credit is worth with a point and at most six decimals, such as 0.85."
LABELS = ("currency", "rate", "reason")
"""How findings and forms call the fields."""


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """What is wrong with a field, in a sentence; an empty field means all of the form."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class FinanceForm:
    """What was typed, and what is wrong with it."""

    typed: Mapping[str, str]
    findings: tuple[FieldFinding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def refused(self, findings: Iterable[str]) -> FinanceForm:
        """Return the form with what the market found wrong."""
        return replace(self, findings=tuple(map(_finding, findings)))


def typed_form(fields: Mapping[str, str]) -> FinanceForm:
    """Return what was typed."""
    return FinanceForm({name: fields.get(name, "") for name in LABELS})


def rate_wish(form: FinanceForm) -> RateWish | None:
    """Read a rate; None where no number could be read."""
    try:
        micros = read_rate(form.text("rate"))
    except ValueError:
        return None
    return RateWish(form.text("currency").strip().upper(), micros, form.text("reason"))


def _finding(sentence: str) -> FieldFinding:
    """Return a finding of the market beside the field that it is about."""
    label, _, words = sentence.partition(": ")
    if label not in LABELS:
        return FieldFinding("", sentence)
    return FieldFinding(label, words[:1].upper() + words[1:])
