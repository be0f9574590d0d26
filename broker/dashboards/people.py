"""Read models of people: everybody with their roles, and one's own account.

What a person may do with them stands in broker/access.py; who is signed in where in
broker/people/sessions.py.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.people.sessions import SessionBrief, sessions_of
from broker.people.tables import FIRST_ADMIN, PersonRow, PersonSessionRow, RoleGrantRow
from broker.tables import PoolRow, TeamRow


@dataclass(frozen=True, slots=True)
class RoleBrief:
    """A role of a person or a proposal of one, with the key of its team or pool.

    `proposed_by` and `approved_by` are names of people, or of the program that acted.
    """

    id: str
    role: str
    team_key: str | None
    pool_key: str | None
    proposed_by: str
    proposed_by_id: str
    proposed_at: dt.datetime
    approved_by: str | None
    approved_at: dt.datetime | None
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class PersonBrief:
    """A person with their roles; `signed_in_at` is when they last did."""

    id: str
    key: str
    name: str
    email: str
    added_at: dt.datetime
    disabled_at: dt.datetime | None
    has_password: bool
    signed_in_at: dt.datetime | None
    roles: tuple[RoleBrief, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposed role that waits for its second person."""

    person: PersonBrief
    role: RoleBrief


@dataclass(frozen=True, slots=True)
class PeopleScreen:
    """Everybody, what waits for a second person, and the teams and pools that roles are for."""

    people: tuple[PersonBrief, ...]
    waiting: tuple[Waiting, ...]
    team_keys: tuple[str, ...]
    pool_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountScreen:
    """One's own account, and where one is signed in."""

    person: PersonBrief
    sessions: tuple[SessionBrief, ...]
    this_session_id: str


def people(session: Session, actor: Actor) -> list[PersonBrief]:
    """Return everybody, by key. Raises: NotAllowed, SignInNeeded."""
    require(actor, Action.READ_PEOPLE)
    rows = session.scalars(select(PersonRow).order_by(col(PersonRow.key))).all()
    return _briefs(session, rows)


def people_screen(session: Session, actor: Actor) -> PeopleScreen:
    """Return everybody and what waits. Raises: NotAllowed, SignInNeeded."""
    found = people(session, actor)
    waiting = [Waiting(one, role) for one in found for role in one.roles if not role.is_in_force]
    return PeopleScreen(
        people=tuple(found),
        waiting=tuple(sorted(waiting, key=lambda one: one.role.proposed_at)),
        team_keys=tuple(session.scalars(select(col(TeamRow.key)).order_by(col(TeamRow.key)))),
        pool_keys=tuple(session.scalars(select(col(PoolRow.key)).order_by(col(PoolRow.key)))),
    )


def account_screen(
    session: Session, actor: Actor, this_session_id: str, at: dt.datetime
) -> AccountScreen:
    """Return the actor's own account. Raises: SignInNeeded."""
    require(actor, Action.USE_ACCOUNT)
    row = session.scalars(select(PersonRow).where(col(PersonRow.id) == actor.person_id)).one()
    [brief] = _briefs(session, [row])
    return AccountScreen(brief, tuple(sessions_of(session, row.id, at)), this_session_id)


def _briefs(session: Session, rows: Sequence[PersonRow]) -> list[PersonBrief]:
    ids = [row.id for row in rows] if len(rows) == 1 else None
    roles = _roles(session, ids)
    last = _last_sign_ins(session, ids)
    return [
        PersonBrief(
            id=row.id,
            key=row.key,
            name=row.name,
            email=row.email,
            added_at=row.added_at,
            disabled_at=row.disabled_at,
            has_password=row.password_hash is not None,
            signed_in_at=last.get(row.id),
            roles=tuple(roles.get(row.id, ())),
        )
        for row in rows
    ]


def _roles(session: Session, ids: list[str] | None) -> Mapping[str, list[RoleBrief]]:
    names = dict(session.execute(select(col(PersonRow.id), col(PersonRow.name))).all())
    grants = (
        select(RoleGrantRow, col(TeamRow.key), col(PoolRow.key))
        .outerjoin(TeamRow, col(TeamRow.id) == col(RoleGrantRow.team_id))
        .outerjoin(PoolRow, col(PoolRow.id) == col(RoleGrantRow.pool_id))
        .where(col(RoleGrantRow.ended_at).is_(None))
        .order_by(col(RoleGrantRow.role), col(TeamRow.key), col(PoolRow.key))
    )
    found: dict[str, list[RoleBrief]] = defaultdict(list)
    for row, team_key, pool_key in session.execute(_of(grants, ids)):
        found[row.person_id].append(_role(row, team_key, pool_key, names))
    return found


def _of(
    grants: Select[RoleGrantRow, str, str], ids: list[str] | None
) -> Select[RoleGrantRow, str, str]:
    return grants if ids is None else grants.where(col(RoleGrantRow.person_id).in_(ids))


def _role(
    row: RoleGrantRow, team_key: str | None, pool_key: str | None, names: Mapping[str, str]
) -> RoleBrief:
    return RoleBrief(
        id=row.id,
        role=row.role,
        team_key=team_key,
        pool_key=pool_key,
        proposed_by=names.get(row.proposed_by, row.proposed_by),
        proposed_by_id=row.proposed_by,
        proposed_at=row.proposed_at,
        approved_by=row.approved_by and names.get(row.approved_by, row.approved_by),
        approved_at=row.approved_at,
        is_in_force=row.approved_at is not None or row.basis == FIRST_ADMIN,
    )


def _last_sign_ins(session: Session, ids: list[str] | None) -> Mapping[str, dt.datetime]:
    row = PersonSessionRow
    last = select(col(row.person_id), func.max(col(row.began_at))).group_by(col(row.person_id))
    if ids is not None:
        last = last.where(col(row.person_id).in_(ids))
    return dict(session.execute(last).all())
