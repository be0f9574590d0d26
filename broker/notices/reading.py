"""What people do with their own notices: mark them as read, and choose what they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.notices.tables import Channel, NoticeKind, NoticeOptOutRow, NoticeRow
from broker.notices.writing import unless_there
from broker.states import changes_one

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
    person_id = _person(actor)
    own = (col(NoticeRow.id) == notice_id, col(NoticeRow.person_id) == person_id)
    first = func.coalesce(col(NoticeRow.read_at), at)
    if not changes_one(session, update(NoticeRow).where(*own).values(read_at=first)):
        raise nothing_here()


def mark_all_read(session: Session, actor: Actor, until: dt.datetime, at: dt.datetime) -> None:
    """Note that a person has read all notices that were written until a moment."""
    own = (
        col(NoticeRow.person_id) == _person(actor),
        col(NoticeRow.read_at).is_(None),
        col(NoticeRow.written_at) <= until,
    )
    session.execute(update(NoticeRow).where(*own).values(read_at=at))


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
    person_id, chosen = _person(actor), set(unwanted)
    before = opted_out(session, actor)
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


def _person(actor: Actor) -> str:
    require(actor, Action.READ_NOTICES)
    return str(actor.person_id)
