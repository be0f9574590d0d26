"""How an award comes to hold less: one cut, its refund, experts' hours and a notice, all at once.

Why it is cut and what comes back is decided by whoever calls: a team releases, or a round gives the
units to others. Whoever calls holds the award fast.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broker.audit import Change, record
from broker.experts.cuts import fit_hours
from broker.holdings.awards import HeldAward
from broker.holdings.tables import CutCause, HoldingCutRow
from broker.ledger.holds import Refund, refund_award, refundable_credits
from broker.notices.causes import tell_award_cut


@dataclass(frozen=True, slots=True)
class Cut:
    """Lots that an award stops holding from a day on, and the percentage that comes back."""

    cause: CutCause
    lots: int
    from_day: dt.date
    refund_percent: int
    because: str = ""
    """What the team is told beside the cause, as a whole sentence."""


def cut_award(
    session: Session, award: HeldAward, earlier: Sequence[HoldingCutRow], cut: Cut, change: Change
) -> HoldingCutRow:
    """Cut an award; what comes back is never more than is left of its payment."""
    row = _store(session, award, earlier, cut, change)
    fit_hours(session, award, (*earlier, row), change)
    _refund(session, award, row, change)
    tell_award_cut(session, award.bid, row, cut.because, change.at)
    return row


def _store(
    session: Session, award: HeldAward, earlier: Sequence[HoldingCutRow], cut: Cut, change: Change
) -> HoldingCutRow:
    due = award.paid.refund_credits(cut.lots, cut.from_day, cut.refund_percent)
    row = HoldingCutRow(
        run_id=award.row.run_id,
        bid_id=award.row.bid_id,
        number=len(earlier) + 1,
        cause=cut.cause,
        lots=cut.lots,
        from_day=cut.from_day,
        refund_percent=cut.refund_percent,
        refund_credits=min(due, refundable_credits(session, award.row)),
        cut_by=change.actor,
        cut_at=change.at,
    )
    session.add(row)
    session.flush()
    facts = {name: getattr(row, name) for name in ("number", "lots", "refund_credits")}
    subject = f"award:{row.run_id}/{row.bid_id}"
    record(session, change, f"award.{row.cause}", subject, from_day=str(row.from_day), **facts)
    return row


def _refund(session: Session, award: HeldAward, cut: HoldingCutRow, change: Change) -> None:
    if not cut.refund_credits:
        return
    refund = Refund(
        f"{cut.run_id}/{cut.bid_id}/{cut.number}",
        cut.run_id,
        cut.bid_id,
        cut.refund_credits,
        f"{cut.lots} of {award.row.lots} lots {cut.cause} from {cut.from_day} on",
    )
    refund_award(session, refund, change)
