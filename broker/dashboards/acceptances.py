"""Whether a team is asked to accept what a waiting bid won, and what it answered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from broker.access import Action, Actor, may
from broker.dashboards.receipts import Receipt


@dataclass(frozen=True, slots=True)
class ToAccept:
    """By when an award is accepted, what became of that, and whether the reader may answer now."""

    accept_by: dt.datetime
    answer: str | None
    answered_at: dt.datetime | None
    may_answer: bool


def to_accept(actor: Actor, screen: Receipt, at: dt.datetime) -> ToAccept | None:
    """Return what a team is asked about an award; None where it holds as it is."""
    asked = screen.acceptance
    if asked is None or screen.award is None:
        return None
    is_lead = may(actor, Action.RELEASE_AWARD, team_id=screen.team_id)
    is_open = asked.answer is None and at < asked.accept_by
    return ToAccept(asked.accept_by, asked.answer, asked.answered_at, is_lead and is_open)
