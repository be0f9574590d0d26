"""Hours of experts: what somebody is asked for, with an answer; and a pool's hours for owners."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.expert_hours import (
    own_hours,
    own_hours_table,
    pool_hours,
    pool_hours_table,
)
from broker.dashboards.listings import all_rows
from broker.errors import BrokerError, InvalidAnswer, Refused
from broker.experts.answers import confirm_hours, decline_hours, name_hours
from web.auth import current_actor, sign_in_required
from web.deliveries import Finding, Form
from web.desk import market, moment, now, write
from web.errors import status_of
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

hours = Blueprint("hours", __name__)
SEE_OTHER = 303
MOST_ANSWERED = 1000
"""How many hours one form answers."""


@hours.get("/hours")
@sign_in_required
def index() -> Response:
    """Show what somebody is asked for, and the form that answers."""
    return _own(Form({}))


@hours.get("/hours.<any(csv, json):ending>")
@sign_in_required
def data(ending: str) -> Response:
    """Hand the same to a program."""
    table = own_hours_table(current_actor())
    with market() as session:
        return export(table, all_rows(session, table, question()), "my-hours", ending)


@hours.post("/hours")
@sign_in_required
def reply() -> AnyResponse:
    """Confirm or decline the chosen hours."""
    return _answered(_own) or redirect(url_for("hours.index"), SEE_OTHER)


@hours.get("/admin/pools/<key>/hours")
@sign_in_required
def of_pool(key: str) -> Response:
    """Show the hours of a pool to whoever answers for it."""
    return _pool(key, Form({}))


@hours.get("/admin/pools/<key>/hours.<any(csv, json):ending>")
@sign_in_required
def pool_data(key: str, ending: str) -> Response:
    """Hand the same to a program."""
    with market() as session:
        table = pool_hours_table(session, current_actor(), key)
        return export(table, all_rows(session, table, question()), f"{key}-hours", ending)


@hours.post("/admin/pools/<key>/hours")
@sign_in_required
def reply_for(key: str) -> AnyResponse:
    """Answer for experts who have no account."""
    back = redirect(url_for("hours.of_pool", key=key), SEE_OTHER)
    return _answered(lambda form: _pool(key, form)) or back


@hours.post("/admin/pools/<key>/hours/<hours_id>/name")
@sign_in_required
def name(key: str, hours_id: str) -> AnyResponse:
    """Ask somebody for hours that have nobody."""
    actor, expert = current_actor(), request.form.get("expert", "")
    try:
        write(lambda session: name_hours(session, actor, hours_id, expert, moment(session)))
    except Refused as error:
        return _refused(_pool(key, Form({}, (Finding("", str(error)),))), error)
    return redirect(url_for("hours.of_pool", key=key), SEE_OTHER)


def _answered(page: Callable[[Form], Response]) -> AnyResponse | None:
    """Do what the form says with the hours that it names; the page again where it is refused."""
    actor, sent = current_actor(), request.form
    ids, reason = sent.getlist("hours")[:MOST_ANSWERED], sent.get("reason", "").strip()
    try:
        if sent.get("do") == "decline":
            write(lambda session: decline_hours(session, actor, ids, reason, moment(session)))
        else:
            write(lambda session: confirm_hours(session, actor, ids, moment(session)))
    except (InvalidAnswer, Refused) as error:
        return _refused(page(Form({"reason": reason}, _findings(error))), error)
    return None


def _own(form: Form) -> Response:
    with market() as session:
        screen = own_hours(session, current_actor(), question(), now().date())
    grids = {"own_hours": grid(screen.all, "hours.data")}
    return answer("own_hours", swaps=("own_hours",), screen=screen, grids=grids, form=form)


def _pool(key: str, form: Form) -> Response:
    with market() as session:
        screen = pool_hours(session, current_actor(), key, question(), now().date())
    grids = {"pool_hours": grid(screen.hours, "hours.pool_data", key=key)}
    return answer("pool_hours", swaps=("pool_hours",), screen=screen, grids=grids, form=form)


def _refused(response: Response, error: BrokerError) -> Response:
    response.status_code = status_of(error)
    return response


def _findings(error: BrokerError) -> tuple[Finding, ...]:
    if not isinstance(error, InvalidAnswer):
        return (Finding("", str(error)),)
    parts = (finding.partition(": ") for finding in error.findings)
    return tuple(
        Finding("reason" if field == "reason" else "", f"{words[:1].upper()}{words[1:]}")
        for field, _, words in parts
    )
