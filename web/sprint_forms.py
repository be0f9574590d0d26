"""The form of a rule for sprints: what was typed, read into the document, and what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from broker.sprints.rules import SprintRule
from web.deliveries import Finding

TEXTS = ("key_pattern", "name_pattern", "zone", "first_day", "open_time", "close_time")
NUMBERS = (
    "first_number",
    "days",
    "announce_days",
    "open_days",
    "close_days",
    "credits_per_team",
)
LISTS = ("holidays", "team_credits")
FIELDS = (*TEXTS, *NUMBERS, *LISTS, "reason")
WHOLE_NUMBER = re.compile(r"[0-9]{1,16}")
USUAL: Mapping[str, str] = {
    "key_pattern": "sprint-{number}",
    "name_pattern": "Sprint {number}",
    "zone": "UTC",
    "first_number": "1",
    "days": "14",
    "announce_days": "21",
    "open_days": "14",
    "open_time": "09:00",
    "close_days": "3",
    "close_time": "18:00",
    "credits_per_team": "1000",
}
"""What the form begins with where there is no rule yet."""


def typed_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed, field by field."""
    return {name: fields.get(name, "").strip() for name in FIELDS}


def fields_of(rule: SprintRule) -> dict[str, str]:
    """Return a rule as the fields that say it."""
    document = rule.model_dump(mode="json")
    lists = {
        "holidays": "\n".join(document["holidays"]),
        "team_credits": "\n".join(f"{key} {n}" for key, n in document["team_credits"].items()),
    }
    return {name: str(document[name]) for name in (*TEXTS, *NUMBERS)} | lists


def document_of(typed: Mapping[str, str]) -> str:
    """Return what was typed as the document of a rule; what is no number stays a text."""
    document: dict[str, Any] = {"format": 1, **{name: typed[name] for name in TEXTS}}
    document |= {name: _number(typed[name]) for name in NUMBERS}
    document["holidays"] = re.split(r"[\s,;]+", typed["holidays"]) if typed["holidays"] else []
    document["team_credits"] = dict(_credits(typed["team_credits"]))
    return json.dumps(document, ensure_ascii=False)


def findings_of(sentences: Iterable[str]) -> tuple[Finding, ...]:
    """Return what was found wrong, each beside the field that it is about."""
    return tuple(map(_finding, sentences))


def _credits(text: str) -> Iterator[tuple[str, Any]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        key, _, number = line.rpartition(" ")
        yield (key.strip(), _number(number)) if key else (line, "")


def _number(text: str) -> Any:
    return int(text) if WHOLE_NUMBER.fullmatch(text) else text


def _finding(sentence: str) -> Finding:
    where, _, words = sentence.partition(": ")
    field = re.split(r"[\[.]", where)[0]
    if field not in FIELDS:
        return Finding("", f"The rule {words}")
    place = "" if field == where else f"{where.removeprefix(field).strip('.')} "
    said = f"{place}{words}"
    return Finding(field, said[:1].upper() + said[1:])
