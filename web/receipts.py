"""Receipts: what became of one bid, and why."""

from __future__ import annotations

from flask import Blueprint, Response

from allocation.problem import Tier
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
    return answer("receipt", screen=screen, chart=_chart(screen))


def _chart(screen: Receipt) -> ColumnChart | None:
    """Draw the place that decided a decline, where a single one did."""
    decline = screen.decline
    if decline is None or decline.alternative is None or not screen.place:
        return None
    return use_columns(screen.place, Tier(decline.alternative.tier), decline.day)
