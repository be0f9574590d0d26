"""Forms are ours: what changes something comes from a page that this site gave to this browser.

Three checks, each enough against most: the browser says that the request comes from here, its
origin is ours, and a hidden field matches a cookie that only we can read and the person who asks.
Signing in anew keeps a form good for the same person, so that nothing typed is lost.
"""

from __future__ import annotations

import hmac
from http import HTTPMethod

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from broker.errors import NotAllowed
from web.auth import PROGRAMS, SESSION_COOKIE, current_actor, signed_in
from web.cookies import give_cookie, new_secret, read_cookie

FIELD, HEADER, COOKIE = "csrf_token", "X-CSRF-Token", "broker-form"
SAFE = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})
GO_BACK = "Go back, load the page again, and send the form from there."
SIGNED_OUT = "Sign in again in another tab, then come back here and send the form once more."


def register(app: Flask) -> None:
    """Check every request that may change something, and let templates write `csrf_token()`."""
    app.before_request(_check_request)
    app.after_request(_hand_out_cookie)
    app.jinja_env.globals["csrf_token"] = csrf_token


def csrf_token() -> str:
    """Return what a form of this page must send along."""
    secret = read_cookie(COOKIE) or g.get("form_secret")
    if not secret:
        g.form_secret = secret = new_secret()
    return token_of(secret, current_actor().id)


def token_of(secret: str, actor_id: str) -> str:
    """Return the hidden field that goes with a browser's secret for one actor."""
    return hmac.new(secret.encode(), actor_id.encode(), "sha256").hexdigest()


def _check_request() -> None:
    """Refuse what does not come from our own page. Raises: NotAllowed."""
    if request.method in SAFE or isinstance(request.routing_exception, HTTPException):
        return
    if request.blueprint == PROGRAMS:
        return
    if not _is_from_here():
        raise NotAllowed("This was not sent from a page of this market.", hint=GO_BACK)
    if not _is_our_form():
        was_signed_in = read_cookie(SESSION_COOKIE) and signed_in() is None
        if was_signed_in:
            raise NotAllowed("You were signed out meanwhile.", hint=SIGNED_OUT)
        raise NotAllowed("This form is too old, or it is not of this market.", hint=GO_BACK)


def _is_from_here() -> bool:
    """Say whether all that the browser tells about where a request comes from is this site."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", request.host_url.rstrip("/"))
    return site == "same-origin" and origin == request.host_url.rstrip("/")


def _is_our_form() -> bool:
    secret = read_cookie(COOKIE)
    sent = request.headers.get(HEADER) or request.form.get(FIELD, "")
    return bool(secret) and hmac.compare_digest(
        sent.encode(), token_of(secret, current_actor().id).encode()
    )


def _hand_out_cookie(response: Response) -> Response:
    if g.get("form_secret"):
        give_cookie(response, COOKIE, g.form_secret)
    return response
