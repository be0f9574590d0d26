"""Screen 14, teams: who leads and who is in each, which take part, and which are retired."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, TeamRole, may, require
from broker.errors import NotFound
from broker.people.tables import FIRST_ADMIN, PersonRow, RoleGrantRow, TeamRetirementRow
from broker.tables import TeamRow


@dataclass(frozen=True, slots=True)
class TeamMember:
    """A person in a team, or proposed to be; `since` is when the role came in force."""

    grant_id: str
    person_id: str
    name: str
    role: str
    since: dt.datetime
    proposed_by_id: str
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class TeamBrief:
    """A team with its people; the lead is the first among them."""

    key: str
    name: str
    retired_at: dt.datetime | None
    people: tuple[TeamMember, ...]

    @property
    def leads(self) -> tuple[TeamMember, ...]:
        """Who leads the team now."""
        return tuple(one for one in self.members if one.role == TeamRole.TEAM_LEAD)

    @property
    def members(self) -> tuple[TeamMember, ...]:
        """Who is in the team now, leads included."""
        return tuple(one for one in self.people if one.is_in_force)

    @property
    def waiting(self) -> tuple[TeamMember, ...]:
        """Who waits for a second person to be in the team."""
        return tuple(one for one in self.people if not one.is_in_force)


@dataclass(frozen=True, slots=True)
class TeamsScreen:
    """Every team, those that take part first."""

    teams: tuple[TeamBrief, ...]
    may_manage: bool


@dataclass(frozen=True, slots=True)
class TeamScreen:
    """One team. Shape: `people` are the names of everybody who may be proposed, by key."""

    team: TeamBrief
    people: Mapping[str, str]
    may_manage: bool
    may_grant: bool


def teams_screen(session: Session, actor: Actor) -> TeamsScreen:
    """Return every team. Raises: SignInNeeded."""
    found = list_teams(session, actor)
    return TeamsScreen(
        teams=tuple(sorted(found, key=lambda one: (one.retired_at is not None, one.key))),
        may_manage=may(actor, Action.MANAGE_TEAMS),
    )


def team_screen(session: Session, actor: Actor, key: str) -> TeamScreen:
    """Return one team. Raises: SignInNeeded; NotFound."""
    found = next((one for one in list_teams(session, actor) if one.key == key), None)
    if found is None:
        raise NotFound(f"There is no team {key[:64]}.", hint="The page of teams lists them.")
    may_grant = may(actor, Action.GRANT_ROLE)
    return TeamScreen(
        team=found,
        people=_active_people(session) if may_grant else {},
        may_manage=may(actor, Action.MANAGE_TEAMS),
        may_grant=may_grant,
    )


def list_teams(session: Session, actor: Actor) -> list[TeamBrief]:
    """Return every team with its people, by key. Raises: SignInNeeded."""
    require(actor, Action.READ_TEAMS)
    people = _people(session)
    rows = session.execute(
        select(TeamRow, col(TeamRetirementRow.retired_at))
        .outerjoin(TeamRetirementRow, col(TeamRetirementRow.team_id) == col(TeamRow.id))
        .order_by(col(TeamRow.key))
    )
    return [
        TeamBrief(row.key, row.name, retired_at, tuple(people.get(row.id, ())))
        for row, retired_at in rows
    ]


def _people(session: Session) -> Mapping[str, list[TeamMember]]:
    """Return the people of every team, by its id, leads first."""
    grants = (
        select(RoleGrantRow, col(PersonRow.name))
        .join(PersonRow, col(PersonRow.id) == col(RoleGrantRow.person_id))
        .where(col(RoleGrantRow.ended_at).is_(None), col(RoleGrantRow.team_id).is_not(None))
        .order_by(col(RoleGrantRow.role).desc(), col(PersonRow.name), col(RoleGrantRow.id))
    )
    found: dict[str, list[TeamMember]] = defaultdict(list)
    for row, name in session.execute(grants):
        found[row.team_id or ""].append(_member(row, name))
    return found


def _member(row: RoleGrantRow, name: str) -> TeamMember:
    return TeamMember(
        grant_id=row.id,
        person_id=row.person_id,
        name=name,
        role=row.role,
        since=row.approved_at or row.proposed_at,
        proposed_by_id=row.proposed_by,
        is_in_force=row.approved_at is not None or row.basis == FIRST_ADMIN,
    )


def _active_people(session: Session) -> Mapping[str, str]:
    active = select(col(PersonRow.key), col(PersonRow.name))
    active = active.where(col(PersonRow.disabled_at).is_(None)).order_by(col(PersonRow.name))
    return dict(session.execute(active).all())
