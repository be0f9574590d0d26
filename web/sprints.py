"""Sprints that come again: the rule, what it announces next, and the form that proposes another."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, require
from broker.dashboards.sprints import RulePreview, preview_rule, sprints_screen
from broker.errors import BrokerError, InvalidInput, Refused
from broker.sprints.rules import InvalidSprintRule
from broker.sprints.versions import activate_rule, end_rule, propose_rule, refuse_rule
from web.auth import current_actor
from web.deliveries import Finding, Form
from web.desk import market, moment, now, write
from web.errors import status_of
from web.hypermedia import answer
from web.sprint_forms import USUAL, document_of, fields_of, findings_of, typed_of

sprints = Blueprint("sprints", __name__, url_prefix="/admin/sprints")
SEE_OTHER = 303
DEEDS = {"activate": activate_rule, "refuse": refuse_rule, "end": end_rule}


@sprints.get("")
def index() -> Response:
    """Show the rule in force, the sprints to come and every version."""
    return _page()


@sprints.post("")
def propose() -> AnyResponse:
    """Show what a typed rule would announce, or propose it; `do` says which."""
    actor = current_actor()
    require(actor, Action.CHANGE_SPRINT_RULE)
    typed = typed_of(request.form)
    content, reason = document_of(typed), typed["reason"]
    try:
        if request.form.get("do") != "propose":
            return _preview(typed, content)
        write(lambda session: propose_rule(session, actor, content, reason, moment(session)))
    except (InvalidSprintRule, Refused) as error:
        response = _page(Form(typed, _findings(error)))
        response.status_code = status_of(error)
        return response
    return _back()


@sprints.post(f"/<int:version>/<any({', '.join(DEEDS)}):deed>")
def decide(version: int, deed: str) -> AnyResponse:
    """Put a proposed rule in force, as the second person, turn it down, or end the one in force."""
    actor, service = current_actor(), DEEDS[deed]
    write(lambda session: service(session, actor, version, moment(session)))
    return _back()


def _preview(typed: dict[str, str], content: str) -> Response:
    with market() as session:
        preview = preview_rule(session, content, now())
    return _page(Form(typed), preview)


def _page(form: Form | None = None, preview: RulePreview | None = None) -> Response:
    with market() as session:
        screen = sprints_screen(session, current_actor(), now())
    begun = fields_of(screen.rule) if screen.rule else {**USUAL}
    return answer(
        "sprints",
        screen=screen,
        preview=preview,
        form=form or Form(begun),
        is_asked=form is not None,
    )


def _findings(error: BrokerError) -> tuple[Finding, ...]:
    if isinstance(error, InvalidInput):
        return findings_of(error.findings)
    return (Finding("", str(error)),)


def _back() -> AnyResponse:
    return redirect(url_for("sprints.index"), SEE_OTHER)
