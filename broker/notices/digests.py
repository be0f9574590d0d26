"""The mail of a person and day: what goes into it, who may send it, and what became of it.

A day's mail is due from `DIGEST_AT` on, if there is anything unread to say. Claiming it fixes what
it says and takes a lease in one transaction: the unique person and day let one host begin it, the
guarded update lets one host at a time try again. What could not be sent until the next day's mail
is due goes into that one. A host that dies between the mail server's answer and the note of it
leaves the mail to be sent again, under the same message id.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlmodel import Session, col

from broker.notices.tables import (
    Channel,
    DigestRow,
    DigestState,
    NoticeKind,
    NoticeOptOutRow,
    NoticeRow,
)
from broker.notices.writing import unless_there
from broker.people.tables import PersonRow
from broker.states import changes_one

DIGEST_AT = dt.time(7, tzinfo=dt.UTC)
"""When a day's mails are due: in the morning, in UTC."""
LEASE = dt.timedelta(minutes=5)
FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=1)
"""How long a mail waits after it could not be sent: twice as long each time, up to this."""


@dataclass(frozen=True, slots=True)
class Line:
    """One notice in a mail."""

    kind: NoticeKind
    sentence: str
    path: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A mail that is ours to send until the lease ends; `attempts` says whose it is."""

    id: str
    person_id: str
    day: dt.date
    attempts: int
    name: str
    address: str
    lines: tuple[Line, ...]


def people_due(session: Session, at: dt.datetime) -> list[str]:
    """Return the people for whom there may be a mail to send now."""
    pending = select(col(DigestRow.person_id)).where(_is_free(at))
    people = select(col(PersonRow.id)).where(_gets_mail())
    due: ColumnElement[bool] = col(PersonRow.id).in_(pending)
    if _is_morning_over(at):
        of_today = exists().where(
            col(DigestRow.person_id) == col(PersonRow.id), col(DigestRow.day) == _day(at)
        )
        waiting = exists().where(col(NoticeRow.person_id) == col(PersonRow.id), _waits())
        due = or_(due, and_(waiting, ~of_today))
    return list(session.scalars(people.where(due).order_by(col(PersonRow.id))))


def claim_digest(session: Session, person_id: str, at: dt.datetime) -> Digest | None:
    """Take the right to send a person's mail; None if nothing is due, or another host has it."""
    person = session.scalars(
        select(PersonRow).where(col(PersonRow.id) == person_id, _gets_mail())
    ).first()
    if person is None:
        return None
    row = _newest(session, person_id)
    if _is_morning_over(at) and (row is None or row.day < _day(at)):
        row = _begin(session, person_id, row, at)
    elif row is None or not _take_over(session, row, at):
        row = None
    return _digest(session, row, person) if row else None


def note_sent(session: Session, digest: Digest, at: dt.datetime) -> bool:
    """Note that a mail was taken by the mail server; False if another host took over meanwhile."""
    done = update(DigestRow).where(*_ours(digest))
    return changes_one(
        session, done.values(state=DigestState.SENT, sent_at=at, sending_until=None, failure="")
    )


def note_failed(session: Session, digest: Digest, why: str, at: dt.datetime) -> bool:
    """Note why a mail could not be sent, and when it is tried again; False as `note_sent`."""
    pause = min(FIRST_PAUSE * (1 << min(digest.attempts - 1, 10)), LONGEST_PAUSE)
    failed = update(DigestRow).where(*_ours(digest))
    return changes_one(
        session, failed.values(failure=why, next_try_at=at + pause, sending_until=None)
    )


# --- claiming --------------------------------------------------------------------------------


