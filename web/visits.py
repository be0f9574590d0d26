"""Every request has an id: in its answer, and on every line of the log that is about it.

Only what went wrong or took long is logged. A line for every request would tell whoever reads the
log how often a team bids while bids are sealed.
"""

from __future__ import annotations

import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
SLOW_SECONDS = 1.0
SERVER_ERROR = 500

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Give every request an id, and look at how it went."""
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """Return the id of the request at hand."""
    known: str = g.get("request_id", "")
    return known


def _begin() -> None:
    g.request_id, g.began_seconds = uuid4().hex, time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    took = time.monotonic() - g.get("began_seconds", time.monotonic())
    if response.status_code >= SERVER_ERROR or took > SLOW_SECONDS:
        log.warning(
            "web.request",
            method=request.method,
            route=str(request.url_rule),
            status=response.status_code,
            milliseconds=round(took * 1000),
        )
    return response
