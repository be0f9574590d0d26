"""A market in which a team asks for an approval, and the people who may answer."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from broker.approvals.decisions import Answer, DecideApproval, decide
from broker.approvals.matrices import DEFAULT
from broker.approvals.requests import ApprovalWish, request_approval, withdraw_request
from broker.approvals.steps import escalate_due
from broker.approvals.tables import ApprovalRequestRow, ApprovalStepRow
from broker.approvals.versions import activate_matrix, propose_matrix
from broker.db import Database, reading, transact
from broker.people.actors import actor_of_person
from broker.tables import TeamRow
from tests.builders import FIRST_DAY
from tests.cast import ADMIN, LEAD, OWNER, SECOND_ADMIN, Places, actor, bring_people
from tests.markets import NOON, a_change
from tests.policy_markets import an_open_round

ELEVATED, HIGH, LOW = "analysis", "decisions", "operations"
LAST_DAY = FIRST_DAY + dt.timedelta(days=400)


def a_market(db: Database) -> None:
    """Open a round of red and blue, with the cast: Lea leads red, Otto owns the pool."""
    an_open_round(db)
    bring_people(db, Places(team="red", other_team="blue"))


def hours(count: float) -> dt.datetime:
    """Return a moment some hours after noon."""
    return NOON + dt.timedelta(hours=count)


def ask(db: Database, by: str = LEAD, *, at: float = 0, team: str = "red", **other: Any) -> str:
    """Ask for an approval as the lead of red unless told otherwise; return the request's id."""

    def work(session: Session) -> str:
        team_id = session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == team)).one()
        first = FIRST_DAY - dt.timedelta(days=10)
        wish = {
            "team_id": team_id,
            "pool_key": "gpu",
            "purpose_key": ELEVATED,
            "purpose": "Find out who waits longest",
            "most_credits": 5000,
            "valid_from": first,
            "valid_until": first + dt.timedelta(days=300),
        }
        asker = actor_of_person(session, by)
        return request_approval(session, asker, ApprovalWish(**(wish | other)), hours(at))

    return transact(db, work)


def answer(
    db: Database,
    request_id: str,
    by: str = OWNER,
    said: Answer = Answer.APPROVED,
    *,
    at: float = 1,
    reason: str = "Fine.",
) -> None:
    """Answer a request, as the pool's owner unless told otherwise."""
    wish, who = DecideApproval(request_id, said, reason), actor(db, by)
    transact(db, lambda session: decide(session, who, wish, hours(at)))


def withdraw(db: Database, request_id: str, by: str = LEAD, *, at: float = 1) -> None:
    who = actor(db, by)
    transact(db, lambda session: withdraw_request(session, who, request_id, hours(at)))


def escalate(db: Database, at: float) -> tuple[str, ...]:
    return transact(db, lambda session: escalate_due(session, a_change(at)))


def state_of(db: Database, request_id: str) -> str:
    with reading(db) as session:
        return session.get_one(ApprovalRequestRow, request_id).state


def steps_of(db: Database, request_id: str) -> list[str]:
    """Return the steps that a request came to, in their order."""
    with reading(db) as session:
        steps = select(col(ApprovalStepRow.step)).where(
            col(ApprovalStepRow.request_id) == request_id
        )
        return list(session.scalars(steps.order_by(col(ApprovalStepRow.position))))


def put_in_force(db: Database, at: float = 0, **changes: Any) -> int:
    """Put decision rights in force that differ from those of the program."""
    content = json.dumps(DEFAULT.model_dump(mode="json") | changes)
    one, two = actor(db, ADMIN), actor(db, SECOND_ADMIN)
    version = transact(
        db, lambda session: propose_matrix(session, one, content, "Because.", hours(at))
    )
    transact(db, lambda session: activate_matrix(session, two, version, hours(at)))
    return version
