"""Who asks: the person behind a request, from the session that the server keeps.

It is read once a request, before the page; what the person may do is decided in broker/access.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, Response, g, request

from broker.access import ANONYMOUS, Action, Actor, require
from broker.errors import Busy, SignInNeeded
from broker.people.actors import SignedIn, actor_of_secret
from broker.people.sessions import see_session
from web.cookies import read_cookie
from web.desk import market, now, write

SESSION_COOKIE = "broker-session"
NEVER_SIGNED_IN = frozenset({"static", "health.alive", "health.ready"})
"""What answers the same to everybody, without asking who it is."""
PROGRAMS = "api"
"""The part of the application whose callers have tokens; cookies count for nothing there."""
P = ParamSpec("P")
R = TypeVar("R")


def register(app: Flask) -> None:
    """Read who asks before every page, and let nobody keep what a person saw."""
    app.before_request(_recognise)
    app.after_request(_keep_private)
    app.jinja_env.globals["visitor"] = current_actor


def current_actor() -> Actor:
    """Return who asks; nobody in particular without a live session."""
    found = signed_in()
    return found.actor if found else ANONYMOUS


def signed_in() -> SignedIn | None:
    """Return the session behind the request, if there is one."""
    found: SignedIn | None = g.get("signed_in")
    return found


def own_session() -> SignedIn:
    """Return the session behind the request. Raises: SignInNeeded."""
    require(current_actor(), Action.USE_ACCOUNT)
    found = signed_in()
    if found is None:
        raise SignInNeeded("Sign in first.")
    return found


def sign_in_required(view: Callable[P, R]) -> Callable[P, R]:
    """Let a page answer only to people whom the market knows; others sign in first."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        require(current_actor(), Action.USE_ACCOUNT)
        return view(*args, **kwargs)

    return answer


def _recognise() -> None:
    secret = read_cookie(SESSION_COOKIE)
    if not secret or request.endpoint in NEVER_SIGNED_IN or request.blueprint == PROGRAMS:
        return
    at = now()
    with market() as session:
        found = actor_of_secret(session, secret, at)
    g.signed_in = found
    if found is not None and found.is_stale:
        with suppress(Busy):  # a page is no less right for it; the next request notes it
            write(lambda session: see_session(session, found.session_id, at))


def _keep_private(response: Response) -> Response:
    if request.endpoint != "static":
        response.vary.add("Cookie")
        if signed_in() is not None:
            response.headers["Cache-Control"] = "no-store"
    return response
