"""Lists for programs: the tables of the screens, stretch by stretch, with cursors.

A cursor is the place of the last row in the list's own order. Programs keep it as it is; one that
was changed names another place or none, and never shows what its caller may not read.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from pydantic import BaseModel, Field, create_model
from sqlmodel import Session

from broker.access import Actor, Role
from broker.audit import ActorId
from broker.dashboards.listings import Kind, Row, Stretch, Table, rows_after
from broker.exports.rows import handed_out, plain
from broker.texts import LARGEST_NUMBER
from web.api.problems import ApiError

MOST_ROWS, USUAL_ROWS = 200, 50
LONGEST_CURSOR = 4000
BAD_REQUEST = 400
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
Build = Callable[..., Table]
"""Makes a table for who asks, from the parts of the address. Raises as the service that it asks."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list: where it is, what its rows are, and what makes its table.

    `sample` is a table of the same columns, for the description of this interface.
    """

    path: str
    name: str
    tag: str
    sample: Table
    build: Build


SOMEBODY = Actor(ActorId("nobody"), "nobody", "", frozenset({Role.SERVICE}))
"""Stands for who asks where only the columns of a list are wanted."""


def of_the_actor(table: Callable[[Actor], Table]) -> Build:
    """Build a list that is of whoever asks."""

    def build(session: Session, actor: Actor, at: dt.datetime) -> Table:
        del session, at
        return table(actor)

    return build


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks of a list."""

    limit: int
    after: tuple[Any, ...] | None
    filters: Mapping[str, str]


def asked(one: ListOf) -> Asked:
    """Read the question in an address. Raises: ApiError for what means nothing here."""
    filters = {column.key for column in one.sample.columns if column.filtered}
    for name in request.args:
        if name not in filters | {"limit", "cursor"} or len(request.args.getlist(name)) > 1:
            known = ", ".join(sorted(filters | {"limit", "cursor"}))
            raise ApiError(
                BAD_REQUEST,
                f"{name[:64]!r} is asked of no list like this, or twice. There are: {known}.",
            )
    cursor = request.args.get("cursor", "")
    return Asked(
        limit=_limit(request.args.get("limit", str(USUAL_ROWS))),
        after=_decoded(cursor) if cursor else None,
        filters={key: request.args[key] for key in filters if key in request.args},
    )


def answer_to(
    session: Session, one: ListOf, actor: Actor, at: dt.datetime, where: Mapping[str, str]
) -> dict[str, Any]:
    """Return a stretch of a list as a document."""
    question = asked(one)
    table = one.build(session, actor, at, **where)
    found = rows_after(session, table, question.filters, question.after, question.limit)
    return {
        "rows": [row_document(table, row) for row in found.rows],
        "next_cursor": _encoded(found) if found.next_after is not None else None,
    }


def row_document(table: Table, row: Row) -> dict[str, Any]:
    """Return a row as programs read it."""
    return {column.key: plain(column, row[column.key]) for column in handed_out(table)}


def query_schema(one: ListOf) -> type[BaseModel]:
    """Return what can be asked of a list."""
    fields: dict[str, Any] = {
        "limit": (int, Field(USUAL_ROWS, ge=1, le=MOST_ROWS)),
        "cursor": (str, Field("", max_length=LONGEST_CURSOR)),
    }
    for column in one.sample.columns:
        if column.filtered:
            fields[column.key] = (str, Field("", max_length=200, description=column.label))
    return create_model(f"{one.name}Query", **fields)


def rows_schema(one: ListOf) -> type[BaseModel]:
    """Return what a list answers with."""
    fields: dict[str, Any] = {
        column.key: (_type_of(column.kind) | None, Field(None, description=column.label))
        for column in handed_out(one.sample)
    }
    row = create_model(f"{one.name}Row", **fields)
    listed: Any = list[row]  # type: ignore[valid-type]  # a schema that is made here
    return create_model(f"{one.name}List", rows=(listed, ...), next_cursor=(str | None, None))


def _type_of(kind: Kind) -> Any:
    if kind in {Kind.COUNT, Kind.MILLISECONDS, Kind.MINUTES}:
        return int
    if kind in {Kind.TIMES, Kind.SHARE}:
        return float
    return {Kind.DAY: dt.date, Kind.INSTANT: dt.datetime}.get(kind, str)


def _limit(text: str) -> int:
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= MOST_ROWS:
        raise ApiError(BAD_REQUEST, f"limit: write a whole number from 1 to {MOST_ROWS}.")
    return limit


def _encoded(found: Stretch) -> str:
    values = [_marked(value) for value in found.next_after or ()]
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[Any, ...]:
    """Return the place that a cursor names. Raises: ApiError."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if len(cursor) > LONGEST_CURSOR or not isinstance(values, list):
            raise ValueError(cursor)  # noqa: TRY301  # one way out for all that is wrong
        return tuple(_unmarked(value) for value in values)
    except (ValueError, RecursionError) as error:
        said = "The cursor is not one of this list; begin without a cursor."
        raise ApiError(BAD_REQUEST, said) from error


def _marked(value: Any) -> Any:
    """Write a value so that its kind stays known."""
    if isinstance(value, dt.datetime):
        return {"at": value.isoformat()}
    return {"on": value.isoformat()} if isinstance(value, dt.date) else value


def _unmarked(value: Any) -> Any:
    """Read what was marked. Raises: ValueError."""
    if value is None:
        return None
    if type(value) is int and abs(value) <= LARGEST_NUMBER * 10**6:
        return value
    if isinstance(value, str) and not _UNWRITABLE.search(value):
        return value
    if isinstance(value, dict) and len(value) == 1:
        (kind, text), *_ = value.items()
        if kind == "on" and isinstance(text, str):
            return dt.date.fromisoformat(text)
        if kind == "at" and isinstance(text, str):
            at = dt.datetime.fromisoformat(text)
            if at.tzinfo is not None and 1 < at.year < dt.MAXYEAR:
                return at
    raise ValueError(value)
