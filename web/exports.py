"""Tables handed to programs over HTTP: the same CSV and JSON that commands write."""

from __future__ import annotations

from flask import Response

from broker.dashboards.listings import Row, Table
from broker.exports.rows import as_csv, as_json


def export(table: Table, rows: tuple[Row, ...], name: str, ending: str) -> Response:
    """Answer with all rows of a table as a file; `ending` is csv or json."""
    body = as_csv(table, rows) if ending == "csv" else as_json(table, rows)
    mimetype = "text/csv" if ending == "csv" else "application/json"
    response = Response(body, mimetype=mimetype)
    kind = "attachment" if ending == "csv" else "inline"
    response.headers["Content-Disposition"] = f'{kind}; filename="{name}.{ending}"'
    return response
