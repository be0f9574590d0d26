"""Rounds: the list, one round with its runs, and what it published."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response

from broker.dashboards.briefs import find_decided, find_round
from broker.dashboards.listings import Table, all_rows
from broker.dashboards.overrides import round_overrides
from broker.dashboards.results import (
    ResultScreen,
    award_table,
    awards_screen,
    decline_table,
    declines_screen,
    price_table,
    prices_screen,
)
from broker.dashboards.round_runs import (
    progress_screen,
    published_document,
    round_screen,
    run_table,
    stage_table,
)
from broker.dashboards.rounds import round_table, rounds_screen
from broker.dashboards.sprint_figures import scarcity_table, team_table
from broker.dashboards.use import day_table, pool_table
from web.auth import current_actor
from web.capacity import value_bars
from web.deadline_forms import DeadlineForm
from web.desk import market, now
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer, is_swap
from web.steps import steps_of

rounds = Blueprint("rounds", __name__)
RUNS, STAGES = "runs-", "stages-"
ANY_TIME: Mapping[str, Callable[[str], Table]] = {
    "capacity": day_table,
    "pools": pool_table,
    "runs": run_table,
    "stages": stage_table,
}
ONCE_DECIDED: Mapping[str, Callable[[str], Table]] = {
    "awards": award_table,
    "declines": decline_table,
    "prices": price_table,
    "teams": team_table,
    "scarcity": scarcity_table,
}
TABLES = ", ".join((*ANY_TIME, *ONCE_DECIDED))


@rounds.get("/rounds")
def index() -> Response:
    """Show every round, the newest sprint first."""
    with market() as session:
        screen = rounds_screen(session, question())
    grids = {"rounds": grid(screen.rounds, "rounds.index_data")}
    return answer("rounds", swaps=("rounds",), screen=screen, grids=grids)


@rounds.get("/rounds.<any(csv, json):ending>")
def index_data(ending: str) -> Response:
    """Hand the list of rounds to a program."""
    with market() as session:
        return export(round_table(), all_rows(session, round_table(), question()), "rounds", ending)


@rounds.get("/rounds/<key>")
def show(key: str) -> Response:
    """Show where a round stands, its runs, and what proves its result."""
    return round_page(key, DeadlineForm({}))


def round_page(key: str, deadline: DeadlineForm) -> Response:
    """Return the page of a round, with the form that proposes another closing time as it stands."""
    with market() as session:
        screen = round_screen(
            session, current_actor(), key, now(), question(RUNS), question(STAGES)
        )
        is_decided = screen.round.is_decided
        overrides = round_overrides(session, current_actor(), screen.round) if is_decided else None
    explained = ("explained",) if screen.explained else ()
    return answer(
        "round",
        swaps=("runs", "stages", *explained),
        screen=screen,
        overrides=overrides,
        deadline=deadline,
        steps=steps_of(screen.round),
        bars=value_bars(screen.run.report) if screen.run else (),
        grids={
            "runs": grid(screen.runs, "rounds.data", RUNS, key=key, table="runs"),
            "stages": grid(screen.stages, "rounds.data", STAGES, key=key, table="stages"),
        },
    )


@rounds.get("/rounds/<key>/progress")
def progress(key: str) -> Response:
    """Show how far the allocation is; a script that watched it to its end gets the whole page."""
    with market() as session:
        screen = progress_screen(session, key, now(), question(STAGES))
    stages = grid(screen.stages, "rounds.data", STAGES, key=key, table="stages")
    response = answer("progress", swaps=("progress",), screen=screen, grids={"stages": stages})
    if is_swap() and screen.is_over:
        response.headers["HX-Refresh"] = "true"
    return response


@rounds.get("/rounds/<key>/awards")
def awards(key: str) -> Response:
    """Show the bids that won."""
    with market() as session:
        screen = awards_screen(session, key, question())
    return _result("awards", screen)


@rounds.get("/rounds/<key>/declines")
def declines(key: str) -> Response:
    """Show the bids that did not win, each with its reason."""
    with market() as session:
        screen = declines_screen(session, key, question())
    return _result("declines", screen)


@rounds.get("/rounds/<key>/prices")
def prices(key: str) -> Response:
    """Show the list prices per pool, day and tier."""
    with market() as session:
        screen = prices_screen(session, key, question())
    return _result("prices", screen)


def _result(name: str, screen: ResultScreen) -> Response:
    rows = grid(screen.rows, "rounds.data", key=screen.round.key, table=name)
    return answer(name, swaps=(name,), screen=screen, grids={name: rows})


@rounds.get(
    f"/rounds/<key>/<any({', '.join((*ANY_TIME, *ONCE_DECIDED))}):table>.<any(csv, json):ending>"
)
def data(key: str, table: str, ending: str) -> Response:
    """Hand a table of a round to a program; what comes from bids only once it is decided."""
    with market() as session:
        find = find_round if table in ANY_TIME else find_decided
        build = ANY_TIME.get(table) or ONCE_DECIDED[table]
        asked = build(find(session, key).id)
        return export(asked, all_rows(session, asked, question()), f"{key}-{table}", ending)


@rounds.get("/rounds/<key>/<any(report, certificate):what>.json")
def document(key: str, what: str) -> Response:
    """Hand out the report or the certificate of a decided round."""
    with market() as session:
        text = published_document(session, current_actor(), key, what)
    response = Response(text, mimetype="application/json")
    response.headers["Content-Disposition"] = f'inline; filename="{key}-{what}.json"'
    return response
