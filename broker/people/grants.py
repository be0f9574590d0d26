"""Grants of roles: one person proposes, another approves, anybody who may grant ends them at once.

The database holds the second person to be another one; what a role may do stands in access.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, and_, select
from sqlmodel import Session, col

from broker.access import Action, Actor, Role, TeamRole, require
from broker.audit import Change, record
from broker.errors import InvalidPerson, NotAllowed, NotFound, Refused
from broker.notices.causes import settle_grant, tell_grant_proposed
from broker.people.sessions import end_sessions
from broker.people.standing import POOL_OWNER, in_force
from broker.people.tables import FIRST_ADMIN, GRANTED, TWO_PERSONS, PersonRow, RoleGrantRow
from broker.tables import PoolRow, TeamRow

LAST_ADMIN = "Nobody could grant a role afterwards; let another platform admin come first."


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for a person, in the team or for the pool that it needs, by their keys."""

    person_key: str
    role: str
    team_key: str | None = None
    pool_key: str | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """What a proposal came to. `is_new` is False where the same was there already."""

    id: str
    is_in_force: bool
    is_new: bool


def propose_grant(session: Session, actor: Actor, wish: Grant, at: dt.datetime) -> Granted:
    """Propose a role, which is in force once a second person approves it.

    The first platform admin needs nobody: there is none who could approve.

    Raises: InvalidPerson if the role lacks its team or pool; NotFound; Refused for somebody who
    is disabled.
    """
    require(actor, Action.GRANT_ROLE)
    person, team_id, pool_id = _look_up(session, wish)
    live = _live(session, person, wish.role, team_id, pool_id)
    if live is not None:
        return Granted(live.id, _counts(live), is_new=False)
    row = RoleGrantRow(
        id=str(uuid4()),
        person_id=person.id,
        role=wish.role,
        team_id=team_id,
        pool_id=pool_id,
        basis=_basis(session, wish),
        proposed_by=actor.id,
        proposed_at=at,
    )
    session.add(row)
    session.flush()
    _record(session, "role.proposed", row, Change(actor.id, at), basis=row.basis)
    if not _counts(row):
        tell_grant_proposed(session, row.id, {row.proposed_by, row.person_id}, at)
    return Granted(row.id, _counts(row), is_new=True)


def approve_grant(session: Session, actor: Actor, grant_id: str, at: dt.datetime) -> bool:
    """Put a proposed role in force, as the second person. False if it was in force already.

    Raises: NotFound; NotAllowed for whoever proposed it, is to get it, or is no person.
    """
    require(actor, Action.GRANT_ROLE)
    row = _open_grant(session, grant_id)
    if _counts(row):
        return False
    if actor.person_id is None or actor.id in {row.proposed_by, row.person_id}:
        raise NotAllowed(
            "A role is approved by a platform admin who neither proposed it nor gets it.",
            hint="Ask another platform admin.",
        )
    row.approved_by, row.approved_at = actor.id, at
    session.add(row)
    _record(session, "role.approved", row, Change(actor.id, at))
    settle_grant(session, row.id, at)
    return True


def end_grant(session: Session, actor: Actor, grant_id: str, at: dt.datetime) -> None:
    """Take a role back, or a proposal, at once; a person who loses a role signs in anew.

    Raises: NotFound; Refused for the last platform admin.
    """
    require(actor, Action.GRANT_ROLE)
    row = _open_grant(session, grant_id)
    if row.role == Role.PLATFORM_ADMIN and _counts(row):
        keep_an_admin(session, _person(session, row.person_id))
    change = Change(actor.id, at)
    _end(session, row, change)
    end_sessions(session, row.person_id, at)


def find_grant(session: Session, wish: Grant) -> RoleGrantRow:
    """Return the live grant or proposal of a role. Raises: NotFound."""
    person, team_id, pool_id = _look_up(session, wish)
    row = _live(session, person, wish.role, team_id, pool_id)
    if row is None:
        where = wish.team_key or wish.pool_key
        of_what = f" of {where}" if where else ""
        raise NotFound(
            f"{wish.person_key} is no {wish.role}{of_what}, and nobody proposed it.",
            hint="`broker user list` shows every role.",
        )
    return row


def end_all_grants(session: Session, person_id: str, change: Change) -> None:
    """Take every role and every proposal of a person back."""
    for row in session.scalars(_live_grants().where(col(RoleGrantRow.person_id) == person_id)):
        _end(session, row, change)


