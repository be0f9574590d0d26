"""What approvals hold for a round at a moment, and from whom a missing one was asked, since when.

An approval holds for a round if it was given by that moment and its period has every day of the
sprint in it. Only what was so at the moment counts, so a closed round always says the same.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Select, and_, insert, select
from sqlmodel import Session, col

from broker.approvals.matrices import Lane, Step
from broker.approvals.tables import (
    ApprovalRequestRow,
    ApprovalStepRow,
    RequestState,
    RoundApprovalRow,
)
from broker.policy.rules import ApprovalStanding
from broker.tables import PoolRow, RoundPoolRow, RoundRow, RoundTeamRow, TeamRow

STEP_WORDS: Mapping[Step, str] = {
    Step.POOL_OWNER: "the pool owner",
    Step.REVIEW_BOARD: "the review board",
    Step.ALL_ADMINS: "all platform admins",
}
Standings = Mapping[str, Mapping[str, ApprovalStanding]]
"""By the team's key, then by the pool's."""
Steps = Sequence[ApprovalStepRow]


def approvals_for(session: Session, row: RoundRow, at: dt.datetime) -> Standings:
    """Return where the teams of a round stand with their approvals at a moment.

    A team that never asked for a pool is not there with it.
    """
    asked: dict[tuple[str, str], list[ApprovalRequestRow]] = defaultdict(list)
    for team_key, pool_key, request in session.execute(_asked(row, at)):
        asked[team_key, pool_key].append(request)
    steps = _steps(session, [one.id for some in asked.values() for one in some], at)
    found: dict[str, dict[str, ApprovalStanding]] = defaultdict(dict)
    for (team_key, pool_key), requests in asked.items():
        found[team_key][pool_key] = _standing(requests, steps, row, at)
    return found


def freeze_approvals(session: Session, row: RoundRow, at: dt.datetime) -> None:
    """Keep which approvals hold for a round that closes."""
    rows = [
        {"round_id": row.id, "request_id": request.id, "team_id": request.team_id}
        for _, _, request in session.execute(_asked(row, at))
        if _holds(request, row, at)
    ]
    if rows:
        session.execute(insert(RoundApprovalRow), rows)


def _asked(row: RoundRow, at: dt.datetime) -> Select[str, str, ApprovalRequestRow]:
    """Look up what a round's teams asked for its pools until a moment, the oldest first."""
    request = ApprovalRequestRow
    bidder = and_(
        col(RoundTeamRow.team_id) == col(request.team_id), col(RoundTeamRow.round_id) == row.id
    )
    offered = and_(
        col(RoundPoolRow.pool_id) == col(request.pool_id), col(RoundPoolRow.round_id) == row.id
    )
    return (
        select(col(TeamRow.key), col(PoolRow.key), request)
        .join(TeamRow, col(TeamRow.id) == col(request.team_id))
        .join(PoolRow, col(PoolRow.id) == col(request.pool_id))
        .join(RoundTeamRow, bidder)
        .join(RoundPoolRow, offered)
        .where(col(request.asked_at) <= at)
        .order_by(col(request.asked_at), col(request.id))
    )


def _steps(session: Session, ids: Sequence[str], at: dt.datetime) -> Mapping[str, Steps]:
    found: dict[str, list[ApprovalStepRow]] = defaultdict(list)
    begun = select(ApprovalStepRow).where(
        col(ApprovalStepRow.request_id).in_(ids), col(ApprovalStepRow.begun_at) <= at
    )
    ordered = begun.order_by(col(ApprovalStepRow.request_id), col(ApprovalStepRow.position))
    for step in session.scalars(ordered) if ids else ():
        found[step.request_id].append(step)
    return found


def _standing(
    requests: Sequence[ApprovalRequestRow],
    steps: Mapping[str, Steps],
    row: RoundRow,
    at: dt.datetime,
) -> ApprovalStanding:
    most = max((one.most_credits for one in requests if _holds(one, row, at)), default=0)
    if most:
        return ApprovalStanding(most, f"Its approval is for bids of up to {most} credits.")
    said = _said(requests[-1], steps.get(requests[-1].id, ()), at)
    return ApprovalStanding(0, said)


def _holds(request: ApprovalRequestRow, row: RoundRow, at: dt.datetime) -> bool:
    last_day = row.starts_on + dt.timedelta(days=row.days - 1)
    return (
        _state(request, at) is RequestState.APPROVED
        and request.valid_from <= row.starts_on
        and request.valid_until >= last_day
    )


def _state(request: ApprovalRequestRow, at: dt.datetime) -> RequestState:
    """Return where a request stood at a moment."""
    if request.decided_at is None or request.decided_at > at:
        return RequestState.WAITING
    return RequestState(request.state)


def _said(request: ApprovalRequestRow, steps: Steps, at: dt.datetime) -> str:
    state = _state(request, at)
    if state is RequestState.WAITING:
        asked = "; ".join(_asked_of(steps)) or f"It asked on {_day(request.asked_at)}"
        return f"{asked}; nobody had answered."
    answered = _day(request.decided_at or request.asked_at)
    if state is RequestState.APPROVED:
        return (
            f"Its approval of {answered} is for {request.valid_from} to {request.valid_until}, "
            "not for all of the sprint."
        )
    who = "the team took it back" if state is RequestState.WITHDRAWN else "it was rejected"
    return f"It asked {_first_asked(request)} on {_day(request.asked_at)}; {who} on {answered}."


def _asked_of(steps: Iterable[ApprovalStepRow]) -> Iterator[str]:
    """Say from whom it was asked and since when, one step after another."""
    for number, step in enumerate(steps):
        who = STEP_WORDS[Step(step.step)]
        since = "asked" if number == 0 else "then"
        yield f"{'It ' if number == 0 else ''}{since} {who} on {_day(step.begun_at)}"


def _first_asked(request: ApprovalRequestRow) -> str:
    step = Step.POOL_OWNER if request.lane == Lane.POOL_OWNER else Step.REVIEW_BOARD
    return STEP_WORDS[step]


def _day(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).date().isoformat()
