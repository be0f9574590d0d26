"""Where a declined bid stands on the waitlist, and what its team may do about that."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlmodel import Session

from broker.access import Action, Actor, may
from broker.dashboards.receipts import Receipt
from broker.spot.acceptances import accept_hours
from broker.spot.tables import WaitlistWish
from broker.spot.waitlists import can_wait, standing_of
from broker.states import RoundState


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whether a declined bid waits, since when, and what it got; `receipt_id` leads there.

    `accept_hours` is how long its team could accept what it won; None if nobody is asked.
    """

    is_waiting: bool
    since: dt.datetime | None
    receipt_id: str | None
    may_join: bool
    may_leave: bool
    is_asked: bool = False
    accept_hours: int | None = None


def waiting(
    session: Session, actor: Actor, screen: Receipt, bid_id: str, at: dt.datetime
) -> Waiting | None:
    """Return where a declined bid of a sprint's round stands; None where it could never wait."""
    if screen.decline is None:
        return None
    said = standing_of(session, bid_id)
    is_able = screen.round.state == RoundState.PUBLISHED and _is_able(screen, at)
    if said.is_daily or (said.wish is None and not is_able):
        return None
    got = said.served_by
    is_waiting = said.wish in {WaitlistWish.TAKE, WaitlistWish.ASK} and got is None
    is_lead = may(actor, Action.PLACE_BID, team_id=screen.team_id) and got is None
    return Waiting(
        is_waiting and is_able,
        said.wished_at,
        got,
        may_join=is_lead and is_able and not is_waiting,
        may_leave=is_lead and is_waiting,
        is_asked=said.wish == WaitlistWish.ASK,
        accept_hours=accept_hours(session, at),
    )


def _is_able(screen: Receipt, at: dt.datetime) -> bool:
    last_start = max(one.latest_start for one in screen.alternatives)
    reason = screen.decline.reason if screen.decline else ""
    return can_wait(reason, last_start, at.astimezone(dt.UTC).date())
