"""Whether a team is asked to accept what a waiting bid won, and what it answered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlmodel import Session

from broker.access import Action, Actor, may
from broker.dashboards.receipts import Receipt
from broker.spot.tables import AcceptanceRow


@dataclass(frozen=True, slots=True)
class ToAccept:
    """By when an award is accepted, what became of that, and whether the reader may answer now."""

    accept_by: dt.datetime
    answer: str | None
    answered_at: dt.datetime | None
    may_answer: bool


def to_accept(
    session: Session, actor: Actor, screen: Receipt, bid_id: str, at: dt.datetime
) -> ToAccept | None:
    """Return what a team is asked about an award; None where it holds as it is."""
    asked = session.get(AcceptanceRow, bid_id) if screen.award else None
    if asked is None:
        return None
    is_lead = may(actor, Action.RELEASE_AWARD, team_id=screen.team_id)
    is_open = asked.answer is None and at < asked.accept_by
    return ToAccept(asked.accept_by, asked.answer, asked.answered_at, is_lead and is_open)
