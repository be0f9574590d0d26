"""Teams as people keep them: added before their first round, renamed, retired and brought back.

A retired team takes part in no round that is announced from then on; those it is in go on, and its
credits, bids and people stay. Who is in a team is a role of a person and stands in grants.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from uuid import uuid4

from sqlalchemy import ColumnElement, exists, select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import InvalidTeam, NotFound, Refused
from broker.people.tables import TeamRetirementRow
from broker.tables import TeamRow
from broker.texts import findings_in_key, findings_in_text


def is_active() -> ColumnElement[bool]:
    """Return the condition that a team is not retired."""
    return ~exists().where(col(TeamRetirementRow.team_id) == col(TeamRow.id))


def find_team(session: Session, key: str) -> TeamRow:
    """Return a team by its key. Raises: NotFound."""
    row = session.scalars(select(TeamRow).where(col(TeamRow.key) == key)).first()
    if row is None:
        raise NotFound(f"There is no team {key[:64]}.", hint="The page of teams lists them.")
    return row


def add_team(session: Session, actor: Actor, key: str, name: str, at: dt.datetime) -> None:
    """Add a team without people; it takes part in the rounds that name it, or that a rule makes.

    Raises: NotAllowed; InvalidTeam with every finding; Refused for a key that is taken.
    """
    require(actor, Action.MANAGE_TEAMS)
    findings = [*findings_in_key("key", key), *_findings_in_name(name)]
    if findings:
        raise InvalidTeam(key[:64], findings)
    if session.scalars(select(TeamRow).where(col(TeamRow.key) == key)).first() is not None:
        raise Refused(f"There is a team {key} already.", hint="Take another key.")
    session.add(TeamRow(id=str(uuid4()), key=key, name=name.strip()))
    session.flush()
    record(session, Change(actor.id, at), "team.registered", f"team:{key}")


def rename_team(session: Session, actor: Actor, key: str, name: str, at: dt.datetime) -> bool:
    """Give a team another name; its key stays for ever. False if it has that name already.

    Raises: NotAllowed; NotFound; InvalidTeam.
    """
    require(actor, Action.MANAGE_TEAMS)
    row = find_team(session, key)
    findings = list(_findings_in_name(name))
    if findings:
        raise InvalidTeam(key, findings)
    if row.name == name.strip():
        return False
    row.name = name.strip()
    session.flush()
    record(session, Change(actor.id, at), "team.relabelled", f"team:{key}", changed=["name"])
    return True


def retire_team(session: Session, actor: Actor, key: str, at: dt.datetime) -> bool:
    """Leave a team out of every round that is announced from now on. False if it was already.

    Raises: NotAllowed; NotFound.
    """
    require(actor, Action.MANAGE_TEAMS)
    row = find_team(session, key)
    if session.get(TeamRetirementRow, row.id) is not None:
        return False
    session.add(TeamRetirementRow(team_id=row.id, retired_by=actor.id, retired_at=at))
    session.flush()
    record(session, Change(actor.id, at), "team.retired", f"team:{key}")
    return True


def bring_team_back(session: Session, actor: Actor, key: str, at: dt.datetime) -> bool:
    """Let a retired team take part again in what is announced next. False if it is not retired.

    Raises: NotAllowed; NotFound.
    """
    require(actor, Action.MANAGE_TEAMS)
    retired = session.get(TeamRetirementRow, find_team(session, key).id, with_for_update=True)
    if retired is None:
        return False
    session.delete(retired)
    session.flush()
    record(session, Change(actor.id, at), "team.brought-back", f"team:{key}")
    return True


def _findings_in_name(name: str) -> Iterator[str]:
    if not name.strip():
        yield "name: is empty; say what people call it."
    yield from findings_in_text("name", name)
