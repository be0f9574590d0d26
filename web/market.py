"""The market's home."""

from __future__ import annotations

from flask import Blueprint, Response

from broker.dashboards.market import market_home
from web.charts import pool_bars
from web.desk import market, now
from web.grids import grid, question
from web.hypermedia import answer

market_pages = Blueprint("market", __name__)
POOLS = "pools-"


@market_pages.get("/")
def home() -> Response:
    """Show this sprint, the next one, and what the pools have left."""
    with market() as session:
        screen = market_home(session, now(), question(POOLS))
    grids = {}
    if screen.pools and screen.shown:
        key = screen.shown.key
        grids["pool_use"] = grid(screen.pools, "rounds.data", POOLS, key=key, table="pools")
    bars = pool_bars(screen.pools.rows) if screen.pools else {}
    return answer("market", swaps=("strips", "pool_use"), screen=screen, grids=grids, bars=bars)
