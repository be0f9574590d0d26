"""Tables for programs: CSV that no spreadsheet mistakes for formulas, and JSON.

Numbers are written exactly: list prices as decimal text, days and instants in ISO form.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import Any

from flask import Response

from broker.dashboards.listings import Column, Kind, Row, Table
from broker.texts import safe_cell
from web.filters import exact_credits, machine

RATIO_DECIMALS = 6


def export(table: Table, rows: tuple[Row, ...], name: str, ending: str) -> Response:
    """Answer with all rows of a table as a file; `ending` is csv or json."""
    body = _as_csv(table, rows) if ending == "csv" else _as_json(table, rows)
    mimetype = "text/csv" if ending == "csv" else "application/json"
    response = Response(body, mimetype=mimetype)
    kind = "attachment" if ending == "csv" else "inline"
    response.headers["Content-Disposition"] = f'{kind}; filename="{name}.{ending}"'
    return response


def _as_csv(table: Table, rows: tuple[Row, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = handed_out(table)
    writer.writerow(column.key for column in columns)
    for row in rows:
        values = (plain(column, row[column.key]) for column in columns)
        writer.writerow(_cell(value) for value in values)
    return out.getvalue()


def _cell(value: str | float | None) -> str | int | float:
    """Return a value as a cell; a number is one, even below zero."""
    return safe_cell(value or "") if isinstance(value, str | None) else value


def _as_json(table: Table, rows: tuple[Row, ...]) -> str:
    document = {
        "table": table.name,
        "caption": table.caption,
        "total": len(rows),
        "rows": [
            {column.key: plain(column, row[column.key]) for column in handed_out(table)}
            for row in rows
        ],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


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
