"""report.json and certificate.json: read as JSON is specified, or said to be unreadable, and why.

No key twice, none unknown, none missing, no NaN, no Infinity. Whether a number is the right one,
or even whole, is the judge's question, not this module's. Read results.py for the rest of OUT.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from allocation.files.findings import WHOLE_FILE, WHOLE_ROW, Finding, named, quoted
from allocation.files.rows import NOT_UTF_8
from allocation.files.tables import read_lines
from allocation.outcome import (
    Baselines,
    Certificate,
    ClearingReport,
    Counts,
    FloorReport,
    OverrideReport,
    PriceRule,
    Pricing,
    Proof,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.wire import (
    FORMAT,
    certificate_document,
    clearing_from_document,
    floors_from_document,
    override_report_from_document,
    report_document,
)

REPORT_FILE = "report.json"
CERTIFICATE_FILE = "certificate.json"
_Word = TypeVar("_Word", bound=StrEnum)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REPORT_KEYS = (
    *("format", "round_key", "problem_sha256", "outcome_sha256", "pricing", "status", "proof"),
    *("tie_break", "value", "bound", "certified_bound", "gap_ratio", "stopped_by", "seconds"),
    *("solver", "baselines", "counts"),
)
_FLOORS = "floors"
_FLOORS_KEYS = (
    *("ratio", "shortfall_ratio", "proven", "teams"),
    *("value_without_floors", "price_of_fairness"),
)
_TEAM_FLOOR_KEYS = ("team_key", "floor", "value", "shortfall")
_CLEARING = "clearing"
_CLEARING_KEYS = tuple(field.name for field in fields(ClearingReport))
_OVERRIDE = "override"
_OVERRIDE_KEYS = (
    *("pinned", "excluded", "payable", "before_sha256", "before_value", "before_awards"),
    *("kept", "changed", "fewest", "best"),
)
_BASELINES_KEYS = ("first_come", "density_greedy")
_COUNTS_KEYS = ("bids", "awarded", "declined", "placements")
_CERTIFICATE_KEYS = ("format", "scale", "reserved_prices", "total_prices", "credit_prices")


class _UnreadableJsonError(Exception):
    """A text that is no JSON, or only to lenient parsers, with what a finding says of it."""

    def __init__(self, column: str, wrong: str, hint: str, line: int | None = None) -> None:
        super().__init__(wrong)
        self.finding = (column, wrong, hint, line)


@dataclass
class _Document:
    """A JSON file that is read key by key; what is wrong with one goes to the findings."""

    file: str
    findings: list[Finding]
    lines: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def refuse(self, column: str, wrong: str, hint: str, line: int | None = None) -> None:
        """Report what is wrong with a key, in the line where it stands first."""
        at = self.line_of(column) if line is None else line
        self.findings.append(Finding(self.file, at, named(column), wrong, hint))

    def line_of(self, column: str) -> int:
        """Return the line in which a key stands first."""
        written = json.dumps(column.partition("[")[0].rpartition(".")[2], ensure_ascii=False)
        return next((n for n, line in enumerate(self.lines, 1) if written in line), WHOLE_FILE)

    def check_keys(
        self,
        found: object,
        keys: tuple[str, ...],
        prefix: str = "",
        *,
        optional: tuple[str, ...] = (),
    ) -> bool:
        """Say whether it is an object with exactly these keys; report each that differs."""
        if not isinstance(found, dict):
            self.refuse(prefix.rstrip(".") or WHOLE_ROW, "is not an object", "write it in braces")
            return False
        unknown = found.keys() - {*keys, *optional}
        for key in unknown:
            hint = f"remove it, the keys are {', '.join(keys)}"
            self.refuse(prefix + key, "is not a key of this file", hint)
        for key in set(keys) - found.keys():
            self.refuse(prefix + key, "is a key that is missing", "add it")
        return not unknown and set(keys) <= found.keys()

    def word(self, key: str, words: type[_Word]) -> _Word:
        """Return one word of a closed set."""
        value = self.values[key]
        if value in [word.value for word in words]:
            return words(value)
        wrong = f"{_shown(value)} is none of the choices"
        self.refuse(key, wrong, f"write {' or '.join(word.value for word in words)}")
        return next(iter(words))

    def table(self, key: str) -> Mapping[str, Any]:
        """Return an object with keys of any name."""
        value = self.values[key]
        if isinstance(value, dict):
            return value
        self.refuse(key, f"{_shown(value)} is not an object", "write it in braces")
        return {}

    def rows(self, key: str, columns: int) -> Iterable[list[Any]]:
        """Yield the rows of a list of prices: key, day where there are three columns, number."""
        value = self.values[key]
        if not isinstance(value, list):
            self.refuse(key, f"{_shown(value)} is not a list", "write it in brackets")
            return
        for number, row in enumerate(value):
            if _is_price_row(row, columns):
                yield row
            else:
                shape = "[pool_key, day, n]" if columns == _DAY_PRICE else "[team_key, n]"
                self.refuse(f"{key}[{number}]", f"is not {shape}", f"write it as {shape}")


_DAY_PRICE, _TEAM_PRICE = 3, 2


def read_report(folder: Path, findings: list[Finding]) -> Report | None:
    """Read report.json; None, and findings, if it is not a report."""
    optional = (_FLOORS, _CLEARING, _OVERRIDE)
    document = _read_document(folder, REPORT_FILE, _REPORT_KEYS, findings, optional)
    if document is None:
        return None
    values = document.values
    is_whole = document.check_keys(values["baselines"], _BASELINES_KEYS, "baselines.")
    is_whole &= document.check_keys(values["counts"], _COUNTS_KEYS, "counts.")
    return Report(
        round_key=values["round_key"],
        problem_sha256=values["problem_sha256"],
        outcome_sha256=values["outcome_sha256"],
        pricing=document.word("pricing", Pricing),
        status=document.word("status", Status),
        proof=document.word("proof", Proof),
        tie_break=document.word("tie_break", TieBreak),
        value=values["value"],
        bound=values["bound"],
        certified_bound=values["certified_bound"],
        gap_ratio=values["gap_ratio"],
        stopped_by=document.word("stopped_by", StoppedBy),
        seconds=document.table("seconds"),
        solver=document.table("solver"),
        baselines=Baselines(**values["baselines"]) if is_whole else Baselines(0, 0),
        counts=Counts(**values["counts"]) if is_whole else Counts(0, 0, 0, 0),
        floors=_read_floors(document) if _FLOORS in values else None,
        clearing=_read_clearing(document) if _CLEARING in values else None,
        override=_read_override(document) if _OVERRIDE in values else None,
    )


def _read_override(document: _Document) -> OverrideReport | None:
    """Read what the outcome overrides; None, and findings, where that is not what it says."""
    found = document.values[_OVERRIDE]
    if not document.check_keys(found, _OVERRIDE_KEYS, f"{_OVERRIDE}."):
        return None
    try:
        override = override_report_from_document(found)
    except (KeyError, TypeError, ValueError):
        wrong = "holds rows that are not those of an override"
        document.refuse(_OVERRIDE, wrong, "write awards as [bid_key, alternative, start, lots]")
        return None
    if override.changed != found["changed"]:
        wrong = f"{_shown(found['changed'])} is not what its awards count"
        document.refuse(f"{_OVERRIDE}.changed", wrong, f"write {override.changed}")
    return override


def _read_clearing(document: _Document) -> ClearingReport | None:
    """Read how the prices clear the round; None, and findings, where that is not what it says."""
    found = document.values[_CLEARING]
    if not document.check_keys(found, _CLEARING_KEYS, f"{_CLEARING}."):
        return None
    rule = found["price_rule"]
    if rule not in [word.value for word in PriceRule]:
        words = " or ".join(word.value for word in PriceRule)
        wrong = f"{_shown(rule)} is none of the choices"
        document.refuse(f"{_CLEARING}.price_rule", wrong, f"write {words}")
        return None
    return clearing_from_document(found)


def _read_floors(document: _Document) -> FloorReport | None:
    """Read how the floors were met; None, and findings, where that is not what it says."""
    found = document.values[_FLOORS]
    if not document.check_keys(found, _FLOORS_KEYS, f"{_FLOORS}."):
        return None
    teams = found["teams"]
    if not isinstance(teams, list):
        document.refuse(
            f"{_FLOORS}.teams", f"{_shown(teams)} is not a list", "write it in brackets"
        )
        return None
    prefixes = (f"{_FLOORS}.teams[{number}]." for number in range(len(teams)))
    checks = [
        document.check_keys(team, _TEAM_FLOOR_KEYS, prefix)
        for team, prefix in zip(teams, prefixes, strict=True)
    ]
    return floors_from_document(found) if all(checks) else None


def read_certificate(folder: Path, findings: list[Finding]) -> Certificate | None:
    """Read certificate.json; None, and findings, if it is not a certificate."""
    document = _read_document(folder, CERTIFICATE_FILE, _CERTIFICATE_KEYS, findings)
    if document is None:
        return None
    reserved, total = (
        tuple(
            (pool, dt.date.fromisoformat(day), n) for pool, day, n in document.rows(key, _DAY_PRICE)
        )
        for key in ("reserved_prices", "total_prices")
    )
    teams = tuple((team, n) for team, n in document.rows("credit_prices", _TEAM_PRICE))
    return Certificate(document.values["scale"], reserved, total, teams)


def write_report(folder: Path, report: Report) -> None:
    """Write report.json, one key a line."""
    text = json.dumps(report_document(report), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def write_certificate(folder: Path, certificate: Certificate) -> None:
    """Write certificate.json, one price a line."""
    lines = [
        f"  {json.dumps(key)}: {_list_of_rows(value) if isinstance(value, list) else value}"
        for key, value in certificate_document(certificate).items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (folder / CERTIFICATE_FILE).write_text(text, encoding="utf-8")


def _list_of_rows(rows: list[list[Any]]) -> str:
    if not rows:
        return "[]"
    return "[\n" + ",\n".join(f"    {json.dumps(row)}" for row in rows) + "\n  ]"


def _read_document(
    folder: Path,
    file: str,
    keys: tuple[str, ...],
    findings: list[Finding],
    optional: tuple[str, ...] = (),
) -> _Document | None:
    """Return a document of this format with exactly these keys, or None and findings."""
    lines = read_lines(folder / file, findings)
    if lines is None:
        return None
    document = _Document(file, findings, lines)
    try:
        parsed = _parse("\n".join(lines))
    except _UnreadableJsonError as error:
        document.refuse(*error.finding)
        return None
    if not document.check_keys(parsed, keys, optional=optional):
        return None
    document.values = parsed
    return document if _has_known_format(document) else None


def _has_known_format(document: _Document) -> bool:
    value = document.values["format"]
    if value == FORMAT and type(value) is int:
        return True
    wrong = f"{_shown(value)} is not a format that is known here"
    document.refuse("format", wrong, f"write {FORMAT}")
    return False


def _parse(text: str) -> Any:
    if NOT_UTF_8.search(text):
        raise _UnreadableJsonError(WHOLE_ROW, "is not UTF-8", "save the file as UTF-8")
    try:
        parsed = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_float
        )
        written = json.dumps(parsed, ensure_ascii=False)
    except json.JSONDecodeError as error:
        wrong = f"is not JSON ({error.msg})"
        raise _UnreadableJsonError(WHOLE_ROW, wrong, "write JSON", error.lineno) from error
    except (RecursionError, ValueError) as error:
        wrong = "is nested too deeply, or holds a number too long"
        raise _UnreadableJsonError(WHOLE_ROW, wrong, "write the keys of this file") from error
    if NOT_UTF_8.search(written):
        raise _UnreadableJsonError(WHOLE_ROW, "holds half of a character", "write whole ones")
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _UnreadableJsonError(key, "stands twice in one object", "keep one of them")
        found[key] = value
    return found


def _refuse_constant(text: str) -> None:
    raise _UnreadableJsonError(
        WHOLE_ROW, f"holds {text}, which is no number of JSON", "write a number"
    )


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _UnreadableJsonError(
            WHOLE_ROW, f"holds {quoted(text)}, a number too large", "write a number"
        )
    return number


def _is_price_row(row: object, columns: int) -> bool:
    if not isinstance(row, list) or len(row) != columns or not isinstance(row[0], str):
        return False
    return columns == _TEAM_PRICE or _is_day(row[1])


def _is_day(value: object) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    return quoted(value if isinstance(value, str) else json.dumps(value))
