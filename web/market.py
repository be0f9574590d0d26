"""The market's home."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, Response

from broker.access import Action, may
from broker.dashboards.first_steps import first_steps
from broker.dashboards.market import MarketHome, market_home
from broker.dashboards.my_market import my_market
from web.auth import current_actor
from web.charts import pool_bars
from web.desk import market, now
from web.first_steps import guided
from web.grids import grid, question
from web.hypermedia import answer
from web.needs import calls_of

market_pages = Blueprint("market", __name__)
POOLS = "pools-"
DAYS_AHEAD = 8


@market_pages.get("/")
def home() -> Response:
    """Show this sprint, the next one, what the pools have left, and what is the reader's own."""
    at = now()
    with market() as session:
        screen = market_home(session, at, question(POOLS))
        own = my_market(session, current_actor(), screen.strips, at)
        is_new = not screen.strips and may(current_actor(), Action.MANAGE_TEAMS)
        steps = first_steps(session) if is_new else ()
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
        steps=guided(steps),
        days=days_ahead(screen, at.date()),
    )


def days_ahead(screen: MarketHome, today: dt.date) -> tuple[dt.date, ...]:
    """Return today and the days of a week after it, as far as sprints that show cover them."""
    days = (today + dt.timedelta(days=n) for n in range(DAYS_AHEAD))
    return tuple(day for day in days if any(s.starts_on <= day <= s.ends_on for s in screen.strips))
