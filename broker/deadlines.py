"""The closing time of an open round: one person proposes another one, a second person approves it.

The rule holds for every open round, so it says nothing about whether there are bids. The database
refuses what one person does alone: round_tables.py and migration 0007. The history is public.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.clock import in_words
from broker.errors import InvalidDeadline, NotFound, Refused
from broker.notices.causes import settle_deadline, tell_deadline_changed, tell_deadline_proposed
from broker.round_tables import DeadlineChangeRow
from broker.rounds import lock_round
from broker.states import RoundState
from broker.tables import RoundRow
from broker.texts import findings_in_text

PROPOSED, APPROVED, REFUSED = "proposed", "approved", "refused"


@dataclass(frozen=True, slots=True)
class DeadlineWish:
    """Another closing time for a round, and why, as somebody entered it."""

    round_key: str
    closes_at: dt.datetime
    reason: str


def propose_deadline(session: Session, actor: Actor, wish: DeadlineWish, at: dt.datetime) -> str:
    """Ask for another closing time of an open round, and return the proposal's id.

    Raises: NotFound; NotAllowed; Refused if the round is not open or a proposal waits;
    InvalidDeadline.
    """
    require(actor, Action.CHANGE_DEADLINE)
    row = _lock_while_it_takes_bids(session, wish.round_key, at)
    findings = list(_findings(wish, row, at))
    if findings:
        raise InvalidDeadline(wish.round_key, findings)
    if _waiting(session, row) is not None:
        raise Refused(
            f"A change of the closing time of round {row.key} waits already.",
            hint="Approve it or refuse it first.",
            round_key=row.key,
        )
    proposal = DeadlineChangeRow(
        id=str(uuid4()),
        round_id=row.id,
        state=PROPOSED,
        closes_at_before=row.closes_at,
        closes_at=wish.closes_at,
        reason=wish.reason.strip(),
        proposed_by=actor.id,
        proposed_at=at,
    )
    session.add(proposal)
    session.flush()
    _record(session, row, proposal, "proposed", Change(actor.id, at))
    tell_deadline_proposed(session, row, proposal.id, actor.id, at)
    return proposal.id


def approve_deadline(
    session: Session, actor: Actor, round_key: str, change_id: str, at: dt.datetime
) -> None:
    """Let a proposed closing time hold from now on; whoever does it is the second person.

    Raises: NotFound; NotAllowed; Refused for the person who proposed it, and where the time or the
    round has moved on.
    """
    require(actor, Action.APPROVE_DEADLINE)
    row = _lock_while_it_takes_bids(session, round_key, at)
    proposal = _undecided(session, row, change_id)
    if proposal.proposed_by == actor.id:
        raise Refused(
            "Who proposed a closing time cannot approve it as well.", hint="Ask a second person."
        )
    if proposal.closes_at <= at:
        raise Refused(
            f"The proposed closing time {in_words(proposal.closes_at)} has passed.",
            hint="Refuse it and propose another one.",
        )
    _decide(session, proposal, APPROVED, actor, at)
    row.closes_at = proposal.closes_at
    session.flush()
    _record(session, row, proposal, "approved", Change(actor.id, at))
    tell_deadline_changed(session, row, proposal.id, at)


def refuse_deadline(
    session: Session, actor: Actor, round_key: str, change_id: str, at: dt.datetime
) -> None:
    """Turn a proposed closing time down, or take the own proposal back.

    Raises: NotFound; NotAllowed; Refused if it is decided, or the round takes no bids any more.
    """
    require(actor, Action.CHANGE_DEADLINE)
    row = _lock_while_it_takes_bids(session, round_key, at)
    proposal = _undecided(session, row, change_id)
    _decide(session, proposal, REFUSED, actor, at)
    _record(session, row, proposal, "refused", Change(actor.id, at))


def _lock_while_it_takes_bids(session: Session, key: str, at: dt.datetime) -> RoundRow:
    """Return a round whose closing time still lies ahead; what has passed stays passed."""
    row = lock_round(session, key)
    if row.state != RoundState.OPEN:
        hint = "`broker round schedule` says when it opens and closes."
        raise Refused(
            f"Round {key} is {row.state}; only an open round has a deadline to change.",
            hint=hint if row.state == RoundState.SCHEDULED else "",
            round_key=key,
        )
    if row.closes_at is not None and at >= row.closes_at:
        raise Refused(f"Round {key} closed for bids at {in_words(row.closes_at)}.", round_key=key)
    return row


def _findings(wish: DeadlineWish, row: RoundRow, at: dt.datetime) -> Iterator[str]:
    if wish.closes_at <= at:
        yield f"closes at: {in_words(wish.closes_at)} has passed; name a later time."
    if wish.closes_at == row.closes_at:
        yield f"closes at: {in_words(wish.closes_at)} is when it closes anyway; name another time."
    if not wish.reason.strip():
        yield "reason: say why, for everybody to read."
    yield from findings_in_text("reason", wish.reason)


def _waiting(session: Session, row: RoundRow) -> DeadlineChangeRow | None:
    waiting = select(DeadlineChangeRow).where(
        col(DeadlineChangeRow.round_id) == row.id, col(DeadlineChangeRow.state) == PROPOSED
    )
    return session.scalars(waiting).first()


def _undecided(session: Session, row: RoundRow, change_id: str) -> DeadlineChangeRow:
    """Return a proposal that waits; it cannot be decided twice, because its round is locked."""
    found = session.get(DeadlineChangeRow, change_id, populate_existing=True)
    if found is None or found.round_id != row.id:
        raise NotFound(f"Round {row.key} has no such proposal.", round_key=row.key)
    if found.state != PROPOSED:
        raise Refused(f"The proposal was {found.state} already.", round_key=row.key)
    return found


def _decide(
    session: Session, proposal: DeadlineChangeRow, state: str, actor: Actor, at: dt.datetime
) -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, actor.id, at
    session.flush()
    settle_deadline(session, proposal.id, at)


def _record(
    session: Session, row: RoundRow, proposal: DeadlineChangeRow, what: str, change: Change
) -> None:
    before = proposal.closes_at_before
    record(
        session,
        change,
        f"round.deadline-{what}",
        f"round:{row.key}",
        change_id=proposal.id,
        closes_at_before=before.isoformat() if before else None,
        closes_at=proposal.closes_at.isoformat(),
    )
