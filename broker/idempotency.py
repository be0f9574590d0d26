"""One key, one effect, one answer: what a program asks again under a key of its own.

The answer is kept in the transaction of the effect, so neither is ever there without the other.
What was refused had no effect, and is asked anew. Keys are kept for a month.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import CursorResult, delete
from sqlmodel import Session, col

from broker.audit import ActorId
from broker.errors import InvalidInput
from broker.people.tables import ApiAnswerRow

KEPT = dt.timedelta(days=30)


class KeyUsedBefore(InvalidInput):
    """A key names another request than before: one of them would be answered wrong."""

    code: ClassVar[str] = "key-used-before"
    what: ClassVar[str] = "idempotency key"


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """Who asks under which key, and the hash of all that they ask."""

    asker: ActorId
    key: str
    request_sha256: str


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and whether it was given before."""

    text: str
    is_repeated: bool


def answer_once(
    session: Session, request: KeyedRequest, at: dt.datetime, act: Callable[[], str]
) -> Answered:
    """Do what is asked and keep the answer; return the answer that was kept if it was done before.

    Raises: KeyUsedBefore if the key names another request.
    """
    known = session.get(ApiAnswerRow, (request.asker, request.key))
    if known is not None:
        if known.request_sha256 != request.request_sha256:
            finding = "Idempotency-Key: names another request of yours; draw a new key."
            raise KeyUsedBefore(request.key[:64], [finding])
        return Answered(known.answer, is_repeated=True)
    text = act()
    session.add(
        ApiAnswerRow(
            asker=request.asker,
            key=request.key,
            request_sha256=request.request_sha256,
            answer=text,
            answered_at=at,
        )
    )
    session.flush()
    return Answered(text, is_repeated=False)


def forget_answers(session: Session, at: dt.datetime) -> int:
    """Remove the answers that are older than keys are kept, and return how many those were."""
    old = delete(ApiAnswerRow).where(col(ApiAnswerRow.answered_at) <= at - KEPT)
    done: CursorResult[Any] = session.execute(old)  # type: ignore[assignment]  # a DELETE's result
    return done.rowcount
