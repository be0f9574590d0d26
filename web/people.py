"""People and their roles, for platform admins: propose, approve and end; auditors only read."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, may
from broker.dashboards.people import people_screen
from broker.errors import InvalidPerson, NotFound, Refused
from broker.people.grants import Grant, approve_grant, end_grant, propose_grant
from broker.people.persons import disable_person
from broker.people.tables import GRANTED
from web.accounts import Finding, Typed
from web.auth import current_actor
from web.desk import market, now, write
from web.hypermedia import answer
from web.ways import groups, ways_in

people = Blueprint("people", __name__, url_prefix="/admin/people")
SEE_OTHER, UNPROCESSABLE = 303, 422


@people.get("")
def index() -> Response:
    """Show everybody with their roles, and what waits for a second person."""
    return _page(Typed())


@people.post("/roles")
def propose() -> AnyResponse:
    """Propose a role for a person."""
    actor, at = current_actor(), now()
    key, role, team, pool = (
        request.form.get(name, "").strip() for name in ("person", "role", "team", "pool")
    )
    wish = Grant(key, role, team or None, pool or None)
    try:
        write(lambda session: propose_grant(session, actor, wish, at))
    except (InvalidPerson, NotFound, Refused) as error:
        said = error.findings if isinstance(error, InvalidPerson) else (str(error),)
        findings = tuple(Finding("role", sentence) for sentence in said)
        return make_response(_page(Typed(name=key, findings=findings)), UNPROCESSABLE)
    return _back()


@people.post("/roles/<grant_id>/approve")
def approve(grant_id: str) -> AnyResponse:
    """Put a proposed role in force, as the second person."""
    actor, at = current_actor(), now()
    write(lambda session: approve_grant(session, actor, grant_id, at))
    return _back()


@people.post("/roles/<grant_id>/end")
def end(grant_id: str) -> AnyResponse:
    """Take a role or a proposal back, at once."""
    actor, at = current_actor(), now()
    write(lambda session: end_grant(session, actor, grant_id, at))
    return _back()


@people.post("/<key>/disable")
def disable(key: str) -> AnyResponse:
    """Shut somebody out at once."""
    actor, at = current_actor(), now()
    write(lambda session: disable_person(session, actor, key, at))
    return _back()


def _page(typed: Typed) -> Response:
    actor = current_actor()
    with market() as session:
        screen = people_screen(session, actor)
    may_change = may(actor, Action.MANAGE_PEOPLE)
    return answer(
        "people",
        screen=screen,
        typed=typed,
        roles=GRANTED,
        may_change=may_change,
        groups=groups(),
        has_passwords=ways_in().has_passwords,
    )


def _back() -> AnyResponse:
    return redirect(url_for("people.index"), SEE_OTHER)
