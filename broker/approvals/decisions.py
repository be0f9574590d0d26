"""A person answers a request for an approval: yes, or no with a reason. Nothing else decides one.

Who may answer, and from when on, stands in steps.py; the database refuses whoever asked and
whoever has a role in the team that asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.approvals.matrices import Step
from broker.approvals.requests import waiting_request
from broker.approvals.steps import board_of, current_step, may_answer
from broker.approvals.tables import ApprovalRequestRow
from broker.approvals.versions import matrix_of
from broker.audit import Change, record
from broker.errors import InvalidApproval, NotAllowed
from broker.notices.causes import settle_approval, tell_approval_decided
from broker.tables import PoolRow, TeamRow
from broker.texts import findings_in_text


class Answer(StrEnum):
    """What somebody may say to a request."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class DecideApproval:
    """Somebody's answer to a request, as it was entered; a rejection says why."""

    request_id: str
    answer: Answer
    reason: str = ""


def decide(session: Session, actor: Actor, wish: DecideApproval, at: dt.datetime) -> None:
    """Answer a request, once.

    Raises: NotFound; SignInNeeded; NotAllowed for whoever may not answer it, or not yet; Refused
    if it is decided already; InvalidApproval with every finding.
    """
    row = waiting_request(session, actor, wish.request_id)
    require(actor, Action.DECIDE_APPROVAL, team_id=row.team_id, pool_id=row.pool_id)
    _check_turn(session, actor, row)
    findings = list(_findings(wish))
    if findings:
        raise InvalidApproval("to decide on", findings)
    row.state, row.reason = wish.answer, wish.reason.strip()
    row.decided_by, row.decided_at = actor.id, at
    session.flush()
    settle_approval(session, row.id, at)
    tell_approval_decided(session, row.id, row.asked_by, _said(session, row, wish.answer), at)
    change = Change(actor.id, at)
    record(
        session,
        change,
        f"approval.{wish.answer}",
        f"approval:{row.id}",
        team=row.team_id,
        pool=row.pool_id,
        valid_from=row.valid_from.isoformat(),
        valid_until=row.valid_until.isoformat(),
    )


def _check_turn(session: Session, actor: Actor, row: ApprovalRequestRow) -> None:
    begun = current_step(session, row.id)
    step = None if begun is None else Step(begun.step)
    board = board_of(session, matrix_of(session, row.matrix_version))
    if not may_answer(actor, row, step, board):
        raise NotAllowed(
            "This request does not wait for you.",
            hint="Its page says who may answer it now, and when it goes on to the next.",
            request=row.id,
        )


def _said(session: Session, row: ApprovalRequestRow, answer: Answer) -> str:
    """Say an answer to whoever asked; its reason stands on the page of the request."""
    team, pool = session.get_one(TeamRow, row.team_id), session.get_one(PoolRow, row.pool_id)
    if answer is Answer.APPROVED:
        until = f"{row.valid_from} to {row.valid_until}"
        return f"{team.name} may use {pool.name} from {until}: the request is approved."
    return f"The request of {team.name} to use {pool.name} is rejected; its page says why."


def _findings(wish: DecideApproval) -> Iterator[str]:
    if wish.answer is Answer.REJECTED and not wish.reason.strip():
        yield "reason: is empty; say what the team should change or know."
    yield from findings_in_text("reason", wish.reason)
