"""A second reader of OUT folders: short, strict, and with nothing to say about what is wrong.

It follows FORMATS, section 2, and shares no code with the reader of the product.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from allocation.outcome import (
    Award,
    Baselines,
    Certificate,
    ClearingReport,
    Counts,
    Decline,
    ListPrice,
    Outcome,
    PriceRule,
    Pricing,
    Proof,
    Reason,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import BidKey, PoolKey, Tier

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
WHOLE = re.compile(r"0|[1-9][0-9]{0,12}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PRICE = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?")
CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(,|$)')
WORDS = {"pricing": Pricing, "status": Status, "proof": Proof, "tie_break": TieBreak}
TABLES = ("reserved_prices", "total_prices", "credit_prices")


class UnreadableError(Exception):
    """The folder holds no outcome."""


def read_strictly(out: Path) -> Outcome | None:
    """Return the outcome that a folder holds, or None if it holds none."""
    try:
        return Outcome(
            awards=tuple(_award(row) for row in _table(out, "awards.csv", Award)),
            declines=tuple(_decline(row) for row in _table(out, "declines.csv", Decline)),
            prices=tuple(_price(row) for row in _table(out, "prices.csv", ListPrice)),
            certificate=_certificate(_document(out, "certificate.json")),
            report=_report(_document(out, "report.json")),
        )
    except (UnreadableError, OSError, UnicodeError, ValueError, TypeError, KeyError):
        return None


# --- CSV -----------------------------------------------------------------------------------


def _table(out: Path, file: str, kind: type) -> list[dict[str, str]]:
    text = (out / file).read_bytes().decode("utf-8-sig")
    if "\r" in text.replace("\r\n", "\n"):
        raise UnreadableError
    lines = [_cells(line) for line in text.replace("\r\n", "\n").split("\n") if line]
    names = [field.name for field in fields(kind)]
    columns = [name.replace("microcredits", "credits") for name in names]
    if not lines or sorted(lines[0]) != sorted(columns):
        raise UnreadableError
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[1:]]


def _cells(line: str) -> list[str]:
    cells, at = [], 0
    while True:
        found = CELL.match(line, at)
        if found is None:
            raise UnreadableError
        quoted, plain, end = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        if not end:
            return cells
        at = found.end()


def _taken(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise UnreadableError
    return text


def _whole(text: str) -> int:
    return int(_taken(WHOLE, text))


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(_taken(DAY, text))


def _maybe(read: Callable[[str], Any], text: str) -> Any:
    return read(text) if text else None


def _award(row: dict[str, str]) -> Award:
    numbers = (_whole(row[name]) for name in ("lots", "value_score", "payment_credits"))
    bid_key, alternative = BidKey(_taken(KEY, row["bid_key"])), _whole(row["alternative"])
    return Award(bid_key, alternative, _day(row["start"]), *numbers)


def _decline(row: dict[str, str]) -> Decline:
    return Decline(
        bid_key=BidKey(_taken(KEY, row["bid_key"])),
        reason=Reason(row["reason"]),
        alternative=_maybe(_whole, row["alternative"]),
        pool_key=_maybe(lambda text: PoolKey(_taken(KEY, text)), row["pool_key"]),
        day=_maybe(_day, row["day"]),
        minimum_winning_offer_credits=_maybe(_whole, row["minimum_winning_offer_credits"]),
        detail=row["detail"],
    )


def _price(row: dict[str, str]) -> ListPrice:
    whole, _, part = _taken(PRICE, row["list_price_credits"]).partition(".")
    microcredits = int(whole) * 10**6 + int(part.ljust(6, "0"))
    pool_key = PoolKey(_taken(KEY, row["pool_key"]))
    return ListPrice(pool_key, _day(row["day"]), Tier(row["tier"]), microcredits)


# --- JSON ----------------------------------------------------------------------------------


def _document(out: Path, file: str) -> dict[str, Any]:
    text = (out / file).read_bytes().decode("utf-8-sig")
    found = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    if not isinstance(found, dict) or repr(found.pop("format", None)) != "1":
        raise UnreadableError
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise UnreadableError
    return dict(pairs)


def _refuse(_text: str) -> None:
    raise UnreadableError


def _certificate(document: dict[str, Any]) -> Certificate:
    rows = {name: document.pop(name) for name in TABLES}
    tables = list(rows.values())
    if not all(isinstance(table, list) for table in tables):
        raise UnreadableError
    if not all(isinstance(row, list) for table in tables for row in table):
        raise UnreadableError
    days = ("reserved_prices", "total_prices")
    by_day = {name: tuple((p, _day(day), n) for p, day, n in rows[name]) for name in days}
    by_team = tuple((team, n) for team, n in rows["credit_prices"])
    return Certificate(credit_prices=by_team, **by_day, **document)


def _report(document: dict[str, Any]) -> Report:
    words = {name: words(document.pop(name)) for name, words in WORDS.items()}
    baselines, counts = document.pop("baselines"), document.pop("counts")
    clearing = None
    if "clearing" in document:
        said = document.pop("clearing")
        clearing = ClearingReport(price_rule=PriceRule(said.pop("price_rule")), **said)
    return Report(
        stopped_by=StoppedBy(document.pop("stopped_by")),
        baselines=Baselines(**baselines),
        counts=Counts(**counts),
        clearing=clearing,
        **words,
        **document,
    )
