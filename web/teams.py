"""Teams: who is in them, and for platform admins the forms that add, rename and retire them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, TeamRole, require
from broker.dashboards.teams import team_screen, teams_screen
from broker.errors import BrokerError, InvalidInput, Refused
from broker.people.grants import Grant, propose_grant
from broker.people.teams import add_team, bring_team_back, find_team, rename_team, retire_team
from web.auth import current_actor
from web.deliveries import Finding, Form
from web.desk import market, moment, write
from web.errors import status_of
from web.hypermedia import answer

teams = Blueprint("teams", __name__, url_prefix="/admin/teams")
SEE_OTHER = 303


@teams.get("")
def index() -> Response:
    """Show every team with its people."""
    return _list(Form({}))


@teams.post("")
def add() -> AnyResponse:
    """Add a team."""
    actor = current_actor()
    require(actor, Action.MANAGE_TEAMS)
    typed = {name: request.form.get(name, "").strip() for name in ("key", "name")}
    try:
        write(lambda s: add_team(s, actor, typed["key"], typed["name"], moment(s)))
    except (InvalidInput, Refused) as error:
        return _refused(_list(Form(typed, _findings(error, "key"))), error)
    return _back(typed["key"])


@teams.get("/<key>")
def show(key: str) -> Response:
    """Show one team: its people and what may be done."""
    return _page(key)


@teams.post("/<key>/name")
def rename(key: str) -> AnyResponse:
    """Give a team another name."""
    actor = current_actor()
    require(actor, Action.MANAGE_TEAMS)
    typed = {"name": request.form.get("name", "").strip()}
    try:
        write(lambda s: rename_team(s, actor, key, typed["name"], moment(s)))
    except InvalidInput as error:
        return _refused(_page(key, Form(typed, _findings(error, "name"))), error)
    return _back(key)


@teams.post("/<key>/<any(retire, return):deed>")
def decide(key: str, deed: str) -> AnyResponse:
    """Leave a team out of the rounds to come, or let it take part again."""
    service = retire_team if deed == "retire" else bring_team_back
    return _done(key, lambda s, actor: service(s, actor, key, moment(s)))


@teams.post("/<key>/people")
def propose(key: str) -> AnyResponse:
    """Propose somebody for a team; a second admin approves it on the page of people."""
    person = request.form.get("person", "")
    role = TeamRole.TEAM_LEAD if request.form.get("role") == "team-lead" else TeamRole.MEMBER

    def work(session: Session, actor: Any) -> None:
        require(actor, Action.GRANT_ROLE)
        find_team(session, key)
        propose_grant(session, actor, Grant(person, role, team_key=key), moment(session))

    return _done(key, work)


def _done(key: str, work: Callable[[Session, Any], Any]) -> AnyResponse:
    actor = current_actor()
    write(lambda session: work(session, actor))
    return _back(key)


def _list(form: Form) -> Response:
    with market() as session:
        screen = teams_screen(session, current_actor())
    return answer("team_list", screen=screen, form=form)


def _page(key: str, form: Form | None = None) -> Response:
    with market() as session:
        screen = team_screen(session, current_actor(), key)
    return answer("team", screen=screen, form=form or Form({"name": screen.team.name}))


def _findings(error: BrokerError, field: str) -> tuple[Finding, ...]:
    if not isinstance(error, InvalidInput):
        return (Finding(field, str(error)),)
    parts = (finding.partition(": ") for finding in error.findings)
    return tuple(Finding(name, words[:1].upper() + words[1:]) for name, _, words in parts)


def _refused(response: Response, error: BrokerError) -> Response:
    response.status_code = status_of(error)
    return response


def _back(key: str) -> AnyResponse:
    return redirect(url_for("teams.show", key=key), SEE_OTHER)
