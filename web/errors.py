"""What people see when something does not work: a sentence, and where to go from there.

One table maps the market's errors to HTTP; nothing of the program's inside ever shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from flask import Flask, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.listings import InvalidQuestion
from broker.errors import (
    BrokerError,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderFailed,
    Refused,
    SignInNeeded,
    StorageFailed,
    TooManyAttempts,
    TooManyRequests,
    WrongSchema,
)
from web import visits
from web.api.problems import is_for_programs, problem

log = structlog.get_logger()

STATUS: Mapping[type[BrokerError], int] = {
    InvalidQuestion: 400,
    NotAllowed: 403,
    NotFound: 404,
    Refused: 409,
    TooManyAttempts: 429,
    TooManyRequests: 429,
    InvalidInput: 422,
    ProviderFailed: 503,
    StorageFailed: 503,
    WrongSchema: 503,
}
HEADLINES: Mapping[int, str] = {
    400: "That question cannot be answered",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This page only answers to reading",
    409: "Not in this state",
    413: "That was too large",
    422: "Something in it is not valid",
    429: "Too many attempts",
    500: "Something broke on our side",
    503: "The market cannot be read right now",
}
SENTENCES: Mapping[int, str] = {
    404: "The address is mistyped, or what stood here is not public.",
    405: "Follow a link instead of sending a form.",
    413: "Send less at once.",
    500: "The error is in the log of this server. Nothing was changed. Try again in a minute.",
    503: "Nothing was changed. Try again in a minute; if it stays so, ask who runs this market.",
}
NOT_READY = "Its database is missing or belongs to another version. Run `broker migrate`."
SEE_OTHER, CLIENT_ERROR, SERVER_ERROR = 303, 400, 500


def register(app: Flask) -> None:
    """Answer every error with a page."""
    app.register_error_handler(BrokerError, _of_the_market)
    app.register_error_handler(SignInNeeded, _sign_in_first)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(OperationalError, _of_the_database)
    app.register_error_handler(Exception, _of_ours)


def status_of(error: BrokerError) -> int:
    """Return the HTTP status of a market's error, by its nearest listed type."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), SERVER_ERROR)


def _of_the_market(error: BrokerError) -> Response:
    status = status_of(error)
    if isinstance(error, WrongSchema):
        log.error("web.wrong-schema", why=str(error))
        return _page(status, NOT_READY)
    if status >= SERVER_ERROR:
        log.error("web.market-error", why=str(error), path=request.path)
        return _page(status)
    return _page(
        status, str(error) if isinstance(error, (NotAllowed, TooManyRequests)) else error.sentence
    )


def _sign_in_first(error: SignInNeeded) -> AnyResponse:
    """Lead whoever reads to the place to sign in, and back; a script leads its whole page there."""
    if request.method not in {"GET", "HEAD"}:
        return _page(status_of(error), str(error))
    if "HX-Request" in request.headers:
        response = make_response("")
        response.headers["HX-Refresh"] = "true"
        return response
    wanted = request.full_path.removesuffix("?")
    return redirect(url_for("accounts.ask", next=wanted), SEE_OTHER)


def _of_http(error: HTTPException) -> Response | HTTPException:
    status = error.code or SERVER_ERROR
    if status < CLIENT_ERROR:
        return error
    response = _page(status)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def _of_the_database(error: OperationalError) -> Response:
    log.error("web.database-error", why=str(error.orig), path=request.path)
    return _page(503)


def _of_ours(error: Exception) -> Response:
    log.error("web.error", path=request.path, exc_info=error)
    return _page(SERVER_ERROR)


def _page(status: int, sentence: str = "") -> Response:
    if is_for_programs():
        return problem(status, sentence or SENTENCES.get(status, ""))
    headline = HEADLINES.get(status, "That did not work")
    text = sentence or SENTENCES.get(status, "")
    if status >= SERVER_ERROR:
        text += f" In the log it is request {visits.request_id()}."
    page = render_template("pages/error.html", status=status, headline=headline, sentence=text)
    return make_response(page, status)
