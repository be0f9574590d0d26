"""Persons: added, given a password, disabled and enabled again. Their roles stand in grants.py.

A person's key is what they sign in with. Every change is in the audit log under the opaque id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import InvalidPerson, NotFound, Refused
from broker.people.grants import end_all_grants, keep_an_admin
from broker.people.passwords import findings_in_password, hash_password
from broker.people.sessions import end_sessions
from broker.people.tables import PersonRow
from broker.people.tokens import revoke_tokens_of
from broker.texts import findings_in_key, findings_in_text


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to add; without an address they get no mail."""

    key: str
    name: str
    email: str = ""


def add_person(session: Session, actor: Actor, wish: NewPerson, at: dt.datetime) -> bool:
    """Add a person without roles and without a password; False if they were there already.

    Raises: InvalidPerson with every finding; Refused if the key belongs to somebody else.
    """
    require(actor, Action.MANAGE_PEOPLE)
    findings = list(_findings_in_person(wish))
    if findings:
        raise InvalidPerson(wish.key[:64], findings)
    known = session.scalars(select(PersonRow).where(col(PersonRow.key) == wish.key)).first()
    if known is not None:
        _check_same(known, wish)
        return False
    row = PersonRow(
        id=str(uuid4()), key=wish.key, name=wish.name.strip(), email=wish.email, added_at=at
    )
    session.add(row)
    session.flush()
    record(session, Change(actor.id, at), "person.added", f"person:{row.id}")
    return True


def find_person(session: Session, key: str) -> PersonRow:
    """Return a person by the key they sign in with. Raises: NotFound."""
    row = session.scalars(select(PersonRow).where(col(PersonRow.key) == key)).first()
    if row is None:
        raise NotFound(f"There is no person {key[:64]}.", hint="`broker user list` lists them.")
    return row


def set_password(
    session: Session, actor: Actor, key: str, password: str, at: dt.datetime
) -> PersonRow:
    """Give a person another password, and end all their sessions.

    Only the command line may: whoever sets a password can sign in with it, and not even a platform
    admin may look through a team lead's eyes. One's own is changed in sign_in.py.

    Raises: InvalidPerson; NotFound.
    """
    require(actor, Action.SET_PASSWORD)
    row = find_person(session, key)
    store_password(session, row, password, Change(actor.id, at))
    return row


def store_password(
    session: Session, row: PersonRow, password: str, change: Change, kept: str | None = None
) -> None:
    """Store a password and end every session of the person, except the one to be kept.

    Raises: InvalidPerson with every finding.
    """
    findings = list(findings_in_password(password, row.key))
    if findings:
        raise InvalidPerson(row.key, findings)
    row.password_hash = hash_password(password)
    session.add(row)
    ended = end_sessions(session, row.id, change.at, kept=kept)
    record(session, change, "person.password-set", f"person:{row.id}", sessions_ended=ended)


def disable_person(session: Session, actor: Actor, key: str, at: dt.datetime) -> bool:
    """Shut somebody out at once: no session, token or role stays. False if they were already.

    Raises: NotFound; Refused if nobody else could grant a role afterwards.
    """
    require(actor, Action.MANAGE_PEOPLE)
    row = find_person(session, key)
    if row.disabled_at is not None:
        return False
    keep_an_admin(session, row)
    change = Change(actor.id, at)
    end_all_grants(session, row.id, change)
    row.disabled_at = at
    ended = end_sessions(session, row.id, at)
    revoke_tokens_of(session, row.id, change)
    record(session, change, "person.disabled", f"person:{row.id}", sessions_ended=ended)
    return True


def enable_person(session: Session, actor: Actor, key: str, at: dt.datetime) -> bool:
    """Let somebody sign in again, without any role. False if they could already."""
    require(actor, Action.MANAGE_PEOPLE)
    row = find_person(session, key)
    if row.disabled_at is None:
        return False
    row.disabled_at = None
    record(session, Change(actor.id, at), "person.enabled", f"person:{row.id}")
    return True


def _findings_in_person(wish: NewPerson) -> Iterator[str]:
    yield from findings_in_key("key", wish.key)
    yield from findings_in_text("name", wish.name)
    if not wish.name.strip():
        yield "name: is empty; say who it is."
    yield from findings_in_text("email", wish.email)
    if wish.email and not _is_address(wish.email):
        yield f"email: {wish.email[:80]!r} is no address; write it as name@place, without spaces."


def _is_address(text: str) -> bool:
    name, _, place = text.rpartition("@")
    return bool(name and place) and not set(text) & set(' ,;<>"')


def _check_same(known: PersonRow, wish: NewPerson) -> None:
    if (known.name, known.email) != (wish.name.strip(), wish.email):
        raise Refused(
            f"There is a person {wish.key} already, with another name or address.",
            hint="Choose another key.",
        )