def has_first_admin(session: Session) -> bool:
    """Say whether there was a first platform admin, whom nobody could approve."""
    first = select(RoleGrantRow).where(col(RoleGrantRow.basis) == FIRST_ADMIN).limit(1)
    return session.scalars(first).first() is not None


def keep_an_admin(session: Session, person: PersonRow) -> None:
    """Make sure that a platform admin is left when a person goes. Raises: Refused."""
    admins = session.scalars(
        select(RoleGrantRow)
        .where(in_force(), col(RoleGrantRow.role) == Role.PLATFORM_ADMIN)
        .with_for_update()
    ).all()
    holders = {row.person_id for row in admins}
    if holders == {person.id}:
        raise Refused(f"{person.key} is the last platform admin.", hint=LAST_ADMIN)


def _live_grants() -> Select[RoleGrantRow]:
    order = (col(RoleGrantRow.proposed_at), col(RoleGrantRow.id))
    return select(RoleGrantRow).where(col(RoleGrantRow.ended_at).is_(None)).order_by(*order)


def _counts(row: RoleGrantRow) -> bool:
    return row.ended_at is None and (row.approved_at is not None or row.basis == FIRST_ADMIN)


def _basis(session: Session, wish: Grant) -> str:
    if wish.role != Role.PLATFORM_ADMIN:
        return TWO_PERSONS
    return TWO_PERSONS if has_first_admin(session) else FIRST_ADMIN


def _look_up(session: Session, wish: Grant) -> tuple[PersonRow, str | None, str | None]:
    """Return the person, and the ids of the team and the pool of a role."""
    findings = list(_findings_in_grant(wish))
    if findings:
        raise InvalidPerson(wish.person_key, findings)
    person = session.scalars(
        select(PersonRow).where(col(PersonRow.key) == wish.person_key).with_for_update()
    ).first()
    if person is None:
        raise NotFound(f"There is no person {wish.person_key}.")
    if person.disabled_at is not None:
        raise Refused(f"{wish.person_key} is disabled.", hint="Enable the account first.")
    return person, _id_of(session, TeamRow, wish.team_key), _id_of(session, PoolRow, wish.pool_key)


def _findings_in_grant(wish: Grant) -> Sequence[str]:
    if wish.role not in GRANTED:
        return [f"role: {wish.role!r} is none; there are {', '.join(GRANTED)}."]
    needs_team, needs_pool = wish.role in set(TeamRole), wish.role == POOL_OWNER
    found = []
    if needs_team != (wish.team_key is not None):
        found.append(f"team: a {wish.role} {'needs one' if needs_team else 'has none'}.")
    if needs_pool != (wish.pool_key is not None):
        found.append(f"pool: a {wish.role} {'needs one' if needs_pool else 'has none'}.")
    return found


def _id_of(session: Session, table: type[TeamRow | PoolRow], key: str | None) -> str | None:
    if key is None:
        return None
    found: str | None = session.scalar(select(col(table.id)).where(col(table.key) == key))
    if found is None:
        raise NotFound(f"There is no {table.__tablename__} {key[:64]}.")
    return found


def _live(
    session: Session, person: PersonRow, role: str, team_id: str | None, pool_id: str | None
) -> RoleGrantRow | None:
    row = RoleGrantRow
    same = and_(
        col(row.person_id) == person.id,
        col(row.role) == role,
        col(row.team_id).is_not_distinct_from(team_id),
        col(row.pool_id).is_not_distinct_from(pool_id),
    )
    return session.scalars(_live_grants().where(same)).first()


def _open_grant(session: Session, grant_id: str) -> RoleGrantRow:
    one = _live_grants().where(col(RoleGrantRow.id) == grant_id).with_for_update()
    row = session.scalars(one).first()
    if row is None:
        raise NotFound("There is no such role any more.", hint="Look at the list of people again.")
    return row


def _person(session: Session, person_id: str) -> PersonRow:
    return session.scalars(select(PersonRow).where(col(PersonRow.id) == person_id)).one()


def _end(session: Session, row: RoleGrantRow, change: Change) -> None:
    row.ended_by, row.ended_at = change.actor, change.at
    session.add(row)
    _record(session, "role.ended", row, change)
    settle_grant(session, row.id, change.at)


def _record(session: Session, kind: str, row: RoleGrantRow, change: Change, **facts: Any) -> None:
    of_what = {"team_id": row.team_id, "pool_id": row.pool_id}
    given = {name: value for name, value in of_what.items() if value is not None}
    subject = f"person:{row.person_id}"
    record(session, change, kind, subject, grant_id=row.id, role=row.role, **given, **facts)
