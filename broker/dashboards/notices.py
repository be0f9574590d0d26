"""A person's own notices, and what they want to be told."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import case, select
from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.dashboards.listings import Column, Kind, Listing, Question, list_rows
from broker.dashboards.listings import Table as Asked
from broker.notices.reading import Choice, opted_out, unread_count
from broker.notices.tables import Channel, NoticeKind, NoticeRow
from broker.people.tables import PersonRow
from broker.tables import Table

NOTICE = Table.metadata.tables[str(NoticeRow.__tablename__)]
UNREAD, READ = "unread", "read"
COLUMNS = (
    Column("id", "Notice", Kind.KEY, shown=False),
    Column("sentence", "What", filtered=True),
    Column("kind", "Kind", Kind.CHOICE, choices=tuple(NoticeKind), filtered=True),
    Column("written_at", "Since", Kind.INSTANT),
    Column("standing", "Read", Kind.CHOICE, choices=(UNREAD, READ), filtered=True),
    Column("path", "Where", Kind.KEY, shown=False),
)


@dataclass(frozen=True, slots=True)
class NoticesScreen:
    """What somebody was told, the newest first; `now` is until when it is complete."""

    now: dt.datetime
    unread: int
    notices: Listing


@dataclass(frozen=True, slots=True)
class SettingsScreen:
    """What somebody wants to be told, and how; `address` is where mails go, if anywhere."""

    address: str
    unwanted: frozenset[Choice]

    def wants(self, kind: NoticeKind, channel: Channel) -> bool:
        """Say whether a kind of notice is wanted by a channel."""
        return (kind, channel) not in self.unwanted


def notices_screen(
    session: Session, actor: Actor, question: Question, now: dt.datetime
) -> NoticesScreen:
    """Return a person's own notices. Raises: SignInNeeded."""
    listing = list_rows(session, notice_table(actor), question)
    return NoticesScreen(now, unread_count(session, actor), listing)


def notice_table(actor: Actor) -> Asked:
    """Return the table of a person's own notices. Raises: SignInNeeded."""
    require(actor, Action.READ_NOTICES)
    standing = case((NOTICE.c.read_at.is_(None), UNREAD), else_=READ)
    rows = select(
        NOTICE.c.id,
        NOTICE.c.sentence,
        NOTICE.c.kind,
        NOTICE.c.written_at,
        standing.label("standing"),
        NOTICE.c.path,
    ).where(NOTICE.c.person_id == actor.person_id, NOTICE.c.in_app == 1)
    return Asked("notices", "What you were told", COLUMNS, rows, ("-written_at", "sentence", "id"))


def settings_screen(session: Session, actor: Actor) -> SettingsScreen:
    """Return what somebody wants to be told. Raises: SignInNeeded."""
    unwanted = opted_out(session, actor)
    person = session.get_one(PersonRow, actor.person_id)
    return SettingsScreen(person.email, unwanted)
