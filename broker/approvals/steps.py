"""For whom a request waits: the step it has come to, who may answer at it, and what comes next.

The clock only ever hands a request on; it decides nothing. Who was asked before may still answer
after it was handed on. A step at which nobody may answer is passed over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import Session, col

from broker.access import Action, Actor, Role, may
from broker.approvals.matrices import STEPS, Lane, Matrix, Step, due_after
from broker.approvals.tables import ApprovalRequestRow, ApprovalStepRow, RequestState
from broker.approvals.versions import matrix_of
from broker.audit import Change, record
from broker.notices.causes import ApprovalAsked, settle_approval, tell_approval_asked
from broker.notices.writing import Recipient, holders
from broker.people.standing import POOL_OWNER, in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.tables import PoolRow, TeamRow


def first_step(lane: Lane) -> Step:
    """Return the step at which a request of a lane begins; a rule needs none."""
    return Step.POOL_OWNER if lane is Lane.POOL_OWNER else Step.REVIEW_BOARD


def reached_steps(row: ApprovalRequestRow, step: Step) -> tuple[Step, ...]:
    """Return the steps whose people may answer: the one that is due, and those before it."""
    first = STEPS.index(first_step(Lane(row.lane)))
    return STEPS[first : STEPS.index(step) + 1]


def may_answer(
    actor: Actor, row: ApprovalRequestRow, step: Step | None, board: frozenset[str] | None
) -> bool:
    """Say whether somebody may decide a request that has come to a step.

    `board` are the ids of the persons of the review board; None means every platform admin.
    """
    if row.state != RequestState.WAITING or step is None or actor.person_id is None:
        return False
    if actor.id == row.asked_by or not may(
        actor, Action.DECIDE_APPROVAL, team_id=row.team_id, pool_id=row.pool_id
    ):
        return False
    is_admin = Role.PLATFORM_ADMIN in actor.roles
    allowed = {
        Step.POOL_OWNER: row.pool_id in actor.pools,
        Step.REVIEW_BOARD: is_admin and (board is None or actor.person_id in board),
        Step.ALL_ADMINS: is_admin,
    }
    return any(allowed[one] for one in reached_steps(row, step))


def board_of(session: Session, matrix: Matrix) -> frozenset[str] | None:
    """Return the ids of the persons of the review board; None means every platform admin."""
    if not matrix.board:
        return None
    named = select(col(PersonRow.id)).where(col(PersonRow.key).in_(matrix.board))
    return frozenset(session.scalars(named))


def current_step(session: Session, request_id: str) -> ApprovalStepRow | None:
    """Return the step that a request has come to; None if a rule let it pass."""
    steps = select(ApprovalStepRow).where(col(ApprovalStepRow.request_id) == request_id)
    return session.scalars(steps.order_by(col(ApprovalStepRow.position).desc()).limit(1)).first()


def begin_step(
    session: Session, row: ApprovalRequestRow, position: int, wanted: Step, at: dt.datetime
) -> ApprovalStepRow:
    """Let a request wait for the people of a step, or of the next one that has any; tell them."""
    matrix = matrix_of(session, row.matrix_version)
    step, people = _step_with_people(session, row, wanted, matrix)
    begun = ApprovalStepRow(
        request_id=row.id,
        position=position,
        step=step,
        begun_at=at,
        due_at=due_after(matrix, step, at),
    )
    session.add(begun)
    session.flush()
    _tell(session, row, begun, people)
    return begun


def people_who_may_answer(session: Session, row: ApprovalRequestRow, step: Step) -> tuple[str, ...]:
    """Return the names of everybody who may answer a request that has come to a step."""
    matrix = matrix_of(session, row.matrix_version)
    reached = (and_(*_people_of(session, row, one, matrix)) for one in reached_steps(row, step))
    people = (
        select(col(PersonRow.name))
        .join(RoleGrantRow, col(RoleGrantRow.person_id) == col(PersonRow.id))
        .where(
            in_force(),
            col(PersonRow.disabled_at).is_(None),
            or_(*reached),
            col(PersonRow.id).not_in([*_team_of(session, row), row.asked_by]),
        )
        .distinct()
        .order_by(col(PersonRow.name))
    )
    return tuple(session.scalars(people))


def escalate_due(session: Session, change: Change) -> tuple[str, ...]:
    """Hand on every request that nobody answered in time; return their ids. Decides nothing.

    Safe to repeat and on every host at once: a request is handed on once for each deadline.
    """
    handed_on = []
    for request_id in _overdue(session, change.at):
        row = lock_request(session, request_id)
        step = current_step(session, request_id)
        if row is not None and step is not None and _is_overdue(row, step, change.at):
            _hand_on(session, row, step, change)
            handed_on.append(request_id)
    return tuple(handed_on)


def lock_request(session: Session, request_id: str) -> ApprovalRequestRow | None:
    """Return a request that nobody else decides or hands on until the transaction ends."""
    return session.get(ApprovalRequestRow, request_id, with_for_update=True, populate_existing=True)


def _overdue(session: Session, at: dt.datetime) -> Sequence[str]:
    """Return the ids of requests whose newest step looks overdue, the oldest first."""
    newest = (
        select(func.max(col(ApprovalStepRow.position)))
        .where(col(ApprovalStepRow.request_id) == col(ApprovalRequestRow.id))
        .correlate(ApprovalRequestRow)
        .scalar_subquery()
    )
    due = (
        select(col(ApprovalRequestRow.id))
        .join(ApprovalStepRow, col(ApprovalStepRow.request_id) == col(ApprovalRequestRow.id))
        .where(
            col(ApprovalRequestRow.state) == RequestState.WAITING,
            col(ApprovalStepRow.position) == newest,
            col(ApprovalStepRow.due_at) <= at,
        )
        .order_by(col(ApprovalStepRow.due_at), col(ApprovalRequestRow.id))
    )
    return session.scalars(due).all()


def _is_overdue(row: ApprovalRequestRow, step: ApprovalStepRow, at: dt.datetime) -> bool:
    return row.state == RequestState.WAITING and step.due_at is not None and step.due_at <= at


def _hand_on(
    session: Session, row: ApprovalRequestRow, step: ApprovalStepRow, change: Change
) -> None:
    following = STEPS[STEPS.index(Step(step.step)) + 1]
    settle_approval(session, row.id, change.at)
    begun = begin_step(session, row, step.position + 1, following, change.at)
    record(
        session,
        change,
        "approval.escalated",
        f"approval:{row.id}",
        from_step=step.step,
        to_step=begun.step,
        due_at=step.due_at.isoformat() if step.due_at else None,
    )


def _step_with_people(
    session: Session, row: ApprovalRequestRow, wanted: Step, matrix: Matrix
) -> tuple[Step, tuple[Recipient, ...]]:
    """Return the first step from the wanted one on at which anybody may answer; else the last."""
    barred = frozenset(_team_of(session, row)) | {row.asked_by}
    for step in STEPS[STEPS.index(wanted) : -1]:
        people = holders(session, *_people_of(session, row, step, matrix), besides=barred)
        if people:
            return step, people
    last = STEPS[-1]
    return last, holders(session, *_people_of(session, row, last, matrix), besides=barred)


def _team_of(session: Session, row: ApprovalRequestRow) -> Iterator[str]:
    own = select(col(RoleGrantRow.person_id)).where(
        in_force(), col(RoleGrantRow.team_id) == row.team_id
    )
    yield from session.scalars(own)


def _people_of(
    session: Session, row: ApprovalRequestRow, step: Step, matrix: Matrix
) -> tuple[ColumnElement[bool], ...]:
    if step is Step.POOL_OWNER:
        return (
            col(RoleGrantRow.role) == POOL_OWNER,
            col(RoleGrantRow.pool_id) == row.pool_id,
        )
    is_admin = col(RoleGrantRow.role) == Role.PLATFORM_ADMIN
    board = board_of(session, matrix)
    if step is Step.ALL_ADMINS or board is None:
        return (is_admin,)
    return (is_admin, col(RoleGrantRow.person_id).in_(board))


def _tell(
    session: Session,
    row: ApprovalRequestRow,
    step: ApprovalStepRow,
    people: tuple[Recipient, ...],
) -> None:
    team = session.get_one(TeamRow, row.team_id)
    pool = session.get_one(PoolRow, row.pool_id)
    asked = ApprovalAsked(row.id, step.position, team.name, pool.name, step.due_at)
    tell_approval_asked(session, asked, people, step.begun_at)
