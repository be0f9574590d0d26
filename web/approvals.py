"""Approvals: what waits for whom with its clock, the forms to ask and to answer, who decides."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.approvals.decisions import Answer, DecideApproval, decide
from broker.approvals.matrices import InvalidMatrix, matrix_document
from broker.approvals.requests import ApprovalWish, request_approval, withdraw_request
from broker.approvals.versions import activate_matrix, propose_matrix, refuse_matrix
from broker.dashboards.approvals import (
    approval_screen,
    approval_table,
    approvals_screen,
    rights_screen,
)
from broker.dashboards.listings import all_rows
from broker.errors import BrokerError, InvalidApproval, InvalidInput, Refused
from web.auth import current_actor, sign_in_required
from web.deliveries import Finding, Form
from web.desk import market, now, write
from web.errors import status_of
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

approvals = Blueprint("approvals", __name__)
SEE_OTHER = 303
WHOLE_NUMBER = re.compile(r"[0-9]{1,13}")
NO_NUMBER, NO_DAY = -1, dt.date.min
"""Stand for what nobody could read as a number or a day: they are out of every range."""
ASKED = ("team", "pool", "purpose_key", "purpose", "most_credits", "valid_from", "valid_until")


@approvals.get("/approvals")
@sign_in_required
def index() -> Response:
    """Show what waits, with clocks, and everything that was decided."""
    return _index(Form({"pool": request.args.get("ask", "")}))


@approvals.get("/approvals.<any(csv, json):ending>")
@sign_in_required
def index_data(ending: str) -> Response:
    """Hand the requests that somebody may read to a program."""
    with market() as session:
        table = approval_table(current_actor())
        return export(table, all_rows(session, table, question()), "approvals", ending)


@approvals.post("/approvals")
@sign_in_required
def ask() -> AnyResponse:
    """Ask for an approval, as a lead of the team."""
    typed = {name: request.form.get(name, "").strip() for name in ASKED}
    wish = ApprovalWish(
        team_id=typed["team"],
        pool_key=typed["pool"],
        purpose_key=typed["purpose_key"],
        purpose=typed["purpose"],
        most_credits=_whole(typed["most_credits"]),
        valid_from=_day(typed["valid_from"]),
        valid_until=_day(typed["valid_until"]),
    )
    try:
        request_id = write(lambda session: request_approval(session, current_actor(), wish, now()))
    except (InvalidApproval, Refused) as error:
        return _refused(_index(Form(typed, _findings(error))), error)
    return redirect(url_for("approvals.show", request_id=request_id), SEE_OTHER)


@approvals.get("/approvals/<request_id>")
@sign_in_required
def show(request_id: str) -> Response:
    """Show one request with its clock, and the form for whoever may answer it."""
    return _page(request_id, Form({}))


@approvals.post("/approvals/<request_id>/decide")
@sign_in_required
def answer_request(request_id: str) -> AnyResponse:
    """Approve or reject a request."""
    typed = {name: request.form.get(name, "").strip() for name in ("answer", "reason")}
    try:
        wish = DecideApproval(request_id, _answer(typed["answer"]), typed["reason"])
        write(lambda session: decide(session, current_actor(), wish, now()))
    except (InvalidApproval, Refused) as error:
        return _refused(_page(request_id, Form(typed, _findings(error))), error)
    return redirect(url_for("approvals.show", request_id=request_id), SEE_OTHER)


@approvals.post("/approvals/<request_id>/withdraw")
@sign_in_required
def withdraw(request_id: str) -> AnyResponse:
    """Take a request back."""
    write(lambda session: withdraw_request(session, current_actor(), request_id, now()))
    return redirect(url_for("approvals.show", request_id=request_id), SEE_OTHER)


@approvals.get("/approvals/rights")
@sign_in_required
def rights() -> Response:
    """Show the decision rights in force and their versions."""
    return _rights(Form({}))


@approvals.post("/approvals/rights")
@sign_in_required
def propose() -> AnyResponse:
    """Propose other decision rights, for a second admin to put in force."""
    typed = {name: request.form.get(name, "") for name in ("document", "reason")}
    content, reason = typed["document"], typed["reason"]
    try:
        write(lambda session: propose_matrix(session, current_actor(), content, reason, now()))
    except (InvalidMatrix, Refused) as error:
        return _refused(_rights(Form(typed, _findings(error))), error)
    return redirect(url_for("approvals.rights"), SEE_OTHER)


@approvals.post("/approvals/rights/<int:version>/<any(activate, refuse):deed>")
@sign_in_required
def decide_rights(version: int, deed: str) -> AnyResponse:
    """Put proposed decision rights in force, as the second person, or turn them down."""
    service = activate_matrix if deed == "activate" else refuse_matrix
    write(lambda session: service(session, current_actor(), version, now()))
    return redirect(url_for("approvals.rights"), SEE_OTHER)


def _index(form: Form) -> Response:
    with market() as session:
        screen = approvals_screen(session, current_actor(), question(), now())
    grids = {"approvals": grid(screen.requests, "approvals.index_data")}
    return answer(
        "approvals", swaps=("approvals",), screen=screen, grids=grids, form=form, now=now()
    )


def _page(request_id: str, form: Form) -> Response:
    with market() as session:
        screen = approval_screen(session, current_actor(), request_id)
    return answer("approval", screen=screen, form=form, now=now())


def _rights(form: Form) -> Response:
    with market() as session:
        screen = rights_screen(session, current_actor())
    if "document" not in form.typed:
        document = matrix_document(screen.in_force.matrix)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        form = replace(form, typed={**form.typed, "document": text})
    return answer("decision_rights", screen=screen, form=form)


def _refused(response: Response, error: BrokerError) -> Response:
    response.status_code = status_of(error)
    return response


def _whole(text: str) -> int:
    return int(text) if WHOLE_NUMBER.fullmatch(text) else NO_NUMBER


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return NO_DAY


def _answer(text: str) -> Answer:
    """Read what was chosen. Raises: InvalidApproval if nothing was."""
    if text not in set(Answer):
        raise InvalidApproval("to decide on", ["answer: choose whether it may be used or not."])
    return Answer(text)


def _findings(error: BrokerError) -> tuple[Finding, ...]:
    """Return what was refused, by the fields of the form."""
    if not isinstance(error, InvalidInput):
        return (Finding("", str(error)),)
    if isinstance(error, InvalidMatrix):
        return tuple(Finding(_matrix_field(found), found) for found in error.findings)
    parts = (finding.partition(": ") for finding in error.findings)
    return tuple(Finding(name, words[:1].upper() + words[1:]) for name, _, words in parts)


def _matrix_field(finding: str) -> str:
    return "reason" if finding.startswith("reason: ") else "document"
