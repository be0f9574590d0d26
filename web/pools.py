"""Pools: the list, and one pool with its days, its past rounds and its holders."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlmodel import Session

from broker.dashboards.histories import history_table, price_history_table
from broker.dashboards.listings import Table, all_rows
from broker.dashboards.losses import loss_table
from broker.dashboards.pool import (
    PoolDaysAsked,
    choose_round,
    find_pool,
    holder_table,
    pool_screen,
)
from broker.dashboards.pools import pools_listed, pools_screen
from broker.dashboards.use import day_table
from broker.errors import NotFound
from web.charts import price_spark
from web.desk import market, now
from web.exports import export
from web.grids import day_asked, grid, question
from web.heat_charts import heat_chart
from web.history_charts import demand_chart, price_chart
from web.hypermedia import answer

pools = Blueprint("pools", __name__)
TABLES = ("history", "capacity", "holders")


@pools.get("/pools")
def index() -> Response:
    """Show what there is to bid for."""
    with market() as session:
        screen = pools_screen(session, question())
    sparks = {key: price_spark(points) for key, points in screen.histories.items()}
    grids = {"pools": grid(screen.pools, "pools.index_data")}
    return answer("pools", swaps=("pools",), screen=screen, grids=grids, sparks=sparks)


@pools.get("/pools.<any(csv, json):ending>")
def index_data(ending: str) -> Response:
    """Hand the list of pools to a program."""
    with market() as session:
        table = pools_listed(session)
        return export(table, all_rows(session, table, question()), "pools", ending)


@pools.get("/pools/<key>")
def show(key: str) -> Response:
    """Show one pool in a round."""
    days = PoolDaysAsked(now().date(), day_asked("from"), day_asked("on"))
    questions = {table: question(f"{table}-") for table in TABLES}
    with market() as session:
        screen = pool_screen(session, key, request.args.get("round", ""), days, questions)
    listings = {"history": screen.history, "capacity": screen.days, "holders": screen.holders}
    chosen = {"round": screen.round.key} if screen.round else {}
    asked = chosen | ({"on": days.on.isoformat()} if days.on else {})
    grids = {
        name: grid(listing, "pools.data", f"{name}-", key=key, table=name, **asked)
        for name, listing in listings.items()
        if listing
    }
    return answer(
        "pool",
        swaps=TABLES,
        screen=screen,
        on=days.on,
        grids=grids,
        chart=heat_chart(screen.heatmap) if screen.heatmap else None,
        demand=demand_chart(screen.history.rows),
        prices=price_chart(screen.history.rows),
    )


@pools.get(
    "/pools/<key>/<any('price-history', history, capacity, holders, losses):table>"
    ".<any(csv, json):ending>"
)
def data(key: str, table: str, ending: str) -> Response:
    """Hand a table of a pool to a program."""
    with market() as session:
        asked = _table(session, key, table)
        return export(asked, all_rows(session, asked, question()), f"{key}-{table}", ending)


def _table(session: Session, key: str, table: str) -> Table:
    pool = find_pool(session, key)
    if table == "history":
        return history_table(pool.id)
    if table == "losses":
        return loss_table(pool.id)
    if table == "price-history":
        return price_history_table(pool.id)
    chosen = choose_round(session, request.args.get("round", ""), now().date())
    if chosen is None:
        raise NotFound(f"No round has offered pool {key} yet.", key=key)
    if table == "capacity":
        return day_table(chosen.id, (pool.id,))
    return holder_table(chosen.id, pool.id, day_asked("on"))
