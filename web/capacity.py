"""The capacity dashboard: who holds what, what sprints were worth and to whom, what is scarce."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

from allocation.outcome import Report
from broker.dashboards.capacity import CapacityAsked, CapacityBoard, CapacityScreen, capacity_screen
from broker.dashboards.capacity_days import day_screen
from broker.dashboards.capacity_values import scarcity_screen, value_screen
from broker.dashboards.listings import Table, all_rows
from broker.dashboards.sprint_figures import (
    pool_sprint_table,
    sprint_table,
)
from broker.errors import NotFound
from web.charts import Bar, bars, price_spark
from web.desk import market, now
from web.exports import export
from web.figure_charts import (
    fairness_chart,
    scarcity_chart,
    share_chart,
    value_chart,
    wait_chart,
)
from web.grids import day_asked, grid, question
from web.heat_charts import heat_chart, sprint_chart
from web.hypermedia import answer

capacity = Blueprint("capacity", __name__)
POOLS, TEAMS, UNUSED = "pools-", "teams-", "unused-"
TODAY = "today"
OF_ALL: Mapping[str, Callable[[], Table]] = {
    "sprints": sprint_table,
    "pools": pool_sprint_table,
}


@capacity.get("/capacity")
def show() -> Response:
    """Show the dashboard of the round that is asked for, else of the newest decided one."""
    days = question()
    is_table_asked = "table" in request.args or bool(days.sort) or days.page > 1
    wants_days = is_table_asked or request.headers.get("HX-Target") == "capacity"
    with market() as session:
        screen = capacity_screen(session, _asked(), days if wants_days else None, question(POOLS))
    board = screen.board
    if board is None:
        return answer("capacity_empty")
    return _wall(board) if request.args.get("wall") else _board(screen, board)


def _asked() -> CapacityAsked:
    found = {name: request.args.get(name, "").strip() for name in ("round", "kind", "pool", "team")}
    return CapacityAsked(
        found["round"],
        found["kind"],
        found["pool"],
        found["team"],
        day_asked("from"),
        question("map-").page,
    )


def _board(screen: CapacityScreen, board: CapacityBoard) -> Response:
    key = board.round.key
    grids = {"pool_prices": grid(board.pools, "rounds.data", POOLS, key=key, table="pools")}
    if board.days:
        grids["capacity"] = grid(board.days, "rounds.data", key=key, table="capacity")
    return answer(
        "capacity",
        swaps=("capacity", "pool_prices"),
        screen=screen,
        board=board,
        chart=heat_chart(board.heatmap, board.team),
        sprints=sprint_chart(board),
        sparks={pool: price_spark(points) for pool, points in board.sprints.items()},
        kept=_kept("kind", "pool", "team"),
        grids=grids,
    )


def _wall(board: CapacityBoard) -> Response:
    """Show the dashboard for a wall: large, without controls, and read again every minute."""
    chart = heat_chart(board.heatmap, board.team)
    kept = _kept("round", "kind", "pool", "team")
    return answer("wall", swaps=("wall",), board=board, chart=chart, kept=kept, at=now())


def _kept(*names: str) -> dict[str, str]:
    """Return what links of the dashboard carry on."""
    return {name: request.args[name] for name in names if request.args.get(name)}


@capacity.get("/capacity/value")
def value() -> Response:
    """Show what sprints were worth, and who got it."""
    with market() as session:
        asked = request.args.get("round", "")
        screen = value_screen(session, asked, question(), question(TEAMS))
    if screen.round is None or screen.teams is None:
        return answer("capacity_empty")
    grids = {
        "sprint_figures": grid(screen.sprints, "capacity.all_data", table="sprints"),
        "team_figures": grid(
            screen.teams, "rounds.data", TEAMS, key=screen.round.key, table="teams"
        ),
    }
    return answer(
        "capacity_value",
        swaps=tuple(grids),
        screen=screen,
        grids=grids,
        values=value_chart(screen.trend),
        fairness=fairness_chart(screen.trend),
        waits=wait_chart(screen.trend),
        shares=share_chart(screen.teams.rows),
    )


@capacity.get("/capacity/scarcity")
def scarcity() -> Response:
    """Show what one more unit of each pool would have added, and what nobody reserved."""
    with market() as session:
        asked = request.args.get("round", "")
        screen = scarcity_screen(session, asked, question(), question(UNUSED))
    if screen.round is None or screen.scarcity is None or screen.unused is None:
        return answer("capacity_empty")
    key = screen.round.key
    grids = {
        "scarcity": grid(screen.scarcity, "rounds.data", key=key, table="scarcity"),
        "unused": grid(screen.unused, "rounds.data", UNUSED, key=key, table="pools"),
    }
    return answer(
        "capacity_scarcity",
        swaps=tuple(grids),
        screen=screen,
        grids=grids,
        chart=scarcity_chart(screen.scarcity.rows),
    )


@capacity.get("/capacity/days/<day>")
def day(day: str) -> Response:
    """Show one day of all pools, such as 2026-12-07 or today: what is free, who has the rest."""
    shown = _day(day)
    with market() as session:
        screen = day_screen(session, shown, question())
    grids = {}
    if screen.pools and screen.round:
        grids["day"] = grid(
            screen.pools,
            "rounds.data",
            key=screen.round.key,
            table="capacity",
            day=shown.isoformat(),
        )
    return answer("capacity_day", swaps=("day",), screen=screen, grids=grids, today=now().date())


def _day(text: str) -> dt.date:
    """Read a day that has a day before and one after it. Raises: NotFound."""
    try:
        found = now().date() if text == TODAY else dt.date.fromisoformat(text)
    except ValueError:
        found = dt.date.max
    if found in {dt.date.min, dt.date.max}:
        raise NotFound(f"“{text[:40]}” is no day; write it like 2026-12-07.")
    return found


@capacity.get(f"/capacity/<any({', '.join(OF_ALL)}):table>.<any(csv, json):ending>")
def all_data(table: str, ending: str) -> Response:
    """Hand what all decided sprints came to, to a program."""
    with market() as session:
        asked = OF_ALL[table]()
        return export(asked, all_rows(session, asked, question()), f"capacity-{table}", ending)


def value_bars(report: Report, label: str = "Published") -> tuple[Bar, ...]:
    """Compare a round's value with what simpler rules would have been worth."""
    return bars(
        (
            (label, report.value),
            ("Greedy by value per unit", report.baselines.density_greedy),
            ("First come, first served", report.baselines.first_come),
        )
    )
