"""One run of a round, and how it differs from another; to have a closed round rehearsed or run.

A request only says what is wanted: the worker does it, and nothing is solved in here.
"""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from allocation.wire import canonical_json, outcome_document
from broker.dashboards.listings import all_rows
from broker.dashboards.round_runs import stages_of_run
from broker.dashboards.run import (
    find_run_id,
    rehearsed_outcome,
    revision_screen,
    revision_table,
    run_screen,
)
from broker.run_requests import ask_run
from broker.states import RunPurpose
from web.auth import current_actor
from web.capacity import value_bars
from web.desk import market, moment, now, write
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

runs = Blueprint("runs", __name__)
SEE_OTHER = 303
STAGES = "stages-"
LABELS = {RunPurpose.PUBLICATION: "Published", RunPurpose.REHEARSAL: "Rehearsed"}


@runs.get("/runs/<run_id>")
def show(run_id: str) -> Response:
    """Show a run; the part that shows its stages looks again until it is over."""
    with market() as session:
        screen = run_screen(
            session, current_actor(), run_id, now(), question(STAGES), request.args.get("with", "")
        )
    report = screen.run.report
    return answer(
        "run",
        swaps=("run", "stages"),
        screen=screen,
        bars=value_bars(report, LABELS[RunPurpose(screen.run.purpose)]) if report else (),
        grids={"stages": grid(screen.stages, "runs.data", STAGES, run_id=run_id)},
    )


@runs.get("/runs/<run_id>/stages.<any(csv, json):ending>")
def data(run_id: str, ending: str) -> Response:
    """Hand the stages of a run to a program."""
    with market() as session:
        asked = stages_of_run(find_run_id(session, run_id))
        return export(asked, all_rows(session, asked, question()), f"{run_id}-stages", ending)


@runs.get("/runs/<run_id>/<any(awards, declines, prices):what>")
def result(run_id: str, what: str) -> Response:
    """Show what a published revision decided, as it was published."""
    with market() as session:
        screen = revision_screen(session, run_id, what, question())
    rows = grid(screen.rows, "runs.result_data", run_id=run_id, what=what)
    return answer("revision", swaps=(what,), screen=screen, what=what, grids={what: rows})


@runs.get("/runs/<run_id>/<any(awards, declines, prices):what>.<any(csv, json):ending>")
def result_data(run_id: str, what: str, ending: str) -> Response:
    """Hand a table of a published revision to a program."""
    with market() as session:
        asked = revision_table(session, run_id, what)
        return export(asked, all_rows(session, asked, question()), f"{run_id}-{what}", ending)


@runs.get("/runs/<run_id>/outcome.json")
def outcome(run_id: str) -> Response:
    """Hand out what a rehearsal decided, to whoever may know it."""
    with market() as session:
        found = rehearsed_outcome(session, current_actor(), run_id)
    return Response(canonical_json(outcome_document(found)), mimetype="application/json")


@runs.post("/rounds/<key>/rehearse")
def rehearse(key: str) -> AnyResponse:
    """Have a closed round rehearsed."""
    return _ask(key, RunPurpose.REHEARSAL)


@runs.post("/rounds/<key>/run")
def run(key: str) -> AnyResponse:
    """Have a closed round run and published."""
    return _ask(key, RunPurpose.PUBLICATION)


def _ask(key: str, purpose: RunPurpose) -> AnyResponse:
    actor = current_actor()
    write(lambda session: ask_run(session, actor, key, purpose, moment(session)))
    return redirect(url_for("rounds.progress", key=key), SEE_OTHER)