def _begin(
    session: Session, person_id: str, before: DigestRow | None, at: dt.datetime
) -> DigestRow | None:
    """Begin the mail of today, with what is unread and what an earlier mail could not bring."""
    if (
        before is not None
        and before.state == DigestState.PENDING
        and not _give_up(session, before, at)
    ):
        return None
    waiting = and_(col(NoticeRow.person_id) == person_id, _waits())
    if session.scalars(select(col(NoticeRow.id)).where(waiting).limit(1)).first() is None:
        return None
    row = {
        "id": str(uuid4()),
        "person_id": person_id,
        "day": _day(at),
        "state": DigestState.PENDING,
        "attempts": 1,
        "next_try_at": at,
        "sending_until": at + LEASE,
        "failure": "",
    }
    begun = session.execute(unless_there(session, DigestRow).returning(col(DigestRow.id)), [row])
    if begun.first() is None:
        return None
    session.execute(update(NoticeRow).where(waiting).values(digest_id=row["id"]))
    return session.get_one(DigestRow, row["id"])


def _give_up(session: Session, before: DigestRow, at: dt.datetime) -> bool:
    """Let what an earlier mail could not bring wait for the next; False while it is being sent."""
    is_ours = and_(col(DigestRow.id) == before.id, _is_pending(), _nobody_sends(at))
    given_up = update(DigestRow).where(is_ours)
    if not changes_one(session, given_up.values(state=DigestState.MERGED, sending_until=None)):
        return False
    carried = update(NoticeRow).where(col(NoticeRow.digest_id) == before.id)
    session.execute(carried.values(digest_id=None))
    return True


def _take_over(session: Session, row: DigestRow, at: dt.datetime) -> bool:
    """Try a mail again that could not be sent, or that its host never noted as sent."""
    free = update(DigestRow).where(col(DigestRow.id) == row.id, _is_free(at))
    taken = changes_one(
        session, free.values(attempts=col(DigestRow.attempts) + 1, sending_until=at + LEASE)
    )
    session.refresh(row)
    return taken


def _newest(session: Session, person_id: str) -> DigestRow | None:
    own = select(DigestRow).where(col(DigestRow.person_id) == person_id)
    return session.scalars(own.order_by(col(DigestRow.day).desc()).limit(1)).first()


def _digest(session: Session, row: DigestRow, person: PersonRow) -> Digest:
    notices = select(NoticeRow).where(col(NoticeRow.digest_id) == row.id)
    lines = session.scalars(notices.order_by(col(NoticeRow.written_at), col(NoticeRow.key)))
    return Digest(
        id=row.id,
        person_id=person.id,
        day=row.day,
        attempts=row.attempts,
        name=person.name,
        address=person.email,
        lines=tuple(Line(NoticeKind(one.kind), one.sentence, one.path) for one in lines),
    )


# --- conditions ------------------------------------------------------------------------------


def _gets_mail() -> ColumnElement[bool]:
    return and_(col(PersonRow.disabled_at).is_(None), col(PersonRow.email) != "")


def _waits() -> ColumnElement[bool]:
    """Return the condition that a notice is still to be mailed, if nobody read it meanwhile."""
    opted_out = exists().where(
        col(NoticeOptOutRow.person_id) == col(NoticeRow.person_id),
        col(NoticeOptOutRow.kind) == col(NoticeRow.kind),
        col(NoticeOptOutRow.channel) == Channel.MAIL,
    )
    return and_(
        col(NoticeRow.by_mail) == 1,
        col(NoticeRow.read_at).is_(None),
        col(NoticeRow.digest_id).is_(None),
        ~opted_out,
    )


def _is_pending() -> ColumnElement[bool]:
    return col(DigestRow.state) == DigestState.PENDING


def _nobody_sends(at: dt.datetime) -> ColumnElement[bool]:
    lease = col(DigestRow.sending_until)
    return or_(lease.is_(None), lease <= at)


def _is_free(at: dt.datetime) -> ColumnElement[bool]:
    """Return the condition that a mail waits to be sent again, and nobody is sending it."""
    return and_(_is_pending(), _nobody_sends(at), col(DigestRow.next_try_at) <= at)


def _ours(digest: Digest) -> tuple[ColumnElement[bool], ...]:
    return (
        col(DigestRow.id) == digest.id,
        col(DigestRow.attempts) == digest.attempts,
        _is_pending(),
    )


def _day(at: dt.datetime) -> dt.date:
    return at.astimezone(dt.UTC).date()


def _is_morning_over(at: dt.datetime) -> bool:
    return at.astimezone(dt.UTC).timetz() >= DIGEST_AT
