"""What platform admins do to a round by hand, from its page: open, close, change its deadline.

Every form answers with a redirect to the round's page; a refused one comes back with what was
typed. Times are UTC. Who may do what is decided by the services.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from flask import Blueprint, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response

from broker.access import Action, require
from broker.deadlines import DeadlineWish, approve_deadline, propose_deadline, refuse_deadline
from broker.errors import InvalidDeadline
from broker.rounds import lock_round
from broker.rounds_by_hand import close_by_hand, open_by_hand
from web.auth import current_actor
from web.deadline_forms import DeadlineForm, deadline_form
from web.desk import moment, write
from web.rounds import round_page

round_actions = Blueprint("round_actions", __name__)
SEE_OTHER, INVALID = 303, 422


@round_actions.post("/rounds/<key>/open")
def open_(key: str) -> Response:
    """Open a scheduled round now."""
    return _done(key, lambda session, at: open_by_hand(session, current_actor(), key, at))


@round_actions.post("/rounds/<key>/close")
def close(key: str) -> Response:
    """Close a round now that has no closing time, or whose time is over."""
    return _done(key, lambda session, at: close_by_hand(session, current_actor(), key, at))


@round_actions.post("/rounds/<key>/deadline")
def propose(key: str) -> Response:
    """Propose another closing time for an open round."""
    require(current_actor(), Action.CHANGE_DEADLINE)
    form = deadline_form(request.form)
    if form.closes_at is None:
        return _asked_again(key, form)
    wish = DeadlineWish(key, form.closes_at, form.typed["reason"])
    try:
        return _done(key, lambda session, at: propose_deadline(session, current_actor(), wish, at))
    except InvalidDeadline as error:
        return _asked_again(key, form.refused(error.findings))


@round_actions.post("/rounds/<key>/deadline/<change_id>/approve")
def approve(key: str, change_id: str) -> Response:
    """Let a proposed closing time hold, as the second person."""
    return _done(
        key, lambda session, at: approve_deadline(session, current_actor(), key, change_id, at)
    )


@round_actions.post("/rounds/<key>/deadline/<change_id>/refuse")
def refuse(key: str, change_id: str) -> Response:
    """Turn a proposed closing time down, or take the own proposal back."""
    return _done(
        key, lambda session, at: refuse_deadline(session, current_actor(), key, change_id, at)
    )


def _done(key: str, act: Callable[[Session, dt.datetime], Any]) -> Response:
    """Do something to a round under its lock, at the moment at which the lock is held."""

    def work(session: Session) -> None:
        lock_round(session, key)
        act(session, moment(session))

    write(work)
    return redirect(url_for("rounds.show", key=key), SEE_OTHER)


def _asked_again(key: str, form: DeadlineForm) -> Response:
    response = round_page(key, form)
    response.status_code = INVALID
    return response
