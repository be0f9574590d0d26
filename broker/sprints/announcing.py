"""Announcing the sprints that the rule says are due: each once, on whichever host is first.

A sprint whose days a round offers already is left to that round, so that no unit is offered twice;
one whose bidding would be over is missed, and stays so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, takewhile

from sqlalchemy import select
from sqlmodel import Session, col

from broker.audit import Change
from broker.rounds import create_round
from broker.spot.tables import is_of_a_sprint
from broker.sprints.offers import offer_for
from broker.sprints.rules import Sprint, SprintRule, sprints_from
from broker.sprints.tables import AnnouncedSprintRow
from broker.sprints.versions import lock_rule, rule_in_force
from broker.states import RoundState
from broker.tables import RoundRow


class Standing(StrEnum):
    """What becomes of a sprint of the rule."""

    ANNOUNCED = "announced"
    COMING = "coming"
    DUE = "due"
    TAKEN = "taken"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Coming:
    """A sprint of the rule and what becomes of it; `round_` is the round that has its days."""

    sprint: Sprint
    standing: Standing
    round_: RoundRow | None


def due_sprints(session: Session, at: dt.datetime) -> list[Sprint]:
    """Return the sprints that the rule in force would have announced now and that are not yet."""
    in_force = rule_in_force(session)
    if in_force is None:
        return []
    return [
        one.sprint
        for one in _standings(session, _begun(in_force.rule, at), at)
        if one.standing is Standing.DUE
    ]


def announce_sprint(session: Session, number: int, change: Change) -> bool:
    """Announce a sprint that is due; return False if another host did, or the rule changed.

    Raises: Refused if there is nothing to offer, or if another round has its key.
    """
    in_force = lock_rule(session)
    if in_force is None:
        return False
    due = [one for one in due_sprints(session, change.at) if one.number == number]
    for sprint in due:
        row = create_round(
            session,
            offer_for(session, in_force.rule, sprint),
            change,
            opens_at=sprint.opens_at,
            closes_at=sprint.closes_at,
            facts={"sprint_rule": in_force.version, "sprint_number": number},
        )
        session.add(
            AnnouncedSprintRow(
                starts_on=sprint.starts_on,
                version=in_force.version,
                number=number,
                round_id=row.id,
            )
        )
        session.flush()
    return bool(due)


def coming_sprints(
    session: Session, rule: SprintRule, at: dt.datetime, count: int
) -> tuple[Coming, ...]:
    """Return the next sprints of a rule, the one of today first, with what becomes of each."""
    return tuple(_standings(session, islice(sprints_from(rule, at.date()), count), at))


def _begun(rule: SprintRule, at: dt.datetime) -> Iterator[Sprint]:
    """Return the sprints that are not over and whose announcement has come."""
    return takewhile(lambda one: one.announces_at <= at, sprints_from(rule, at.date()))


def _standings(session: Session, sprints: Iterable[Sprint], at: dt.datetime) -> Iterator[Coming]:
    wanted = list(sprints)
    if not wanted:
        return
    announced = _announced(session, wanted)
    rounds = _rounds_between(session, wanted[0].starts_on, wanted[-1].ends_on)
    for sprint in wanted:
        own = announced.get(sprint.starts_on)
        taken_by = own or next((row for row in rounds if _meets(row, sprint)), None)
        yield Coming(sprint, _standing(sprint, own, taken_by, at), taken_by)


def _standing(
    sprint: Sprint, own: RoundRow | None, taken_by: RoundRow | None, at: dt.datetime
) -> Standing:
    if own is not None:
        return Standing.ANNOUNCED
    if taken_by is not None:
        return Standing.TAKEN
    if sprint.closes_at <= at:
        return Standing.MISSED
    return Standing.DUE if sprint.announces_at <= at else Standing.COMING


def _announced(session: Session, sprints: list[Sprint]) -> dict[dt.date, RoundRow]:
    rows = session.execute(
        select(col(AnnouncedSprintRow.starts_on), RoundRow)
        .join(RoundRow, col(RoundRow.id) == col(AnnouncedSprintRow.round_id))
        .where(
            col(AnnouncedSprintRow.starts_on).between(sprints[0].starts_on, sprints[-1].starts_on)
        )
    )
    return dict(rows.all())


def _rounds_between(session: Session, first: dt.date, last: dt.date) -> list[RoundRow]:
    """Return the rounds that may offer one of some days; how long each is, is asked of it."""
    earliest = first - dt.timedelta(days=366)
    rounds = select(RoundRow).where(
        col(RoundRow.starts_on).between(earliest, last),
        col(RoundRow.state) != RoundState.CANCELLED,
        is_of_a_sprint(),
    )
    return list(session.scalars(rounds.order_by(col(RoundRow.starts_on), col(RoundRow.key))))


def _meets(row: RoundRow, sprint: Sprint) -> bool:
    ends_on = row.starts_on + dt.timedelta(days=row.days - 1)
    return row.starts_on <= sprint.ends_on and sprint.starts_on <= ends_on
