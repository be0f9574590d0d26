"""What another person says about a report: that it is so, or that it is not and why.

One verdict for each version, for good: whoever was wrong is set right by the next version. Who may
give it stands in access.py; that it is never the report's author stands in the database as well.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from broker.access import Action, Actor, may, require
from broker.audit import Change, record
from broker.deliveries.awards import EndedAward, find_ended_award
from broker.deliveries.reports import InvalidDelivery, findings_in_line, latest_report
from broker.deliveries.tables import DeliveryRow, DeliveryVerdictRow
from broker.errors import NotAllowed, NotFound, Refused
from broker.notices.causes import settle_delivery
from broker.texts import findings_in_text


class Verdict(StrEnum):
    """What somebody else says about a report."""

    CONFIRMED = "confirmed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class GiveVerdict:
    """A wish to confirm or dispute a version of a report; a dispute says why in its note."""

    bid_id: str
    version: int
    verdict: Verdict
    note: str = ""


def give_verdict(session: Session, actor: Actor, wish: GiveVerdict, at: dt.datetime) -> bool:
    """Confirm or dispute the newest version of a report; False if the asker said the same before.

    Raises: NotFound if nothing is reported; SignInNeeded, NotAllowed, also for the report's author;
    Refused if there is a newer version or another verdict; InvalidDelivery with every finding.
    """
    award = find_ended_award(session, wish.bid_id, at)
    _require(actor, award)
    report = latest_report(session, wish.bid_id)
    if report is None:
        raise NotFound(f"Nothing is reported on the award {wish.bid_id}.", bid=wish.bid_id)
    known = session.get(DeliveryVerdictRow, report.id)
    if known is not None and (known.approver, known.verdict) == (actor.id, wish.verdict):
        return False
    _check_open(report, known, wish)
    if report.author == actor.id:
        raise NotAllowed("Whoever reported a delivery does not decide on it.", bid=wish.bid_id)
    _check_note(award, wish)
    _store(session, report, actor, wish, at)
    settle_delivery(session, report.bid_id, report.version, at)
    return True


def may_decide(actor: Actor, team_id: str, pool_ids: frozenset[str]) -> bool:
    """Say whether somebody may confirm or dispute what a team delivered with some pools."""
    return any(
        may(actor, Action.CONFIRM_DELIVERY, team_id=team_id, pool_id=pool_id)
        for pool_id in pool_ids
    )


def _require(actor: Actor, award: EndedAward) -> None:
    if not may_decide(actor, award.team_id, award.pool_ids):
        require(actor, Action.CONFIRM_DELIVERY, team_id=award.team_id)


def _check_open(report: DeliveryRow, known: DeliveryVerdictRow | None, wish: GiveVerdict) -> None:
    if report.version != wish.version:
        raise Refused(
            f"Version {report.version} of this report came meanwhile; you read {wish.version}.",
            hint="Read it, then decide.",
            bid=wish.bid_id,
        )
    if known is not None:
        raise Refused(
            f"Version {report.version} of this report is {known.verdict} already.",
            hint="The team's lead can correct the report; the correction is decided anew.",
            bid=wish.bid_id,
        )


def _check_note(award: EndedAward, wish: GiveVerdict) -> None:
    if wish.verdict is Verdict.DISPUTED:
        findings = list(findings_in_line("note", wish.note, "say what is not as reported"))
    else:
        findings = list(findings_in_text("note", wish.note))
    if findings:
        raise InvalidDelivery(award.bid_key, findings)


def _store(
    session: Session, report: DeliveryRow, actor: Actor, wish: GiveVerdict, at: dt.datetime
) -> None:
    session.add(
        DeliveryVerdictRow(
            delivery_id=report.id,
            author=report.author,
            verdict=wish.verdict,
            note=wish.note.strip(),
            approver=actor.id,
            decided_at=at,
        )
    )
    session.flush()
    record(
        session,
        Change(actor.id, at),
        f"delivery.{wish.verdict}",
        f"delivery:{report.id}",
        bid=report.bid_id,
        version=report.version,
    )
