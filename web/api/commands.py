"""Calls that change something: asked under a key, done once, answered the same for ever.

The key, the effect and the answer are one transaction (broker/idempotency.py). The key is for one
caller, one address and one body.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import Response, request
from pydantic import BaseModel, Field
from sqlmodel import Session

from allocation.wire import canonical_json
from broker.access import Actor
from broker.idempotency import KeyedRequest, answer_once
from broker.policy.documents import Part
from web.api.bodies import read_body
from web.api.callers import caller
from web.api.problems import ApiError
from web.desk import moment, write

B = TypeVar("B", bound=Part)
HEADER, REPEATED = "Idempotency-Key", "Idempotent-Replayed"
BAD_REQUEST = 400
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
Document = Mapping[str, Any]
DONE: Document = {"done": True}


class KeyHeader(BaseModel):
    """The key under which a call that changes something is asked."""

    key: str = Field(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="Drawn by the caller, one for each thing that it wants done.",
    )


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """A call inside its transaction: who asks, when, what, and the parts of the address."""

    session: Session
    actor: Actor
    at: dt.datetime
    body: B
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Command(Generic[B]):
    """A call that changes something: where it is, what it takes, and what it does."""

    method: str
    path: str
    name: str
    tag: str
    schema: type[B]
    work: Callable[[Call[B]], Document]


def post(
    path: str, name: str, tag: str, schema: type[Part], work: Callable[[Call[Any]], Document]
) -> Command[Any]:
    """Return a call that does something."""
    return Command("POST", path, name, tag, schema, work)


def put(
    path: str, name: str, tag: str, schema: type[Part], work: Callable[[Call[Any]], Document]
) -> Command[Any]:
    """Return a call that puts something in the place of what is there."""
    return Command("PUT", path, name, tag, schema, work)


def plainly(service: Callable[..., Any], *names: str) -> Callable[[Call[Any]], Document]:
    """Ask a service that needs no more than what the address names."""

    def work(call: Call[Any]) -> Document:
        service(call.session, call.actor, *(call.where[name] for name in names), call.at)
        return DONE

    return work


def obey(command: Command[B], where: Mapping[str, str]) -> Response:
    """Do what is asked, once, and answer. Raises: as the services that it asks."""
    key, body, actor = _key(), read_body(command.schema), caller()
    content = canonical_json([request.method, request.path, body.model_dump(mode="json")])
    asked = KeyedRequest(actor.id, key, hashlib.sha256(content).hexdigest())

    def act(session: Session) -> tuple[str, bool]:
        at = moment(session)
        call = Call(session, actor, at, body, where)
        done = answer_once(session, asked, at, lambda: _text(command.work(call)))
        return done.text, done.is_repeated

    text, is_repeated = write(act)
    response = Response(text, mimetype="application/json")
    if is_repeated:
        response.headers[REPEATED] = "true"
    return response


def _key() -> str:
    key = request.headers.get(HEADER, "")
    if not _KEY.fullmatch(key):
        said = f"{HEADER}: send 1 to 128 letters, digits and signs without spaces, drawn anew."
        raise ApiError(BAD_REQUEST, said)
    return key


def _text(document: Document) -> str:
    return canonical_json(dict(document)).decode() + "\n"
