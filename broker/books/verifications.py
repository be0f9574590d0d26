"""Checks of everything, asked for by people and made by the worker, outside of any request.

What is asked for stands in the database; whoever works takes one after the other, tells how far it
is, and keeps what it found. A check that was asked for to close a period closes it if nothing is
found. A worker that stops leaves its check to the next one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import and_, or_, select, update
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.access import Action, Actor, require
from broker.audit import ActorId, Change, record
from broker.books.closing import VerifiedLog, closing_of, fix_books
from broker.books.tables import VerificationRow, VerificationState
from broker.clock import Clock, time_of
from broker.db import Database, reading, transact
from broker.errors import BrokerError
from broker.ledger.periods import find_period
from broker.proofs.logs import log_root, log_size
from broker.proofs.verifying import Evidence, Verified, verify

WAITING, WORKING = VerificationState.WAITING, VerificationState.WORKING
DONE, FAILED = VerificationState.DONE, VerificationState.FAILED
LONGEST = dt.timedelta(minutes=10)
"""After this time whoever makes a check is taken to have stopped."""
MOST_SENTENCES = 200
"""How many findings are kept in words; the first bad event is kept in any case."""
VERIFIER = ActorId("verifications")


@dataclass(frozen=True, slots=True)
class Notary:
    """What a check needs besides the database: the public key, and who signs the log after a close.

    Both may raise BrokerError, as where the key cannot be read.
    """

    read_evidence: Callable[[], Evidence]
    sign: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Claim:
    """A check that is being made."""

    id: str
    began: dt.datetime
    closes: str | None
    asked_by: ActorId


def ask_verification(
    session: Session, actor: Actor, at: dt.datetime, *, closes: str | None = None
) -> str:
    """Have everything checked, to close a period or only to know; return the check's id.

    A check of the same kind that waits or is made already is the answer.

    Raises: NotAllowed; NotFound; Refused if the period cannot be closed.
    """
    require(actor, Action.VERIFY if closes is None else Action.CLOSE_PERIOD)
    if closes is not None:
        closing_of(session, find_period(session, closes), VerifiedLog(0, ""), at)
    known = _under_way(session, closes)
    if known is not None:
        return known.id
    row = VerificationRow(
        id=str(uuid4()), state=WAITING, closes=closes, asked_by=actor.id, asked_at=at
    )
    session.add(row)
    session.flush()
    facts = {} if closes is None else {"closes": closes}
    record(session, Change(actor.id, at), "verification.asked", f"verification:{row.id}", **facts)
    return row.id


def verify_next(db: Database, clock: Clock, notary: Notary) -> bool:
    """Make one check that waits, the longest waiting first; False if none does."""
    claim = transact(db, lambda session: _claim(session, time_of(session, clock)))
    if claim is None:
        return False
    if claim.closes is not None:
        notary.sign()
    try:
        evidence = notary.read_evidence()
        log, verified = check_everything(db, evidence, lambda stage: _tell(db, claim, stage))
        transact(db, lambda session: _keep(session, claim, log, verified, time_of(session, clock)))
    except BrokerError as error:
        why = str(error)
        transact(db, lambda session: _fail(session, claim, why, time_of(session, clock)))
        return True
    if claim.closes is not None:
        notary.sign()
    return True


def check_everything(
    db: Database, evidence: Evidence, tell: Callable[[str], None]
) -> tuple[VerifiedLog, Verified]:
    """Check the market whole, as it is at one moment; return up to which event, and what was found.

    `tell` hears the name of every part that is done.
    """
    verified = Verified()
    with reading(db) as session:
        size = log_size(session)
        log = VerifiedLog(size, log_root(session, size).hex())
        for step in verify(session, evidence):
            verified.findings.extend(step.findings)
            tell(step.name)
    return log, verified


def _under_way(session: Session, closes: str | None) -> VerificationRow | None:
    row = VerificationRow
    same = col(row.closes).is_(None) if closes is None else col(row.closes) == closes
    waiting = select(row).where(col(row.state).in_([WAITING, WORKING]), same)
    return session.scalars(waiting.order_by(col(row.asked_at))).first()


def _claim(session: Session, at: dt.datetime) -> _Claim | None:
    """Take the check that waits longest. Two workers never take the same one."""
    row = VerificationRow
    left = and_(col(row.state) == WORKING, col(row.started_at) < at - LONGEST)
    waiting = select(row).where(or_(col(row.state) == WAITING, left))
    ordered = waiting.order_by(col(row.asked_at), col(row.id)).limit(1)
    found = session.scalars(ordered.with_for_update(skip_locked=True)).first()
    if found is None:
        return None
    found.state, found.started_at, found.stage = WORKING, at, ""
    session.flush()
    return _Claim(found.id, at, found.closes, ActorId(found.asked_by))


def _tell(db: Database, claim: _Claim, stage: str) -> None:
    at_work = _at_work(claim).values(stage=stage)
    transact(db, lambda session: session.execute(at_work))


def _keep(
    session: Session, claim: _Claim, log: VerifiedLog, verified: Verified, at: dt.datetime
) -> None:
    """Write down what a check found; if that is nothing, close the period it was asked for."""
    sentences = [str(finding) for finding in verified.findings]
    values = {
        "events": log.size,
        "findings": canonical_json(sentences[:MOST_SENTENCES]).decode(),
        "first_bad": verified.first_bad,
    }
    facts = {"events": log.size, "findings": len(sentences)}
    if verified.first_bad is not None:
        facts["first_bad"] = verified.first_bad
    if _end(session, claim, DONE, at, values, facts) and claim.closes and not sentences:
        fix_books(session, claim.asked_by, claim.closes, log, at)


def _fail(session: Session, claim: _Claim, why: str, at: dt.datetime) -> None:
    _end(session, claim, FAILED, at, {"failure": why}, {})


def _end(
    session: Session,
    claim: _Claim,
    state: VerificationState,
    at: dt.datetime,
    values: dict[str, Any],
    facts: dict[str, int],
) -> bool:
    """Write how a check ended; False if somebody else took it over."""
    ending = _at_work(claim).values(state=state, finished_at=at, stage="", **values)
    if session.scalars(ending.returning(col(VerificationRow.id))).first() is None:
        return False
    subject, change = f"verification:{claim.id}", Change(VERIFIER, at)
    record(session, change, f"verification.{state}", subject, **facts)
    return True


def _at_work(claim: _Claim) -> Any:
    """Name the claimed check, as long as nobody else took it over."""
    row = VerificationRow
    return update(row).where(
        col(row.id) == claim.id, col(row.state) == WORKING, col(row.started_at) == claim.began
    )


def findings_of(row: VerificationRow) -> tuple[str, ...]:
    """Return what a check found, in sentences."""
    return tuple(json.loads(row.findings or "[]"))
