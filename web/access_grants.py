"""Access to data: who may use what, for what and until when; and taking it back."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.access_grants.endings import revoke_access
from broker.dashboards.access_grants import access_of, access_screen, access_table
from broker.dashboards.listings import all_rows
from broker.errors import BrokerError, InvalidRevocation, Refused
from web.auth import current_actor, sign_in_required
from web.deliveries import Finding, Form
from web.desk import market, moment, now, write
from web.errors import status_of
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

access_grants = Blueprint("access_grants", __name__)
SEE_OTHER = 303


@access_grants.get("/access-grants")
@sign_in_required
def index() -> Response:
    """Show who may use which data, what ends last first."""
    with market() as session:
        listing = access_screen(session, current_actor(), question(), now().date())
    grids = {"access": grid(listing, "access_grants.data")}
    return answer("access_grants", swaps=("access",), grids=grids)


@access_grants.get("/access-grants.<any(csv, json):ending>")
@sign_in_required
def data(ending: str) -> Response:
    """Hand the same to a program, such as the one that opens and shuts the data."""
    table = access_table(current_actor(), now().date())
    with market() as session:
        return export(table, all_rows(session, table, question()), "access-grants", ending)


@access_grants.get("/access-grants/<access_id>")
@sign_in_required
def show(access_id: str) -> Response:
    """Show one grant, and the form that takes it back for whoever may."""
    return _page(access_id, Form({}))


@access_grants.post("/access-grants/<access_id>/revoke")
@sign_in_required
def revoke(access_id: str) -> AnyResponse:
    """Take access back, for a reason."""
    actor, reason = current_actor(), request.form.get("reason", "").strip()
    try:
        write(lambda session: revoke_access(session, actor, access_id, reason, moment(session)))
    except (InvalidRevocation, Refused) as error:
        page = _page(access_id, Form({"reason": reason}, _findings(error)))
        page.status_code = status_of(error)
        return page
    return redirect(url_for("access_grants.show", access_id=access_id), SEE_OTHER)


def _page(access_id: str, form: Form) -> Response:
    with market() as session:
        screen = access_of(session, current_actor(), access_id, now())
    return answer("access_grant", screen=screen, form=form)


def _findings(error: BrokerError) -> tuple[Finding, ...]:
    if not isinstance(error, InvalidRevocation):
        return (Finding("", str(error)),)
    parts = (finding.partition(": ") for finding in error.findings)
    return tuple(Finding(name, words[:1].upper() + words[1:]) for name, _, words in parts)
