"""The form that proposes an override: what was typed, read, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from broker.dashboards.overrides import ProposalScreen
from broker.overrides.proposals import OverrideWish
from broker.overrides.tables import OverrideKind
from web.deadline_forms import FieldFinding

WHOLE = re.compile(r"[0-9]{1,13}")
FIELDS = ("bid", "kind", "alternative", "start", "lots", "reason")


@dataclass(frozen=True, slots=True)
class OverrideForm:
    """A proposal as it was typed."""

    typed: Mapping[str, str]
    findings: tuple[FieldFinding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def refused(self, findings: Iterable[str]) -> OverrideForm:
        """Return the form with what the market found wrong."""
        return replace(self, findings=tuple(map(_finding, findings)))

    def wish(self, round_key: str) -> OverrideWish:
        """Return what is asked for; what nobody could read is left out, and refused as missing."""
        return OverrideWish(
            round_key,
            self.text("bid").strip(),
            OverrideKind.EXCLUDE if self.text("kind") == OverrideKind.EXCLUDE else OverrideKind.PIN,
            self.text("reason"),
            _number(self.text("alternative")),
            _day(self.text("start")),
            _number(self.text("lots")),
        )


def override_form(fields: Mapping[str, str]) -> OverrideForm:
    """Read what was typed."""
    return OverrideForm({name: fields.get(name, "") for name in FIELDS})


def first_form(screen: ProposalScreen) -> OverrideForm:
    """Return the form as it begins: with the award that the bid has, else with what it asks for."""
    typed = {"bid": screen.bid_key, "kind": OverrideKind.PIN.value}
    award, way = screen.award, next(iter(screen.ways), None)
    if award is not None:
        start, lots = award.start.isoformat(), str(award.lots)
        typed |= {"alternative": str(award.alternative), "start": start, "lots": lots}
    elif way is not None:
        start, lots = way.earliest_start.isoformat(), str(way.min_lots)
        typed |= {"alternative": str(way.number), "start": start, "lots": lots}
    return OverrideForm(typed)


def _finding(sentence: str) -> FieldFinding:
    """Return a finding of the market beside the field that it is about."""
    label, _, words = sentence.partition(": ")
    if label not in FIELDS:
        return FieldFinding("", sentence)
    return FieldFinding(label, words[:1].upper() + words[1:])


def _number(text: str) -> int | None:
    return int(text) if WHOLE.fullmatch(text.strip()) else None


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        return None
