"""Who the persons of a roster are: people of the market by their keys, others by a name.

A roster names keys only. Whoever has an account under the key answers for themselves; for the
others the owner of the pool does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.experts.tables import ExpertRow
from broker.people.standing import in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.pools.rosters import Roster
from broker.tables import TeamRow
from broker.texts import findings_in_text


def findings_in_names(session: Session, roster: Roster, names: Mapping[str, str]) -> Iterator[str]:
    """Say which persons of a roster nobody knows by name, and which teams there are not."""
    keys = [person.key for person in roster.persons]
    known = {row.key for row in _experts(session, keys)} | set(_people(session, keys))
    teams = _teams(session, {person.own_team for person in roster.persons})
    for number, person in enumerate(roster.persons, 1):
        name = names.get(person.key, "")
        yield from findings_in_text(f"person {number}", name)
        if person.key not in known and not name.strip():
            yield f"person {number}: {person.key!r} has no account; write a name beside the key."
        if person.own_team and person.own_team not in teams:
            yield f"person {number}: no team is called {person.own_team!r}; mend it."


def enrol(session: Session, roster: Roster, names: Mapping[str, str], at: dt.datetime) -> None:
    """Let everybody of a roster be known as an expert, by the newest name."""
    keys = [person.key for person in roster.persons]
    known = {row.key: row for row in _experts(session, keys)}
    people = _people(session, keys)
    for key in keys:
        person = people.get(key)
        name = person.name if person else names.get(key, "").strip()
        row = known.get(key)
        if row is None:
            row = ExpertRow(id=str(uuid4()), key=key, name=name, added_at=at)
            session.add(row)
        row.name = name or row.name
        row.person_id = person.id if person else row.person_id
    session.flush()


def experts_of(session: Session, roster: Roster) -> Mapping[str, ExpertRow]:
    """Return who the persons of a roster are, by their keys."""
    return {row.key: row for row in _experts(session, [one.key for one in roster.persons])}


def own_teams(
    session: Session, roster: Roster, experts: Mapping[str, ExpertRow]
) -> Mapping[str, frozenset[str]]:
    """Return the ids of the teams for which nobody of a roster works, by the person's key.

    They are the teams in which a person has a role, and the one that the roster names.
    """
    person_ids = {row.person_id: key for key, row in experts.items() if row.person_id}
    found: dict[str, set[str]] = {person.key: set() for person in roster.persons}
    roles = select(col(RoleGrantRow.person_id), col(RoleGrantRow.team_id)).where(
        in_force(),
        col(RoleGrantRow.person_id).in_(person_ids),
        col(RoleGrantRow.team_id).is_not(None),
    )
    for person_id, team_id in session.execute(roles):
        found[person_ids[person_id]].add(team_id)
    named = _teams(session, {person.own_team for person in roster.persons})
    for person in roster.persons:
        if person.own_team in named:
            found[person.key].add(named[person.own_team])
    return {key: frozenset(teams) for key, teams in found.items()}


def _experts(session: Session, keys: Iterable[str]) -> list[ExpertRow]:
    wanted = select(ExpertRow).where(col(ExpertRow.key).in_(list(keys)))
    return list(session.scalars(wanted))


def _people(session: Session, keys: Iterable[str]) -> dict[str, PersonRow]:
    wanted = select(PersonRow).where(col(PersonRow.key).in_(list(keys)))
    return {row.key: row for row in session.scalars(wanted)}


def _teams(session: Session, keys: Iterable[str]) -> dict[str, str]:
    wanted = select(col(TeamRow.key), col(TeamRow.id)).where(col(TeamRow.key).in_(list(keys)))
    return dict(session.execute(wanted).all())
