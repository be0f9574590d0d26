"""Receipts: what became of one bid, and why; as a page, on paper, and for programs."""

from __future__ import annotations

import json

from flask import Blueprint, Response

from allocation.problem import Tier
from broker.dashboards.receipt_documents import receipt_document
from broker.dashboards.receipts import Receipt, receipt
from web.charts import ColumnChart, use_columns
from web.desk import market
from web.hypermedia import answer

receipts = Blueprint("receipts", __name__)


@receipts.get("/receipts/<receipt_id>")
def show(receipt_id: str) -> Response:
    """Show the decision on a bid with the facts that decided it."""
    with market() as session:
        screen = receipt(session, receipt_id)
    return answer("receipt", screen=screen, chart=_chart(screen), receipt_id=receipt_id)


@receipts.get("/receipts/<receipt_id>.json")
def document(receipt_id: str) -> Response:
    """Hand the same facts to a program."""
    with market() as session:
        facts = receipt_document(receipt(session, receipt_id))
    body = json.dumps(facts, ensure_ascii=False, allow_nan=False) + "\n"
    response = Response(body, mimetype="application/json")
    response.headers["Content-Disposition"] = f'inline; filename="receipt-{receipt_id}.json"'
    return response


def _chart(screen: Receipt) -> ColumnChart | None:
    """Draw the place that decided a decline, where a single one did."""
    decline = screen.decline
    if decline is None or decline.alternative is None or not screen.place:
        return None
    return use_columns(screen.place, Tier(decline.alternative.tier), decline.day)
