"""What groups of the company's directory mean here: roles, by a file that admins can read.

A group proposes: a role is in force once a platform admin approves it, as every role. Who leaves
the group loses the role at the next sign-in, without anybody's word. What an admin took back is not
proposed again. ADR 0010 says why.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Role, TeamRole, service
from broker.audit import ActorId
from broker.errors import InvalidSettings, NotFound, Refused
from broker.people.grants import Grant, end_grant, has_first_admin, propose_grant
from broker.people.standing import POOL_OWNER
from broker.people.tables import GRANTED, PersonRow, RoleGrantRow
from broker.tables import PoolRow, TeamRow

DIRECTORY = service(ActorId("single-sign-on"))
"""Who proposes and ends what follows from groups."""
KEYS = frozenset({"role", "team", "pool"})
LARGEST_FILE_BYTES = 1_000_000
HINT = 'Write {"groups": {"GROUP": [{"role": "team-lead", "team": "TEAM"}]}}.'
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GroupRole:
    """A role that a group proposes, in a team or for a pool where the role needs one."""

    group: str
    role: str
    team_key: str | None = None
    pool_key: str | None = None


def read_groups(file: Path | None) -> tuple[GroupRole, ...]:
    """Read what groups mean. Raises: InvalidSettings with the first thing that is wrong."""
    if file is None:
        return ()
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(LARGEST_FILE_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidSettings(f"{file} cannot be read as a file of groups.", hint=HINT) from error
    groups = said.get("groups") if isinstance(said, dict) and said.keys() == {"groups"} else None
    if not isinstance(groups, dict) or not all(isinstance(one, list) for one in groups.values()):
        raise InvalidSettings(f"{file} does not say what groups mean.", hint=HINT)
    return tuple(_role(file, group, one) for group, roles in groups.items() for one in roles)


def unknown_places(session: Session, meanings: Iterable[GroupRole]) -> list[str]:
    """Say which teams and pools of a file of groups the market does not have."""
    teams = set(session.scalars(select(col(TeamRow.key))))
    pools = set(session.scalars(select(col(PoolRow.key))))
    return sorted(
        {f"team {one.team_key}" for one in meanings if one.team_key and one.team_key not in teams}
        | {f"pool {one.pool_key}" for one in meanings if one.pool_key and one.pool_key not in pools}
    )


def follow_groups(
    session: Session,
    person: PersonRow,
    groups: frozenset[str],
    meanings: Iterable[GroupRole],
    at: dt.datetime,
) -> None:
    """Propose what the groups of a person mean, and end what they do not mean any more."""
    wanted = {
        Grant(person.key, one.role, one.team_key, one.pool_key)
        for one in meanings
        if one.group in groups
    }
    ever = list(_ever_granted(session, person))
    for wish in sorted(
        wanted - {wish for wish, row in ever if _stands_or_was_refused(row)}, key=str
    ):
        _propose(session, wish, at)
    for wish, row in ever:
        if wish not in wanted and row.ended_at is None:
            _end(session, row, at)


def _role(file: Path, group: str, said: Any) -> GroupRole:
    if not isinstance(said, Mapping) or not said.keys() <= KEYS or said.get("role") not in GRANTED:
        roles = ", ".join(GRANTED)
        sentence = f"{file}: the group {group[:64]!r} means no role; there are {roles}."
        raise InvalidSettings(sentence, hint=HINT)
    role, team, pool = said["role"], said.get("team"), said.get("pool")
    is_placed = (
        isinstance(team, str) == (role in set(TeamRole))
        and isinstance(pool, str) == (role == POOL_OWNER)
        and all(one is None or isinstance(one, str) for one in (team, pool))
    )
    if not is_placed:
        sentence = f"{file}: a {role} of the group {group[:64]!r} lacks a team or pool, or has one."
        raise InvalidSettings(sentence, hint=HINT)
    return GroupRole(group, role, team, pool)


def _ever_granted(session: Session, person: PersonRow) -> Iterator[tuple[Grant, RoleGrantRow]]:
    """Return every role that groups ever proposed for a person."""
    rows = session.execute(
        select(RoleGrantRow, col(TeamRow.key), col(PoolRow.key))
        .outerjoin(TeamRow, col(TeamRow.id) == col(RoleGrantRow.team_id))
        .outerjoin(PoolRow, col(PoolRow.id) == col(RoleGrantRow.pool_id))
        .where(
            col(RoleGrantRow.person_id) == person.id,
            col(RoleGrantRow.proposed_by) == DIRECTORY.id,
        )
        .order_by(col(RoleGrantRow.proposed_at), col(RoleGrantRow.id))
    ).all()
    for row, team_key, pool_key in rows:
        yield Grant(person.key, row.role, team_key, pool_key), row


def _stands_or_was_refused(row: RoleGrantRow) -> bool:
    return row.ended_at is None or row.ended_by != DIRECTORY.id


def _propose(session: Session, wish: Grant, at: dt.datetime) -> None:
    """Propose a role; the first platform admin is made at the command line alone."""
    if wish.role == Role.PLATFORM_ADMIN and not has_first_admin(session):
        log.warning("sign-on.no-first-admin")
        return
    try:
        propose_grant(session, DIRECTORY, wish, at)
    except NotFound as error:
        log.warning("sign-on.unknown-place", why=error.sentence)


def _end(session: Session, row: RoleGrantRow, at: dt.datetime) -> None:
    try:
        end_grant(session, DIRECTORY, row.id, at)
    except Refused as error:
        log.warning("sign-on.last-admin", why=error.sentence)
