"""Forgetting a person: what says who they were goes, what they did stays under their opaque id.

The audit log holds no name, only a hash of the person's row behind a salt. The salt goes with the
name, so that nobody can try names against the hash, and the log still verifies.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlmodel import Session, col

from broker.access import Action, Actor, Role, require
from broker.audit import Change, record
from broker.errors import Refused
from broker.notices.tables import DigestRow, NoticeOptOutRow, NoticeRow
from broker.people.persons import find_person
from broker.people.tables import PersonIdentityRow, PersonRow, PersonSessionRow
from broker.proofs.tables import SaltRow

NAME = "Erased person"
SHORT = 8
"""How much of the opaque id stands in the key of whoever was erased."""


def erase_person(
    session: Session, actor: Actor, key: str, approver: Actor, at: dt.datetime
) -> PersonRow:
    """Take name, key, address, password, browsers and notices of a disabled person away, for good.

    Raises: NotFound; NotAllowed; Refused if nobody else approves it, or if they may sign in still.
    """
    require(actor, Action.MANAGE_PEOPLE)
    row = find_person(session, key)
    _check_approver(row, actor, approver)
    if row.disabled_at is None:
        raise Refused(f"{key} may still sign in.", hint=f"`broker user disable {key}` comes first.")
    row.key, row.name = f"erased-{row.id[:SHORT]}", NAME
    row.email, row.password_hash = "", None
    _forget_traces(session, row.id)
    record(session, Change(actor.id, at), "person.erased", f"person:{row.id}", approver=approver.id)
    return row


def _check_approver(row: PersonRow, actor: Actor, approver: Actor) -> None:
    is_another = approver.id not in {actor.id, row.id} and approver.person_id != row.id
    if Role.PLATFORM_ADMIN not in approver.roles or not is_another:
        raise Refused(
            f"Nobody who may approves that {row.key} is erased.",
            hint="Name a platform admin who neither asks for it nor is erased.",
        )


def _forget_traces(session: Session, person_id: str) -> None:
    """Forget what else tells about a person: browsers, notices, mails, and the salt of the hash."""
    browsers = update(PersonSessionRow).where(col(PersonSessionRow.person_id) == person_id)
    session.execute(browsers.values(browser=""))
    for table in (NoticeRow, NoticeOptOutRow, DigestRow):
        session.execute(delete(table).where(col(table.person_id) == person_id))
    session.execute(delete(SaltRow).where(_salts(person_id)))
    identity = PersonIdentityRow
    session.execute(delete(identity).where(col(identity.person_id) == person_id))


def _salts(person_id: str) -> ColumnElement[bool]:
    """Return which salts are of a person's row, and of the identities that it is linked to."""
    identities = select(col(PersonIdentityRow.id)).where(
        col(PersonIdentityRow.person_id) == person_id
    )
    salt = SaltRow
    own = and_(col(salt.table_name) == "person", col(salt.row_key) == person_id)
    linked = and_(col(salt.table_name) == "person_identity", col(salt.row_key).in_(identities))
    return or_(own, linked)
