"""The blueprint of /api/v1: every list, document and call, and the description of them all.

The description is OpenAPI 3.1, written by spectree from the same schemas by which bodies are read.
Pages about it that would load scripts from elsewhere are not served.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, create_model
from spectree import Response as Answers
from spectree import SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from broker.errors import BrokerError
from web.api.callers import caller, recognise
from web.api.commands import KeyHeader, obey
from web.api.lists import answer_to, query_schema, rows_schema
from web.api.problems import MIMETYPE, Problem, problem_of
from web.api.reads import DOCUMENTS, LISTS
from web.api.writes import COMMANDS
from web.desk import market, now
from web.errors import status_of

DESCRIPTION = (
    "An internal market for compute, expert hours and data access. Send a token as a bearer token; "
    "every call that changes something carries an Idempotency-Key and is answered once under it. "
    "Lists hand out a cursor to what comes next. Errors are problem documents (RFC 9457)."
)
REFUSALS = {f"HTTP_{status}": Problem for status in (400, 401, 403, 404, 409, 422, 429, 500, 503)}
CHANGE_REFUSALS = {**REFUSALS, "HTTP_413": Problem, "HTTP_415": Problem}
BEARER = SecuritySchemeData(type=SecureType.HTTP, scheme="bearer")
CLIENT_ERROR = 400
spec = SpecTree(
    "flask",
    title="Capacity broker",
    description=DESCRIPTION,
    version="1",
    mode="strict",
    page_templates={},
    security_schemes=[SecurityScheme(name="token", data=BEARER)],
    security={"token": []},
    naming_strategy=lambda schema: schema.__name__,
)
api = Blueprint("api", __name__, url_prefix="/api/v1")


class AnyDocument(BaseModel):
    """A document whose keys are those of the thing that it describes."""

    model_config = ConfigDict(extra="allow")


def _refused(error: BrokerError) -> Response:
    return problem_of(error, status_of(error))


def _known() -> None:
    if request.endpoint != "api.openapi":
        recognise()


@api.get("/openapi.json")
def openapi() -> Response:
    """Hand out the description of this interface."""
    return _json(_described(spec.spec))


def _described(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the description with problems under the type by which they are sent."""
    said: dict[str, Any] = json.loads(json.dumps(document))
    for path in said["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if int(status) >= CLIENT_ERROR and "application/json" in content:
                    content[MIMETYPE] = content.pop("application/json")
    return said


def _json(document: Mapping[str, Any]) -> Response:
    body = json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"
    return Response(body, mimetype="application/json")


def _add(
    method: str, path: str, name: str, view: Callable[..., Response], **described: Any
) -> None:
    """Serve a view under the name of what it does, and describe it."""
    view.__name__, view.__doc__ = name, described.pop("about")
    documented = spec.validate(skip_validation=True, operation_id=name, **described)(view)
    api.add_url_rule(path, name, documented, methods=[method])


def _add_lists() -> None:
    for one in LISTS:

        def view(one: Any = one, **where: Any) -> Response:
            with market() as session:
                return _json(answer_to(session, one, caller(), now(), where))

        answers = Answers(HTTP_200=rows_schema(one), **REFUSALS)
        _add(
            "GET",
            one.path,
            f"List{one.name}",
            view,
            query=query_schema(one),
            resp=answers,
            tags=[one.tag],
            about=f"{one.sample.caption}.",
        )


def _add_documents() -> None:
    for one in DOCUMENTS:

        def view(one: Any = one, **where: Any) -> Response:
            with market() as session:
                return _json(one.read(session, caller(), now(), **where))

        schema = create_model(one.name, __base__=AnyDocument)
        answers = Answers(HTTP_200=schema, **REFUSALS)
        _add(
            "GET",
            one.path,
            f"Read{one.name}",
            view,
            resp=answers,
            tags=[one.tag],
            about=f"{one.name}.",
        )


def _add_commands() -> None:
    for one in COMMANDS:

        def view(one: Any = one, **where: Any) -> Response:
            return obey(one, where)

        answers = Answers(HTTP_200=AnyDocument, **CHANGE_REFUSALS)
        _add(
            one.method,
            one.path,
            one.name,
            view,
            json=one.schema,
            headers=KeyHeader,
            resp=answers,
            tags=[one.tag],
            about=one.schema.__doc__ or one.name,
        )


api.before_request(_known)
api.register_error_handler(BrokerError, _refused)
_add_lists()
_add_documents()
_add_commands()
