"""Overrides: proposed from a round or a receipt, solved by the worker, decided by a second person.

Every form answers with a redirect; a refused one comes back with what was typed. Nothing is solved
in a request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, require
from broker.dashboards.overrides import override_screen, proposal_screen
from broker.errors import InvalidOverride
from broker.overrides.approvals import approve_override
from broker.overrides.proposals import propose_override, refuse_override, solve_again
from web.auth import current_actor
from web.desk import market, moment, now, write
from web.grids import grid, question
from web.hypermedia import answer
from web.override_forms import OverrideForm, first_form, override_form

overrides = Blueprint("overrides", __name__)
SEE_OTHER, INVALID = 303, 422
STAGES = "stages-"


@overrides.get("/rounds/<key>/overrides/new")
def ask(key: str) -> Response:
    """Show the form that proposes an override, for the bid that is named."""
    require(current_actor(), Action.PROPOSE_OVERRIDE)
    return _form(key, request.args.get("bid", ""))


@overrides.post("/rounds/<key>/overrides")
def propose(key: str) -> AnyResponse:
    """Propose an override; the worker then says what it costs."""
    actor, form = current_actor(), override_form(request.form)
    require(actor, Action.PROPOSE_OVERRIDE)
    try:
        override_id = write(lambda s: propose_override(s, actor, form.wish(key), moment(s)))
    except InvalidOverride as error:
        response = _form(key, form.text("bid"), form.refused(error.findings))
        response.status_code = INVALID
        return response
    return redirect(url_for("overrides.show", override_id=override_id), SEE_OTHER)


@overrides.get("/overrides/<override_id>")
def show(override_id: str) -> Response:
    """Show what an override changes and costs; its part looks again while it is solved."""
    with market() as session:
        screen = override_screen(session, current_actor(), override_id, now(), question(STAGES))
    stages = screen.stages
    grids = {}
    if stages:
        run_id = screen.override.run_id
        grids["stages"] = grid(stages, "runs.data", STAGES, run_id=run_id)
    return answer("override", swaps=("override", "stages"), screen=screen, grids=grids)


@overrides.post("/overrides/<override_id>/approve")
def approve(override_id: str) -> AnyResponse:
    """Publish what an override makes of the round, as the second person."""
    return _decide(override_id, approve_override)


@overrides.post("/overrides/<override_id>/refuse")
def refuse(override_id: str) -> AnyResponse:
    """Turn an override down, or take the own one back."""
    return _decide(override_id, refuse_override)


@overrides.post("/overrides/<override_id>/solve")
def solve(override_id: str) -> AnyResponse:
    """Have an override solved again."""
    return _decide(override_id, solve_again)


def _decide(override_id: str, act: Callable[..., Any]) -> AnyResponse:
    actor = current_actor()

    def work(session: Session) -> None:
        act(session, actor, override_id, moment(session))

    write(work)
    return redirect(url_for("overrides.show", override_id=override_id), SEE_OTHER)


def _form(key: str, bid_key: str, form: OverrideForm | None = None) -> Response:
    with market() as session:
        screen = proposal_screen(session, key, bid_key)
    return answer("override_form", screen=screen, form=form or first_form(screen))
