"""Whom the company's provider means: accounts linked to a subject of an issuer alone.

An address or a name that the provider tells links nobody: who controls those there could become
somebody here. A subject that nobody has gets an account of its own, without a role; an account that
was there before is linked at the command line.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.config import SingleSignOn
from broker.db import Database, transact
from broker.errors import InvalidPerson, InvalidSettings, Refused, WrongSignIn
from broker.people.directories import DIRECTORY, GroupRole, follow_groups
from broker.people.persons import NewPerson, add_person, find_person
from broker.people.sessions import begin_session
from broker.people.tables import PersonIdentityRow, PersonRow
from broker.texts import findings_in_key

if TYPE_CHECKING:
    from broker.people.providers import Provider

LONGEST_SUBJECT = 255
"""Source: OpenID Connect Core 1.0, section 2."""
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom the provider vouches for: an opaque subject of an issuer, names, and groups."""

    issuer: str
    subject: str
    username: str
    name: str
    email: str
    groups: frozenset[str]


def provider_of(settings: SingleSignOn) -> Provider:
    """Return the company's provider. Raises: InvalidSettings if what it needs is not installed."""
    try:
        from broker.people.providers import Provider  # noqa: PLC0415  # an extra of the package
    except ImportError as error:
        hint = "Run pip install 'capacity-broker[oidc]'."
        raise InvalidSettings("The company's sign-in needs the extra oidc.", hint=hint) from error
    return Provider(settings)


def sign_on(
    db: Database,
    claimed: Claimed,
    meanings: Sequence[GroupRole],
    secret: str,
    browser: str,
    at: dt.datetime,
) -> str:
    """Sign in whom the provider vouches for, with a new secret for their browser.

    Returns the person's id. Raises: WrongSignIn for somebody who is disabled; Refused if an account
    of that name is there and not linked.
    """

    def work(session: Session) -> str:
        person = _linked(session, claimed.issuer, claimed.subject) or _added(session, claimed, at)
        if person.disabled_at is not None:
            sentence = "Your account here is disabled."
            raise WrongSignIn(sentence, hint="A platform admin can say why.")
        follow_groups(session, person, claimed.groups, meanings, at)
        begin_session(session, person, secret, browser, at)
        return person.id

    return transact(db, work)


def link_identity(
    session: Session, actor: Actor, key: str, issuer: str, subject: str, at: dt.datetime
) -> bool:
    """Let a person sign in as a subject of an issuer. False if they could already.

    Only the command line may, as with passwords: whoever links an account can sign in to it.

    Raises: NotFound; InvalidPerson; Refused if either is linked otherwise.
    """
    require(actor, Action.SET_PASSWORD)
    if not 0 < len(subject) <= LONGEST_SUBJECT:
        finding = f"subject: has {len(subject)} signs; use 1 to {LONGEST_SUBJECT}."
        raise InvalidPerson(key, [finding])
    person = find_person(session, key)
    known = _linked(session, issuer, subject)
    if known is not None and known.id == person.id:
        return False
    if known is not None:
        raise Refused("Somebody else signs in as that subject.", hint="Is it the right one?")
    row = PersonIdentityRow
    other = select(row).where(col(row.person_id) == person.id, col(row.issuer) == issuer)
    if session.scalars(other).first() is not None:
        raise Refused(f"{key} signs in as another subject.", hint="Is it the right person?")
    _link(session, person, issuer, subject, Change(actor.id, at))
    return True


def _linked(session: Session, issuer: str, subject: str) -> PersonRow | None:
    row = PersonIdentityRow
    return session.scalars(
        select(PersonRow)
        .join(row, col(row.person_id) == col(PersonRow.id))
        .where(col(row.issuer) == issuer, col(row.subject) == subject)
    ).first()


def _added(session: Session, claimed: Claimed, at: dt.datetime) -> PersonRow:
    """Add an account for a subject that nobody has."""
    if not 0 < len(claimed.subject) <= LONGEST_SUBJECT:
        raise WrongSignIn("The company's sign-in does not say who you are.")
    fallback = f"person-{uuid4().hex[:8]}"
    key = fallback if any(findings_in_key("key", claimed.username)) else claimed.username
    taken = select(PersonRow).where(col(PersonRow.key) == key)
    if session.scalars(taken).first() is not None:
        raise Refused(
            f"There is an account {key} here already, and nothing says that it is yours.",
            hint="Ask whoever runs this market to link it: `broker user link`.",
        )
    name = "".join(sign for sign in claimed.name if sign.isprintable()).strip()[:LONGEST_NAME]
    try:
        add_person(session, DIRECTORY, NewPerson(key, name or key, claimed.email), at)
    except InvalidPerson:  # an address that is none: they get no mail
        add_person(session, DIRECTORY, NewPerson(key, name or key), at)
    person = find_person(session, key)
    _link(session, person, claimed.issuer, claimed.subject, Change(DIRECTORY.id, at))
    return person


def _link(session: Session, person: PersonRow, issuer: str, subject: str, change: Change) -> None:
    row = PersonIdentityRow(
        id=str(uuid4()), issuer=issuer, subject=subject, person_id=person.id, linked_at=change.at
    )
    session.add(row)
    session.flush()
    record(session, change, "identity.linked", f"person:{person.id}", identity_id=row.id)
