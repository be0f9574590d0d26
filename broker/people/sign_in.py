"""Signing in: an attempt is counted, the password is looked at, and a session begins.

Looking at a password takes a while on purpose and happens outside any transaction. Whatever is
wrong, the answer and the work are the same.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import ActorId, Change
from broker.db import Database, transact
from broker.errors import WrongSignIn
from broker.people.attempts import Subject, account, count_attempt, forgive_attempt, source
from broker.people.passwords import is_password
from broker.people.persons import store_password
from broker.people.sessions import begin_session
from broker.people.tables import PersonRow
from broker.texts import findings_in_key


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody typed, and where it came from."""

    key: str
    password: str
    address: str
    browser: str = ""


def sign_in(db: Database, attempt: Attempt, secret: str, at: dt.datetime) -> str:
    """Sign somebody in with a new secret for their browser, and return their person id.

    Raises: WrongSignIn without saying what was wrong; TooManyAttempts while one has to wait.
    """
    person = _proven(db, attempt, at)

    def begin(session: Session) -> None:
        current = session.scalars(_active(attempt.key)).first()
        if current is None or current.password_hash != person.password_hash:
            raise _wrong()
        begin_session(session, current, secret, attempt.browser, at)

    transact(db, begin)
    return person.id


def change_password(
    db: Database, actor: Actor, attempt: Attempt, new: str, kept: str, at: dt.datetime
) -> None:
    """Change one's own password, knowing the old one; every other session of the person ends.

    Raises: WrongSignIn, TooManyAttempts; InvalidPerson about the new password.
    """
    require(actor, Action.USE_ACCOUNT)
    person = _proven(db, attempt, at)

    def change(session: Session) -> None:
        current = session.scalars(_active(attempt.key)).first()
        if current is None or current.id != actor.person_id:
            raise _wrong()
        store_password(session, current, new, Change(ActorId(person.id), at), kept)

    transact(db, change)


def _proven(db: Database, attempt: Attempt, at: dt.datetime) -> PersonRow:
    """Return the person whose name and password were typed."""
    subjects = (source(attempt.address), account(attempt.key))
    person = transact(db, lambda session: _count(session, subjects, attempt, at))
    stored = person.password_hash if person else None
    if not is_password(stored, attempt.password) or person is None:
        raise _wrong()
    transact(db, lambda session: _forgive(session, subjects))
    return person


def _count(
    session: Session, subjects: tuple[Subject, ...], attempt: Attempt, at: dt.datetime
) -> PersonRow | None:
    for subject in subjects:
        count_attempt(session, subject, at)
    return session.scalars(_active(attempt.key)).first()


def _forgive(session: Session, subjects: tuple[Subject, ...]) -> None:
    for subject in subjects:
        forgive_attempt(session, subject)


def _active(key: str) -> Select[PersonRow]:
    """Select whoever signs in with a key; what cannot be one is nobody's."""
    typed = key.strip()
    known = "" if any(findings_in_key("key", typed)) else typed
    return select(PersonRow).where(
        col(PersonRow.key) == known, col(PersonRow.disabled_at).is_(None)
    )


def _wrong() -> WrongSignIn:
    return WrongSignIn(
        "Name and password do not belong together.",
        hint="Check both; a platform admin can set another password.",
    )
