"""The capacity dashboard: who holds what, what it cost, what it was worth."""

from __future__ import annotations

from flask import Blueprint, Response, request

from allocation.outcome import Report
from broker.dashboards.capacity import capacity_screen
from web.charts import Bar, bars, heat_chart, price_spark
from web.desk import market
from web.grids import day_asked, grid, question
from web.hypermedia import answer

capacity = Blueprint("capacity", __name__)
POOLS = "pools-"


@capacity.get("/capacity")
def show() -> Response:
    """Show the dashboard of the round that is asked for, else of the newest decided one."""
    asked = request.args.get("round", "")
    window = (day_asked("from"), question("map-").page)
    with market() as session:
        screen = capacity_screen(session, asked, window, question(), question(POOLS))
    board = screen.board
    if board is None:
        return answer("capacity_empty")
    key = board.round.key
    return answer(
        "capacity",
        swaps=("capacity", "pool_prices"),
        screen=screen,
        board=board,
        chart=heat_chart(board.heatmap),
        sparks={pool: price_spark(points) for pool, points in board.histories.items()},
        bars=value_bars(board.run.report) if board.run else (),
        grids={
            "capacity": grid(board.days, "rounds.data", key=key, table="capacity"),
            "pool_prices": grid(board.pools, "rounds.data", POOLS, key=key, table="pools"),
        },
    )


def value_bars(report: Report, label: str = "Published") -> tuple[Bar, ...]:
    """Compare a round's value with what simpler rules would have been worth."""
    return bars(
        (
            (label, report.value),
            ("Greedy by value per unit", report.baselines.density_greedy),
            ("First come, first served", report.baselines.first_come),
        )
    )
