"""Rehearsals and runs that people ask for on a page: the request is stored, a worker does it.

Nothing is solved in a request of the web. Whoever begins a run of the kind that waits meets the
request, be it the worker, `broker tick` or `broker run`; a request whose host stopped waits again.
The run itself stands in runs.py.
"""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

from sqlalchemy import and_, or_, select, update
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import Refused
from broker.round_tables import RunRequestRow
from broker.rounds import lock_round
from broker.states import RoundState, RunPurpose, RunState
from broker.tables import RoundRow, RunRow


def ask_run(
    session: Session, actor: Actor, round_key: str, purpose: RunPurpose, at: dt.datetime
) -> str:
    """Have a closed round rehearsed, or run and published, and return the request's id.

    Raises: NotFound; NotAllowed; Refused if the round is not closed or a request waits already.
    """
    require(actor, Action.RUN_ROUND)
    row = lock_round(session, round_key)
    if row.state != RoundState.CLOSED:
        raise Refused(
            f"Round {row.key} is {row.state}; only a closed round can be rehearsed or run.",
            round_key=row.key,
        )
    waiting = waiting_request(session, row.id)
    if waiting is not None:
        raise Refused(
            f"A {waiting.purpose} of round {row.key} waits to be begun already.",
            hint="Wait for it; the worker begins it within a minute.",
            round_key=row.key,
        )
    asked = RunRequestRow(
        id=str(uuid4()), round_id=row.id, purpose=purpose, asked_by=actor.id, asked_at=at
    )
    session.add(asked)
    session.flush()
    record(session, Change(actor.id, at), f"round.{purpose}-asked", f"round:{row.key}")
    return asked.id


def waiting_request(session: Session, round_id: str) -> RunRequestRow | None:
    """Return the request of a round that no run has met yet; there is at most one."""
    waiting = select(RunRequestRow).where(
        col(RunRequestRow.round_id) == round_id, col(RunRequestRow.run_id).is_(None)
    )
    return session.scalars(waiting).first()


def next_request(session: Session, at: dt.datetime) -> tuple[str, RunPurpose] | None:
    """Return the round and the kind of the run that waits longest and that nobody works on."""
    is_left = and_(
        col(RunRow.state) == RunState.SOLVING,
        or_(col(RoundRow.lease_until).is_(None), col(RoundRow.lease_until) <= at),
    )
    is_free = or_(col(RoundRow.lease_until).is_(None), col(RoundRow.lease_until) <= at)
    is_waiting = and_(col(RunRequestRow.run_id).is_(None), is_free)
    oldest = (
        select(col(RoundRow.key), col(RunRequestRow.purpose))
        .join(RoundRow, col(RoundRow.id) == col(RunRequestRow.round_id))
        .outerjoin(RunRow, col(RunRow.id) == col(RunRequestRow.run_id))
        .where(col(RoundRow.state) == RoundState.CLOSED, or_(is_waiting, is_left))
        .order_by(col(RunRequestRow.asked_at), col(RunRequestRow.id))
    )
    found = session.execute(oldest.limit(1)).first()
    return (found[0], RunPurpose(found[1])) if found else None


def meet_request(session: Session, run: RunRow) -> None:
    """Say that a run is what somebody waits for, where it is of that kind."""
    session.execute(
        update(RunRequestRow)
        .where(
            col(RunRequestRow.round_id) == run.round_id,
            col(RunRequestRow.purpose) == run.purpose,
            col(RunRequestRow.run_id).is_(None),
        )
        .values(run_id=run.id)
    )


def ask_again(session: Session, run: RunRow) -> None:
    """Let the request of a run whose host stopped wait again, unless another one waits."""
    if waiting_request(session, run.round_id) is None:
        of_run = col(RunRequestRow.run_id) == run.id
        session.execute(update(RunRequestRow).where(of_run).values(run_id=None))
