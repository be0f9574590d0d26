"""Tables for programs: CSV that no spreadsheet mistakes for formulas, and JSON.

Numbers are written exactly: list prices as decimal text, days and instants in ISO form.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from allocation.outcome import PRICE_SCALE
from broker.clock import machine
from broker.dashboards.listings import Column, Kind, Row, Table
from broker.texts import safe_cell

RATIO_DECIMALS = 6


class Digits(str):
    """A number that is written in digits already; below zero it is no formula."""

    __slots__ = ()


def as_csv(table: Table, rows: Iterable[Row]) -> str:
    """Return all rows of a table as CSV, under the keys of its columns."""
    columns = handed_out(table)
    return csv_of(
        [column.key for column in columns],
        ([plain(column, row[column.key]) for column in columns] for row in rows),
    )


def csv_of(header: Iterable[str], rows: Iterable[Iterable[str | float | None]]) -> str:
    """Return rows as CSV; a text that a spreadsheet would run is quoted, a number never."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(_cell(value) for value in row)
    return out.getvalue()


def as_json(table: Table, rows: Iterable[Row]) -> str:
    """Return all rows of a table as one JSON document."""
    columns = handed_out(table)
    written = [{c.key: plain(c, row[c.key]) for c in columns} for row in rows]
    document = {
        "table": table.name,
        "caption": table.caption,
        "total": len(written),
        "rows": written,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def exact_credits(microcredits: int) -> str:
    """Write millionths of a credit as credits with every decimal there is."""
    written = f"{Decimal(microcredits) / PRICE_SCALE:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _cell(value: str | float | None) -> str | int | float:
    """Return a value as a cell; a number is one, even below zero."""
    if isinstance(value, Digits):
        return value
    return safe_cell(value or "") if isinstance(value, str | None) else value


def handed_out(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table that programs get."""
    return tuple(column for column in table.columns if column.handed_out)


def plain(column: Column, value: Any) -> str | int | float | None:
    """Return a value as programs read it."""
    if value is None:
        return None
    if column.kind is Kind.MICROCREDITS:
        return exact_credits(value)
    if column.kind in {Kind.TIMES, Kind.SHARE}:
        return round(float(value), RATIO_DECIMALS)
    if isinstance(value, dt.datetime):
        return machine(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    plain: str | int = value
    return plain
