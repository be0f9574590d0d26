"""Errors for programs: problem documents (RFC 9457) with the market's own code and findings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request

from broker.errors import BrokerError, InvalidInput, SignInNeeded
from broker.policy.documents import Part

MIMETYPE = "application/problem+json"
PREFIX = "/api/"


class Problem(Part):
    """What went wrong: `type` and `code` name the kind, `detail` says what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[str, ...] = ()


class ApiError(BrokerError):  # the market's word; it is an error
    """A request is not one that this interface can be asked; `status` is the answer's."""

    code = "bad-request"

    def __init__(self, status: int, sentence: str, *, hint: str = "") -> None:
        self.status = status
        super().__init__(sentence, hint=hint)


def is_for_programs() -> bool:
    """Say whether a program asks, which reads no pages."""
    return request.path.startswith(PREFIX)


def problem_of(error: BrokerError, status: int) -> Response:
    """Return a market's error as a problem document."""
    status = error.status if isinstance(error, ApiError) else status
    if isinstance(error, SignInNeeded):
        return unknown_caller()
    findings = error.findings if isinstance(error, InvalidInput) else ()
    return problem(status, str(error), error.code, findings)


def unknown_caller() -> Response:
    """Return that nobody knows who asks."""
    said = "Send a token: Authorization: Bearer …"
    response = problem(HTTPStatus.UNAUTHORIZED, said, "token-needed")
    response.headers["WWW-Authenticate"] = 'Bearer realm="capacity broker"'
    return response


def problem(status: int, detail: str, code: str = "", findings: tuple[str, ...] = ()) -> Response:
    """Return a problem document; without a code the status names the kind."""
    title = HTTPStatus(status).phrase
    name = code or title.lower().replace(" ", "-")
    facts: Mapping[str, Any] = {
        "type": f"urn:capacity-broker:problem:{name}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "code": name,
        "errors": list(findings),
    }
    body = json.dumps(facts, ensure_ascii=False) + "\n"
    return Response(body, status=int(status), mimetype=MIMETYPE)
