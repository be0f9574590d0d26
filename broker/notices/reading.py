"""What people do with their own notices: mark them as read, and choose what they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, func, select, update
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.audit import Change, record
from broker.notices.tables import Channel, NoticeKind, NoticeOptOutRow, NoticeRow
from broker.notices.writing import unless_there

Choice = tuple[NoticeKind, Channel]
"""A kind of notice by a channel."""


def unread_count(session: Session, actor: Actor) -> int:
    """Return how many notices somebody has not read; none for who is no person."""
    if actor.person_id is None:
        return 0
    unread = select(func.count()).where(
        col(NoticeRow.person_id) == actor.person_id,
        col(NoticeRow.in_app) == 1,
        col(NoticeRow.read_at).is_(None),
    )
    return session.scalar(unread) or 0


def mark_read(session: Session, actor: Actor, notice_id: str, at: dt.datetime) -> None:
    """Note that a person has read a notice. Raises: SignInNeeded; NotFound if it is not theirs."""
    person_id = _keeper(actor)
    own = (col(NoticeRow.id) == notice_id, col(NoticeRow.person_id) == person_id)
    if _read(session, own, at):
        record(session, Change(actor.id, at), "notice.read", f"notice:{notice_id}")
    elif session.scalar(select(col(NoticeRow.id)).where(*own)) is None:
        raise nothing_here()


def mark_all_read(session: Session, actor: Actor, until: dt.datetime, at: dt.datetime) -> None:
    """Note that a person has read all notices that were written until a moment."""
    person_id = _keeper(actor)
    own = (col(NoticeRow.person_id) == person_id, col(NoticeRow.written_at) <= until)
    count = _read(session, own, at)
    if count:
        about = f"person:{person_id}"
        record(session, Change(actor.id, at), "notice.all-read", about, count=count)


def _read(session: Session, which: Iterable[ColumnElement[bool]], at: dt.datetime) -> int:
    """Mark notices as read that are not, and return how many those were."""
    unread = update(NoticeRow).where(*which, col(NoticeRow.read_at).is_(None))
    done: CursorResult[Any] = session.execute(unread.values(read_at=at))  # type: ignore[assignment]  # an UPDATE's result
    return done.rowcount


def opted_out(session: Session, actor: Actor) -> frozenset[Choice]:
    """Return what a person does not want to be told, and how."""
    rows = session.execute(
        select(col(NoticeOptOutRow.kind), col(NoticeOptOutRow.channel)).where(
            col(NoticeOptOutRow.person_id) == _person(actor)
        )
    )
    return frozenset((NoticeKind(kind), Channel(channel)) for kind, channel in rows)


def choose(session: Session, actor: Actor, unwanted: Iterable[Choice], at: dt.datetime) -> None:
    """Keep what a person does not want to be told from now on; the rest is wanted."""
    person_id, chosen = _keeper(actor), set(unwanted)
    before = opted_out(session, actor)
    if chosen == before:
        return
    for kind, channel in before - chosen:
        own = (
            col(NoticeOptOutRow.person_id) == person_id,
            col(NoticeOptOutRow.kind) == kind,
            col(NoticeOptOutRow.channel) == channel,
        )
        session.execute(delete(NoticeOptOutRow).where(*own))
    rows = [
        {"person_id": person_id, "kind": kind, "channel": channel, "since": at}
        for kind, channel in sorted(chosen - before)
    ]
    if rows:
        session.execute(unless_there(session, NoticeOptOutRow), rows)
    unwanted_now = sorted(f"{kind}/{channel}" for kind, channel in chosen)
    change = Change(actor.id, at)
    record(session, change, "notice.chosen", f"person:{person_id}", unwanted=unwanted_now)


def _person(actor: Actor) -> str:
    require(actor, Action.READ_NOTICES)
    return str(actor.person_id)


def _keeper(actor: Actor) -> str:
    require(actor, Action.KEEP_NOTICES)
    return str(actor.person_id)
