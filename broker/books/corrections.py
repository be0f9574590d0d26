"""Corrections: a journal that was wrong is taken back by two persons, in the period of the day.

What was posted stays; the correction is a journal of its own that names the one it takes back, so
that a closed period does not change and everybody can see what became of it.
"""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import ActorId, Change, record
from broker.books.tables import CorrectionRow, CorrectionState
from broker.errors import InvalidInput, NotFound, Refused
from broker.ledger.journals import reverse_journal
from broker.ledger.tables import JournalKind, JournalRow
from broker.texts import findings_in_text

CORRECTABLE = frozenset(
    {
        JournalKind.ENDOWMENT,
        JournalKind.CARRY_OVER,
        JournalKind.ROUND_ENDOWMENT,
        JournalKind.ENDOWMENT_BY_HAND,
        JournalKind.REFUND,
    }
)
"""What can be taken back whole. A payment comes back by a refund; holds follow their round."""


def propose_correction(
    session: Session, actor: Actor, number: int, reason: str, at: dt.datetime
) -> str:
    """Ask that a journal be taken back, and return the proposal's id.

    Raises: NotAllowed; NotFound; InvalidInput; Refused if it is corrected, or a proposal waits.
    """
    require(actor, Action.PROPOSE_CORRECTION)
    journal = session.get(JournalRow, number)
    if journal is None:
        raise NotFound(f"There is no journal {number}.", number=number)
    _check_correctable(session, journal)
    findings = [*findings_in_text("reason", reason)]
    if not reason.strip():
        findings.append("reason: say why, for auditors to read.")
    if findings:
        raise InvalidInput(f"journal {number}", findings)
    row = CorrectionRow(
        id=str(uuid4()),
        journal_number=number,
        state=CorrectionState.PROPOSED,
        reason=reason.strip(),
        proposed_by=actor.id,
        proposed_at=at,
    )
    session.add(row)
    session.flush()
    _record(session, row, Change(actor.id, at))
    return row.id


def approve_correction(session: Session, actor: Actor, correction_id: str, at: dt.datetime) -> int:
    """Take a journal back, as the second person; return the correcting journal's number.

    Raises: NotAllowed; NotFound; Refused for the person who proposed it, and if it is decided;
    Overdrawn if the credits went further meanwhile.
    """
    require(actor, Action.APPROVE_CORRECTION)
    row = _undecided(session, correction_id)
    if row.proposed_by == actor.id:
        raise Refused(
            "Who proposed a correction cannot approve it as well.", hint="Ask a second person."
        )
    change, proposed_by = Change(actor.id, at), ActorId(row.proposed_by)
    number = reverse_journal(
        session, row.journal_number, change, reason=row.reason, proposed_by=proposed_by
    )
    if number is None:
        raise Refused(f"Journal {row.journal_number} moved nothing that could be taken back.")
    row.correction_number = number
    _decide(session, row, CorrectionState.APPROVED, change)
    return number


def refuse_correction(session: Session, actor: Actor, correction_id: str, at: dt.datetime) -> None:
    """Turn a proposed correction down, or take the own one back. Raises: NotAllowed; Refused."""
    require(actor, Action.PROPOSE_CORRECTION)
    row = _undecided(session, correction_id)
    _decide(session, row, CorrectionState.REFUSED, Change(actor.id, at))


def _check_correctable(session: Session, journal: JournalRow) -> None:
    if journal.kind not in CORRECTABLE:
        raise Refused(
            f"Journal {journal.number} is a {journal.kind} and cannot be taken back whole.",
            hint="A payment comes back by a refund; a correction stays as it is.",
        )
    taken_back = select(col(JournalRow.number)).where(col(JournalRow.corrects) == journal.number)
    correction = session.scalars(taken_back).first()
    if correction is not None:
        raise Refused(f"Journal {journal.number} is taken back already, by {correction}.")
    waiting = select(CorrectionRow).where(
        col(CorrectionRow.journal_number) == journal.number,
        col(CorrectionRow.state) == CorrectionState.PROPOSED,
    )
    if session.scalars(waiting).first() is not None:
        raise Refused(
            f"A correction of journal {journal.number} waits already.",
            hint="Approve it or refuse it first.",
        )


def _undecided(session: Session, correction_id: str) -> CorrectionRow:
    row = session.scalars(
        select(CorrectionRow).where(col(CorrectionRow.id) == correction_id).with_for_update()
    ).first()
    if row is None:
        raise NotFound("There is no such correction.", hint="Is the address complete?")
    if row.state != CorrectionState.PROPOSED:
        raise Refused(f"This correction was {row.state} already.")
    return row


def _decide(session: Session, row: CorrectionRow, state: CorrectionState, change: Change) -> None:
    row.state, row.decided_by, row.decided_at = state, change.actor, change.at
    session.flush()
    _record(session, row, change)


def _record(session: Session, row: CorrectionRow, change: Change) -> None:
    subject, facts = f"correction:{row.id}", {"journal": row.journal_number}
    if row.correction_number is not None:
        facts["correction"] = row.correction_number
    record(session, change, f"correction.{row.state}", subject, **facts)
