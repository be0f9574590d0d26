"""Receipts: what became of one bid, and why."""

from __future__ import annotations

from flask import Blueprint, Response

from broker.dashboards.receipts import receipt
from web.charts import use_columns
from web.desk import market
from web.hypermedia import answer

receipts = Blueprint("receipts", __name__)


@receipts.get("/receipts/<receipt_id>")
def show(receipt_id: str) -> Response:
    """Show the decision on a bid with the facts that decided it."""
    with market() as session:
        screen = receipt(session, receipt_id)
    marked = screen.decline.day if screen.decline else None
    return answer("receipt", screen=screen, chart=use_columns(screen.place, marked))
