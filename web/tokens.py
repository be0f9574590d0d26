"""Tokens: one's own with the form that issues one, shown once; and everybody's for admins."""

from __future__ import annotations

import re

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.tokens import all_tokens_screen, own_tokens_screen
from broker.errors import BrokerError, InvalidInput, InvalidToken, Refused
from broker.people.tokens import MARK, USUAL_DAYS, TokenWish, issue_token, revoke_token
from web.auth import current_actor, sign_in_required
from web.cookies import new_secret
from web.deliveries import NO_NUMBER, Finding, Form
from web.desk import market, moment, now, write
from web.errors import status_of
from web.hypermedia import answer

tokens = Blueprint("tokens", __name__)
SEE_OTHER = 303
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")


@tokens.get("/account/tokens")
@sign_in_required
def index() -> Response:
    """Show one's own tokens."""
    return _own(Form({"days": str(USUAL_DAYS)}))


@tokens.post("/account/tokens")
@sign_in_required
def issue() -> AnyResponse:
    """Issue a token and show its secret, this once."""
    typed = {name: request.form.get(name, "").strip() for name in ("name", "days")}
    scopes = frozenset(request.form.getlist("scopes"))
    secret, actor = MARK + new_secret(), current_actor()
    days = int(typed["days"]) if WHOLE_NUMBER.fullmatch(typed["days"]) else NO_NUMBER
    wish = TokenWish(typed["name"], scopes, days)
    try:
        write(lambda session: issue_token(session, actor, wish, secret, moment(session)))
    except (InvalidToken, Refused) as error:
        response = _own(Form(typed, _findings(error)), scopes)
        response.status_code = status_of(error)
        return response
    return _own(Form({"days": str(USUAL_DAYS)}), secret=secret)


@tokens.post("/account/tokens/<token_id>/revoke")
@sign_in_required
def revoke(token_id: str) -> AnyResponse:
    """End one of one's own tokens."""
    _revoke(token_id)
    return redirect(url_for("tokens.index"), SEE_OTHER)


@tokens.get("/admin/tokens")
def everybodys() -> Response:
    """Show the tokens of everybody and of services."""
    with market() as session:
        screen = all_tokens_screen(session, current_actor(), now())
    return answer("tokens", screen=screen)


@tokens.post("/admin/tokens/<token_id>/revoke")
@sign_in_required
def revoke_anybodys(token_id: str) -> AnyResponse:
    """End anybody's token, as an admin."""
    _revoke(token_id)
    return redirect(url_for("tokens.everybodys"), SEE_OTHER)


def _revoke(token_id: str) -> None:
    actor = current_actor()
    write(lambda session: revoke_token(session, actor, token_id, moment(session)))


def _own(form: Form, chosen: frozenset[str] = frozenset(), secret: str = "") -> Response:
    with market() as session:
        screen = own_tokens_screen(session, current_actor(), now())
    return answer("own_tokens", screen=screen, form=form, chosen=chosen, secret=secret)


def _findings(error: BrokerError) -> tuple[Finding, ...]:
    if not isinstance(error, InvalidInput):
        return (Finding("name", str(error)),)
    parts = (finding.partition(": ") for finding in error.findings)
    return tuple(Finding(name, words[:1].upper() + words[1:]) for name, _, words in parts)
