"""Telling people: a notice for everybody who wants it, in the transaction of what causes it.

A person is told once about a thing, by the key of the notice, however often the cause is repeated
and from however many hosts. Disabled people are told nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from broker.notices.tables import Channel, NoticeKind, NoticeOptOutRow, NoticeRow
from broker.people.standing import in_force
from broker.people.tables import PersonRow, RoleGrantRow


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody should know, in a sentence, and where in the market it stands.

    `subject` is what it is about: a person hears once of each subject and kind.
    """

    kind: NoticeKind
    subject: str
    sentence: str
    path: str

    @property
    def key(self) -> str:
        """Return what makes the notice the same one if its cause is repeated."""
        return key_of(self.kind, self.subject)


def key_of(kind: NoticeKind, subject: str) -> str:
    """Return the key of a notice of a kind about something."""
    return f"{kind}/{subject}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person who may be told; without an address there is no mail."""

    person_id: str
    has_address: bool


def holders(
    session: Session, *which: ColumnElement[bool], besides: Iterable[str] = ()
) -> tuple[Recipient, ...]:
    """Return the people with a role in force of which all conditions hold, besides some."""
    people = (
        select(col(PersonRow.id), col(PersonRow.email))
        .join(RoleGrantRow, col(RoleGrantRow.person_id) == col(PersonRow.id))
        .where(in_force(), col(PersonRow.disabled_at).is_(None), *which)
        .distinct()
        .order_by(col(PersonRow.id))
    )
    left_out = frozenset(besides)
    rows = session.execute(people)
    return tuple(Recipient(id_, bool(email)) for id_, email in rows if id_ not in left_out)


def persons(session: Session, ids: Iterable[str]) -> tuple[Recipient, ...]:
    """Return some people by their ids, whatever roles they have."""
    named = select(col(PersonRow.id), col(PersonRow.email)).where(
        col(PersonRow.id).in_(list(ids)), col(PersonRow.disabled_at).is_(None)
    )
    rows = session.execute(named.order_by(col(PersonRow.id)))
    return tuple(Recipient(id_, bool(email)) for id_, email in rows)


def tell(session: Session, people: Iterable[Recipient], notice: Notice, at: dt.datetime) -> None:
    """Write a notice for each of some people, by the channels that they want for its kind."""
    recipients = tuple(people)
    opted_out = _opted_out(session, notice.kind, [one.person_id for one in recipients])
    rows = list(_rows(recipients, notice, opted_out, at))
    if rows:
        session.execute(unless_there(session, NoticeRow), rows)


def settle(session: Session, kind: NoticeKind, subject: str, at: dt.datetime) -> None:
    """Take a notice off everybody's list of unread ones: somebody did what it asked for."""
    unread = (col(NoticeRow.key) == key_of(kind, subject), col(NoticeRow.read_at).is_(None))
    session.execute(
        update(NoticeRow).where(*unread).values(read_at=at),
        execution_options={"synchronize_session": False},
    )


def settle_all(
    session: Session, kind: NoticeKind, about: str, at: dt.datetime, *, person_id: str = ""
) -> None:
    """Take notices off the lists of unread ones whose subject begins with something.

    Off everybody's list, or off that of one person.
    """
    begun = [col(NoticeRow.key).startswith(key_of(kind, about), autoescape=True)]
    if person_id:
        begun.append(col(NoticeRow.person_id) == person_id)
    session.execute(
        update(NoticeRow).where(*begun, col(NoticeRow.read_at).is_(None)).values(read_at=at),
        execution_options={"synchronize_session": False},
    )


def unless_there(session: Session, table: type[Any]) -> Insert:
    """Return the statement that inserts rows and skips those whose keys are there already."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _opted_out(
    session: Session, kind: NoticeKind, person_ids: list[str]
) -> frozenset[tuple[str, str]]:
    found = session.execute(
        select(col(NoticeOptOutRow.person_id), col(NoticeOptOutRow.channel)).where(
            col(NoticeOptOutRow.kind) == kind, col(NoticeOptOutRow.person_id).in_(person_ids)
        )
    )
    return frozenset((person_id, channel) for person_id, channel in found)


def _rows(
    people: Iterable[Recipient],
    notice: Notice,
    opted_out: frozenset[tuple[str, str]],
    at: dt.datetime,
) -> Iterator[dict[str, Any]]:
    for one in people:
        in_app = (one.person_id, Channel.IN_APP) not in opted_out
        by_mail = one.has_address and (one.person_id, Channel.MAIL) not in opted_out
        if in_app or by_mail:
            yield {
                "id": str(uuid4()),
                "person_id": one.person_id,
                "kind": notice.kind,
                "key": notice.key,
                "sentence": notice.sentence,
                "path": notice.path,
                "written_at": at,
                "in_app": int(in_app),
                "by_mail": int(by_mail),
            }
