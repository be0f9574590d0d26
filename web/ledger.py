"""Credits and runway: a team's balance, sprints, forecast and ledger; several teams: a choice."""

from __future__ import annotations

from flask import Blueprint, Response, request

from broker.dashboards.credits import (
    SprintRange,
    credits_screen,
    credits_table,
    own_team,
    readable_teams,
    teams_screen,
)
from broker.dashboards.listings import all_rows
from web.auth import current_actor, sign_in_required
from web.credit_charts import credit_chart
from web.desk import market
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

ledger = Blueprint("ledger", __name__)
TABLES = ("sprints", "entries")


@ledger.get("/ledger")
@sign_in_required
def index() -> Response:
    """Show the credits of the reader's only team, or the teams to choose from."""
    actor = current_actor()
    with market() as session:
        own = own_team(session, actor)
        screen = None if own else teams_screen(session, actor, question())
    if screen is None:
        return _show(str(own))
    return answer(
        "teams",
        swaps=("teams",),
        screen=screen,
        grids={"teams": grid(screen.teams, "ledger.index_data")},
    )


@ledger.get("/ledger.<any(csv, json):ending>")
@sign_in_required
def index_data(ending: str) -> Response:
    """Hand the credits of the reader's teams to a program."""
    with market() as session:
        table = readable_teams(current_actor())
        return export(table, all_rows(session, table, question()), "teams", ending)


@ledger.get("/ledger/<key>")
@sign_in_required
def show(key: str) -> Response:
    """Show the credits of one team."""
    return _show(key)


@ledger.get("/ledger/<key>/<any(sprints, entries):table>.<any(csv, json):ending>")
@sign_in_required
def data(key: str, table: str, ending: str) -> Response:
    """Hand a table of a team's credits to a program."""
    with market() as session:
        asked = credits_table(session, current_actor(), key, _range(), table)
        return export(asked, all_rows(session, asked, question()), f"{key}-{table}", ending)


def _show(key: str) -> Response:
    asked = _range()
    questions = {table: question(f"{table}-") for table in TABLES}
    with market() as session:
        screen = credits_screen(session, current_actor(), key, asked, questions)
    parameters = {"from": asked.first, "until": asked.last}
    kept = {name: text for name, text in parameters.items() if text}
    listings = {"sprints": screen.totals, "entries": screen.entries}
    grids = {
        name: grid(listing, "ledger.data", f"{name}-", key=key, table=name, **kept)
        for name, listing in listings.items()
    }
    return answer(
        "credits",
        swaps=(*TABLES, "credits"),
        screen=screen,
        grids=grids,
        asked=asked,
        chart=credit_chart(screen),
    )


def _range() -> SprintRange:
    """Read which sprints the address asks for."""
    return SprintRange(request.args.get("from", ""), request.args.get("until", ""))
