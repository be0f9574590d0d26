"""Sessions: where a person is signed in, kept by the server, ended at once when it has to be.

A browser holds a secret of 256 bits; stored is its SHA-256 only. A session ends by itself when it
was idle too long, and at the latest after a working day; a month later it is forgotten, by the
tick. Nothing here knows a cookie.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, func, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from broker.audit import ActorId, Change, record
from broker.people.tables import PersonRow, PersonSessionRow

IDLE = dt.timedelta(hours=2)
ABSOLUTE = dt.timedelta(hours=12)
SEEN_EVERY = dt.timedelta(minutes=5)
"""How exactly it is kept when a session was seen last; every note of it is a write."""
LONGEST_BROWSER = 160
KEPT = dt.timedelta(days=30)
"""How long a session is remembered that is over; the newest one of each person stays."""


@dataclass(frozen=True, slots=True)
class SessionBrief:
    """One session as its person sees it."""

    id: str
    began_at: dt.datetime
    seen_at: dt.datetime
    ends_at: dt.datetime
    browser: str


def is_live(at: dt.datetime) -> ColumnElement[bool]:
    """Return the condition that a session still counts at a moment."""
    row = PersonSessionRow
    return and_(col(row.ended_at).is_(None), col(row.ends_at) > at, col(row.seen_at) > at - IDLE)


def hashed(secret: str) -> str:
    """Return what is stored of a browser's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_session(
    session: Session, person: PersonRow, secret: str, browser: str, at: dt.datetime
) -> str:
    """Sign a person in with a secret that nobody has yet, and return the session's id."""
    row = PersonSessionRow(
        id=str(uuid4()),
        secret_sha256=hashed(secret),
        person_id=person.id,
        began_at=at,
        seen_at=at,
        ends_at=at + ABSOLUTE,
        browser="".join(sign for sign in browser if sign.isprintable())[:LONGEST_BROWSER],
    )
    session.add(row)
    session.flush()
    change = Change(ActorId(person.id), at)
    record(session, change, "session.began", f"person:{person.id}", session_id=row.id)
    return row.id


def see_session(session: Session, session_id: str, at: dt.datetime) -> None:
    """Note that a session is in use; no event, as nothing that counts has changed."""
    row = PersonSessionRow
    later = and_(col(row.id) == session_id, col(row.seen_at) < at)
    session.execute(update(row).where(later).values(seen_at=at))


def end_session(session: Session, person_id: str, session_id: str, at: dt.datetime) -> bool:
    """Sign a person out of one of their sessions; False if it is none, or ended already."""
    row = PersonSessionRow
    if not _end(session, and_(col(row.person_id) == person_id, col(row.id) == session_id), at):
        return False
    change = Change(ActorId(person_id), at)
    record(session, change, "session.ended", f"person:{person_id}", session_id=session_id)
    return True


def end_sessions(
    session: Session, person_id: str, at: dt.datetime, *, kept: str | None = None
) -> int:
    """End every session of a person but the one to be kept, and return how many that were.

    The event is the caller's: it says why.
    """
    row = PersonSessionRow
    others = and_(col(row.person_id) == person_id, col(row.id) != (kept or ""))
    return _end(session, others, at)


def end_other_sessions(session: Session, person_id: str, kept: str, at: dt.datetime) -> int:
    """Sign a person out everywhere else, and return of how many sessions."""
    ended = end_sessions(session, person_id, at, kept=kept)
    if ended:
        change = Change(ActorId(person_id), at)
        record(session, change, "session.others-ended", f"person:{person_id}", count=ended)
    return ended


def forget_sessions(session: Session, change: Change) -> int:
    """Remove the sessions that are over for long, and return how many those were.

    The newest one of each person stays, because it says when they signed in last.
    """
    row, newer = PersonSessionRow, aliased(PersonSessionRow)
    over = func.coalesce(col(row.ended_at), col(row.ends_at)) <= change.at - KEPT
    has_newer = exists().where(
        col(newer.person_id) == col(row.person_id), col(newer.began_at) > col(row.began_at)
    )
    done: CursorResult[Any] = session.execute(delete(row).where(over, has_newer))  # type: ignore[assignment]  # a DELETE's result
    if done.rowcount:
        record(session, change, "session.forgotten", "sessions", count=done.rowcount)
    return done.rowcount


def sessions_of(session: Session, person_id: str, at: dt.datetime) -> list[SessionBrief]:
    """Return where a person is signed in, the session seen last first."""
    row = PersonSessionRow
    rows = session.scalars(
        select(row)
        .where(is_live(at), col(row.person_id) == person_id)
        .order_by(col(row.seen_at).desc(), col(row.id))
    )
    return [SessionBrief(r.id, r.began_at, r.seen_at, r.ends_at, r.browser) for r in rows]


def _end(session: Session, which: ColumnElement[bool], at: dt.datetime) -> int:
    row = PersonSessionRow
    done: CursorResult[Any] = session.execute(  # type: ignore[assignment]  # an UPDATE's result
        update(row).where(col(row.ended_at).is_(None), which).values(ended_at=at)
    )
    return done.rowcount
