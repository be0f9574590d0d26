"""A team asks for an approval: to use a pool, for a purpose, in a period. Never for a bid.

What the decision rights let pass by rule is approved at once; everything else waits for a person.
`most_credits` is the most that one bid may offer under the approval.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.approvals.matrices import Lane, Matrix, Purpose, lane_of
from broker.approvals.steps import begin_step, first_step, lock_request
from broker.approvals.tables import ApprovalRequestRow, RequestState
from broker.approvals.versions import MatrixInForce, matrix_in_force
from broker.audit import Change, record
from broker.errors import InvalidApproval, NotAllowed, Refused
from broker.notices.causes import settle_approval
from broker.tables import PoolRow, TeamRow
from broker.texts import findings_in_number, findings_in_text

EARLIEST_DAY = dt.date(2000, 1, 1)
"""No sprint is before it."""


@dataclass(frozen=True, slots=True)
class ApprovalWish:
    """A lead's wish for an approval, as it was entered: nothing is checked yet."""

    team_id: str
    pool_key: str
    purpose_key: str
    purpose: str
    most_credits: int
    valid_from: dt.date
    valid_until: dt.date


def request_approval(session: Session, actor: Actor, wish: ApprovalWish, at: dt.datetime) -> str:
    """Ask for an approval, and return the request's id; what a rule lets pass is approved by it.

    Raises: SignInNeeded, NotAllowed; InvalidApproval with every finding; Refused if the team waits
    for the same already.
    """
    require(actor, Action.REQUEST_APPROVAL, team_id=wish.team_id)
    known = matrix_in_force(session)
    pool = session.scalars(select(PoolRow).where(col(PoolRow.key) == wish.pool_key)).first()
    purpose = known.matrix.purpose(wish.purpose_key)
    findings = list(_findings(wish, known.matrix, at))
    if findings or pool is None or purpose is None:
        raise InvalidApproval(f"for {wish.pool_key[:64]}", [*_unknown(pool, purpose), *findings])
    _check_alone(session, wish, pool)
    row = _row(wish, pool, purpose, known, Change(actor.id, at))
    session.add(row)
    session.flush()
    _record(session, row, "asked", Change(actor.id, at))
    if row.lane != Lane.RULE:
        begin_step(session, row, 1, first_step(Lane(row.lane)), at)
    return row.id


def withdraw_request(session: Session, actor: Actor, request_id: str, at: dt.datetime) -> None:
    """Take a request back that nobody has answered yet, as a lead of its team.

    Raises: NotFound; NotAllowed; Refused if it is decided already.
    """
    row = waiting_request(session, actor, request_id)
    require(actor, Action.REQUEST_APPROVAL, team_id=row.team_id)
    row.state, row.decided_by, row.decided_at = RequestState.WITHDRAWN, actor.id, at
    session.flush()
    settle_approval(session, row.id, at)
    _record(session, row, "withdrawn", Change(actor.id, at))


def waiting_request(session: Session, actor: Actor, request_id: str) -> ApprovalRequestRow:
    """Return a request that waits, for somebody who may read it; others wait until it is done.

    Raises: NotFound; SignInNeeded; Refused if it is decided already.
    """
    row = lock_request(session, request_id)
    if row is None:
        raise nothing_here()
    require(actor, Action.READ_APPROVAL, team_id=row.team_id, pool_id=row.pool_id)
    if actor.person_id is None:
        raise NotAllowed("A person decides about approvals, never a program.")
    if row.state != RequestState.WAITING:
        raise Refused(f"This request is {row.state} already.", request=row.id)
    return row


def _unknown(pool: PoolRow | None, purpose: Purpose | None) -> Iterator[str]:
    if pool is None:
        yield "pool: is none of the market; choose one."
    if purpose is None:
        yield "purpose_key: is none that the decision rights name; choose one."


def _findings(wish: ApprovalWish, matrix: Matrix, at: dt.datetime) -> Iterator[str]:
    if not wish.purpose.strip():
        yield "purpose: is empty; say in a line what the pool is used for."
    yield from findings_in_text("purpose", wish.purpose)
    yield from findings_in_number("most_credits", wish.most_credits, 1)
    yield from _findings_in_period(wish, matrix, at.astimezone(dt.UTC).date())


def _findings_in_period(wish: ApprovalWish, matrix: Matrix, today: dt.date) -> Iterator[str]:
    first, last = wish.valid_from, wish.valid_until
    unknown = [
        name for name, day in (("valid_from", first), ("valid_until", last)) if day < EARLIEST_DAY
    ]
    yield from (f"{name}: is no day of a sprint; write one such as 2026-12-07." for name in unknown)
    if unknown:
        return
    longest = matrix.longest_period_days
    if last < first:
        yield "valid_until: is before the first day; name a later one."
    elif last < today:
        yield "valid_until: is past; name a day ahead."
    elif (last - first).days + 1 > longest:
        yield f"valid_until: is more than {longest} days after the first day; ask for fewer."


def _check_alone(session: Session, wish: ApprovalWish, pool: PoolRow) -> None:
    """Refuse a second request for the same; whoever asks at the same time waits here."""
    session.get(TeamRow, wish.team_id, with_for_update=True)
    same = select(col(ApprovalRequestRow.id)).where(
        col(ApprovalRequestRow.team_id) == wish.team_id,
        col(ApprovalRequestRow.pool_id) == pool.id,
        col(ApprovalRequestRow.purpose_key) == wish.purpose_key,
        col(ApprovalRequestRow.state) == RequestState.WAITING,
    )
    found = session.scalars(same).first()
    if found is not None:
        raise Refused(
            f"Your team waits for an answer about {pool.name} and this purpose already.",
            hint="Take that request back first if it is out of date.",
            request=found,
        )


def _row(
    wish: ApprovalWish, pool: PoolRow, purpose: Purpose, known: MatrixInForce, change: Change
) -> ApprovalRequestRow:
    lane = lane_of(known.matrix, pool.classification, purpose, wish.most_credits)
    passes = lane is Lane.RULE
    return ApprovalRequestRow(
        id=str(uuid4()),
        team_id=wish.team_id,
        pool_id=pool.id,
        purpose_key=purpose.key,
        purpose=wish.purpose.strip(),
        most_credits=wish.most_credits,
        valid_from=wish.valid_from,
        valid_until=wish.valid_until,
        classification=pool.classification,
        lane=lane,
        matrix_version=known.version,
        asked_by=change.actor,
        asked_at=change.at,
        state=RequestState.APPROVED if passes else RequestState.WAITING,
        decided_at=change.at if passes else None,
    )


def _record(session: Session, row: ApprovalRequestRow, what: str, change: Change) -> None:
    record(
        session,
        change,
        f"approval.{what}",
        f"approval:{row.id}",
        team=row.team_id,
        pool=row.pool_id,
        lane=row.lane,
        state=row.state,
        matrix_version=row.matrix_version,
    )
