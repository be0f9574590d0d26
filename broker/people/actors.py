"""Who an actor is: a person with the roles that are in force at this moment.

It is read anew for every request, with one query, so that a change of roles acts on the next one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import and_, func, select
from sqlmodel import Session, col

from broker.access import Actor, Role, TeamRole, service
from broker.audit import ActorId
from broker.errors import NotFound
from broker.notices.tables import NoticeRow
from broker.people.sessions import SEEN_EVERY, hashed, is_live
from broker.people.standing import POOL_OWNER, in_force
from broker.people.tables import ApiTokenRow, PersonRow, PersonSessionRow, RoleGrantRow
from broker.people.tokens import is_good, scopes_of


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person in a session, with the number of their notices that they have not read.

    `is_stale` says that it is time to note the session as seen.
    """

    actor: Actor
    session_id: str
    person_key: str
    unread: int
    is_stale: bool


def actor_of_secret(session: Session, secret: str, at: dt.datetime) -> SignedIn | None:
    """Return who is behind a browser's secret; None if nobody is, or not any more."""
    unread = select(func.count()).where(
        col(NoticeRow.person_id) == col(PersonSessionRow.person_id),
        col(NoticeRow.in_app) == 1,
        col(NoticeRow.read_at).is_(None),
    )
    rows = session.execute(
        select(PersonSessionRow, PersonRow, RoleGrantRow, unread.scalar_subquery())
        .join(PersonRow, col(PersonRow.id) == col(PersonSessionRow.person_id))
        .outerjoin(RoleGrantRow, and_(col(RoleGrantRow.person_id) == col(PersonRow.id), in_force()))
        .where(
            col(PersonSessionRow.secret_sha256) == hashed(secret),
            is_live(at),
            col(PersonRow.disabled_at).is_(None),
        )
    ).all()
    if not rows:
        return None
    begun, person, _, count = rows[0]
    actor = _actor(person, [grant for _, _, grant, _ in rows if grant is not None])
    is_stale = at - begun.seen_at >= SEEN_EVERY
    return SignedIn(actor, begun.id, person.key, count or 0, is_stale)


@dataclass(frozen=True, slots=True)
class TokenInUse:
    """Who asks with a token; `is_stale` says that it is time to note it as used."""

    actor: Actor
    token_id: str
    is_stale: bool


def actor_of_token(session: Session, secret: str, at: dt.datetime) -> TokenInUse | None:
    """Return who asks with a token: its owner, within its scopes; None if it is good no more.

    A person's token does at most what the person may at this moment.
    """
    rows = session.execute(
        select(ApiTokenRow, PersonRow, RoleGrantRow)
        .outerjoin(PersonRow, col(PersonRow.id) == col(ApiTokenRow.person_id))
        .outerjoin(RoleGrantRow, and_(col(RoleGrantRow.person_id) == col(PersonRow.id), in_force()))
        .where(
            col(ApiTokenRow.secret_sha256) == hashed(secret),
            is_good(at),
            col(PersonRow.disabled_at).is_(None),
        )
    ).all()
    if not rows:
        return None
    token, person, _ = rows[0]
    if person is None:
        owner = service(ActorId(f"service:{token.service}"))
    else:
        owner = _actor(person, [grant for _, _, grant in rows if grant is not None])
    is_stale = token.used_at is None or at - token.used_at >= SEEN_EVERY
    return TokenInUse(replace(owner, scopes=scopes_of(token)), token.id, is_stale)


def actor_of_person(session: Session, key: str) -> Actor:
    """Return a person as an actor, by the key they sign in with.

    Raises: NotFound if there is none, or if they are disabled.
    """
    rows = session.execute(
        select(PersonRow, RoleGrantRow)
        .outerjoin(RoleGrantRow, and_(col(RoleGrantRow.person_id) == col(PersonRow.id), in_force()))
        .where(col(PersonRow.key) == key, col(PersonRow.disabled_at).is_(None))
    ).all()
    if not rows:
        raise NotFound(f"There is no active person {key[:64]}.")
    return _actor(rows[0][0], [grant for _, grant in rows if grant is not None])


def _actor(person: PersonRow, grants: Sequence[RoleGrantRow]) -> Actor:
    return Actor(
        id=ActorId(person.id),
        person_id=person.id,
        name=person.name,
        roles=frozenset(Role(row.role) for row in grants if row.role in set(Role)),
        teams=_teams(grants),
        pools=frozenset(row.pool_id for row in grants if row.role == POOL_OWNER and row.pool_id),
    )


def _teams(grants: Iterable[RoleGrantRow]) -> dict[str, TeamRole]:
    """Return the role in every team; who leads a team is a member of it as well."""
    found: dict[str, TeamRole] = {}
    for row in grants:
        if row.team_id and found.get(row.team_id) is not TeamRole.TEAM_LEAD:
            found[row.team_id] = TeamRole(row.role)
    return found
