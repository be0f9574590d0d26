"""The times of a round, for everybody: what people changed about them, and what may be done now.

Nothing here depends on bids, so it tells as much about a round without any as about a full one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, may
from broker.dashboards.briefs import RoundBrief
from broker.people.tables import PersonRow
from broker.round_tables import CancellationRow, DeadlineChangeRow
from broker.states import RoundState

PERSON = PersonRow.metadata.tables[PersonRow.__tablename__]


@dataclass(frozen=True, slots=True)
class DeadlineChange:
    """Another closing time: who proposed it and why, and who decided; names are only shown."""

    id: str
    state: str
    closes_at_before: dt.datetime | None
    closes_at: dt.datetime
    reason: str
    proposed_by: str
    proposed_at: dt.datetime
    decided_by: str
    decided_at: dt.datetime | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Why a round was cancelled, by whom and when."""

    reason: str
    cancelled_by: str
    cancelled_at: dt.datetime


@dataclass(frozen=True, slots=True)
class RoundTimes:
    """What people did about a round's times, the newest first, and what the reader may do now.

    `waiting` is the proposal that is to be decided; `is_early_close` says that a round closed by
    hand before the time that was announced.
    """

    changes: tuple[DeadlineChange, ...]
    waiting: DeadlineChange | None
    cancellation: Cancellation | None
    is_early_close: bool
    may_open: bool
    may_close: bool
    may_propose: bool
    may_approve: bool
    may_refuse: bool


def round_times(session: Session, actor: Actor, brief: RoundBrief, now: dt.datetime) -> RoundTimes:
    """Return what happened to a round's times, and what somebody may do about them."""
    changes = _changes(session, actor, brief)
    is_open = brief.state == RoundState.OPEN
    is_over = brief.closes_at is not None and now >= brief.closes_at
    waiting = next((one for one in changes if one.state == "proposed"), None)
    waiting = waiting if is_open and not is_over else None
    may_change = is_open and not is_over and may(actor, Action.CHANGE_DEADLINE)
    return RoundTimes(
        changes=changes,
        waiting=waiting,
        cancellation=_cancellation(session, brief),
        is_early_close=_is_early(brief),
        may_open=brief.state == RoundState.SCHEDULED and may(actor, Action.OPEN_ROUND),
        may_close=is_open
        and (is_over or brief.closes_at is None)
        and may(actor, Action.CLOSE_ROUND),
        may_propose=may_change and waiting is None,
        may_approve=waiting is not None and _may_approve(actor, waiting, now),
        may_refuse=may_change and waiting is not None,
    )


def _may_approve(actor: Actor, waiting: DeadlineChange, now: dt.datetime) -> bool:
    is_second = not waiting.is_own and may(actor, Action.APPROVE_DEADLINE)
    return is_second and now < waiting.closes_at


def _is_early(brief: RoundBrief) -> bool:
    if brief.closed_at is None or brief.closes_at is None:
        return False
    return brief.closed_at < brief.closes_at


def _changes(session: Session, actor: Actor, brief: RoundBrief) -> tuple[DeadlineChange, ...]:
    proposer, decider = PERSON.alias("proposer"), PERSON.alias("decider")
    rows = session.execute(
        select(DeadlineChangeRow, proposer.c.name, decider.c.name)
        .outerjoin(proposer, proposer.c.id == col(DeadlineChangeRow.proposed_by))
        .outerjoin(decider, decider.c.id == col(DeadlineChangeRow.decided_by))
        .where(col(DeadlineChangeRow.round_id) == brief.id)
        .order_by(col(DeadlineChangeRow.proposed_at).desc(), col(DeadlineChangeRow.id))
    )
    return tuple(
        DeadlineChange(
            id=row.id,
            state=row.state,
            closes_at_before=row.closes_at_before,
            closes_at=row.closes_at,
            reason=row.reason,
            proposed_by=proposed_by or row.proposed_by,
            proposed_at=row.proposed_at,
            decided_by=decided_by or row.decided_by or "",
            decided_at=row.decided_at,
            is_own=row.proposed_by == actor.id,
        )
        for row, proposed_by, decided_by in rows
    )


def _cancellation(session: Session, brief: RoundBrief) -> Cancellation | None:
    if brief.state != RoundState.CANCELLED:
        return None
    found = session.execute(
        select(CancellationRow, PERSON.c.name)
        .outerjoin(PERSON, PERSON.c.id == col(CancellationRow.cancelled_by))
        .where(col(CancellationRow.round_id) == brief.id)
    ).first()
    if found is None:
        return None
    row, name = found
    return Cancellation(row.reason, name or row.cancelled_by, row.cancelled_at)
