"""The market's home."""

from __future__ import annotations

from flask import Blueprint, Response

from broker.dashboards.market import market_home
from broker.dashboards.my_market import my_market
from web.auth import current_actor
from web.charts import pool_bars
from web.desk import market, now
from web.grids import grid, question
from web.hypermedia import answer
from web.needs import calls_of

market_pages = Blueprint("market", __name__)
POOLS = "pools-"


@market_pages.get("/")
def home() -> Response:
    """Show this sprint, the next one, what the pools have left, and what is the reader's own."""
    at = now()
    with market() as session:
        screen = market_home(session, at, question(POOLS))
        own = my_market(session, current_actor(), screen.strips, at)
    grids = {}
    if screen.pools and screen.shown:
        key = screen.shown.key
        grids["pool_use"] = grid(screen.pools, "rounds.data", POOLS, key=key, table="pools")
    bars = pool_bars(screen.pools.rows) if screen.pools else {}
    return answer(
        "market",
        swaps=("strips", "pool_use"),
        screen=screen,
        grids=grids,
        bars=bars,
        own=own,
        calls=calls_of(own, at) if own else (),
    )
