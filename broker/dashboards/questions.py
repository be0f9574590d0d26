"""What was asked about a declined bid, for its receipt: the exact answer and what-ifs, with states.

Everybody sees how far the exact answer is; what-ifs are for those who may ask. Who would have been
displaced is counted, never named.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.counterfactuals import Standing, Verdict
from allocation.outcome import Reason
from broker.access import Action, Actor, may
from broker.counterfactuals.questions import what_if_of
from broker.counterfactuals.tables import QuestionRow
from broker.dashboards.receipts import Receipt
from broker.policy.rules import BARRED_REASONS

NEVER_ASKED = (*BARRED_REASONS, Reason.OVERRIDE)
"""Reasons that no other offer would have changed."""
LATE_AFTER = dt.timedelta(minutes=1)
"""How long a question waits before its page says how a worker is started."""


class Progress(StrEnum):
    """How far a question is; only the exact answer may be bounded, or not asked for."""

    OPEN = "open"
    WAITING = "waiting"
    WORKING = "working"
    ANSWERED = "answered"
    BOUNDED = "bounded"


@dataclass(frozen=True, slots=True)
class WhatIfFacts:
    """A what-if and what came of it; what is None stayed as it was, or is not known yet.

    Units: the offer is of one lot; payment and displaced value are of all of it. `is_best` says
    whether no outcome with the changed bid is worth more than the one that is told.
    """

    offer_credits_per_lot: int
    asked_start: dt.date | None
    asked_lots: int | None
    asked_tier: str | None
    asked_at: dt.datetime
    progress: Progress
    verdict: Verdict | None
    start: dt.date | None
    lots: int | None
    payment_credits: int | None
    displaced_bids: int
    displaced_value: int
    is_best: bool
    answered_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Asking:
    """What may be asked about a declined bid, what was asked, and how far it is.

    `is_computable` is false where a rule of the policy declined the bid and in rounds with floors.
    """

    may_ask: bool
    is_computable: bool
    exact: Progress
    exact_asked_at: dt.datetime | None
    what_ifs: tuple[WhatIfFacts, ...]
    is_late: bool
    first_start: dt.date
    last_start: dt.date

    @property
    def is_exact_awaited(self) -> bool:
        """Whether the exact answer is asked for and not there yet."""
        return self.exact in (Progress.WAITING, Progress.WORKING)

    @property
    def is_what_if_awaited(self) -> bool:
        """Whether a what-if has no answer yet."""
        return any(one.answered_at is None for one in self.what_ifs)


def asking(
    session: Session, actor: Actor, screen: Receipt, bid_id: str, at: dt.datetime
) -> Asking | None:
    """Return what may be asked about a declined bid; None for one that won."""
    decline = screen.decline
    if decline is None or decline.alternative is None:
        return None
    may_ask = may(actor, Action.ASK_WHAT_WOULD_HAVE_WON, team_id=screen.team_id)
    rows = _questions(session, screen.run.market_run_id, bid_id)
    exact = next((row for row in rows if what_if_of(row.document) is None), None)
    what_ifs = [_what_if(row) for row in rows if row is not exact] if may_ask else []
    spare_days = screen.round.days - decline.alternative.span_days
    return Asking(
        may_ask=may_ask,
        is_computable=decline.reason not in NEVER_ASKED and not screen.run.report.floors,
        exact=_exact_progress(screen, exact),
        exact_asked_at=exact.asked_at if exact else None,
        what_ifs=tuple(what_ifs),
        is_late=any(_is_late(row, at) for row in rows),
        first_start=screen.round.starts_on,
        last_start=screen.round.starts_on + dt.timedelta(days=spare_days),
    )


def _questions(session: Session, run_id: str, bid_id: str) -> list[QuestionRow]:
    """List what was asked about a bid, the newest first."""
    asked = select(QuestionRow).where(
        col(QuestionRow.run_id) == run_id, col(QuestionRow.bid_id) == bid_id
    )
    return list(session.scalars(asked.order_by(col(QuestionRow.asked_at).desc())))


def _exact_progress(screen: Receipt, row: QuestionRow | None) -> Progress:
    winning = screen.decline.winning if screen.decline else None
    standing = winning.standing if winning else Standing.ESTIMATE
    if standing is Standing.EXACT:
        return Progress.ANSWERED
    if row is not None and row.answered_at is None:
        return _progress(row)
    return Progress.BOUNDED if standing is Standing.INTERVAL else Progress.OPEN


def _progress(row: QuestionRow) -> Progress:
    if row.answered_at is not None:
        return Progress.ANSWERED
    return Progress.WAITING if row.begun_at is None else Progress.WORKING


def _is_late(row: QuestionRow, at: dt.datetime) -> bool:
    return row.begun_at is None and row.asked_at + LATE_AFTER <= at


def _what_if(row: QuestionRow) -> WhatIfFacts:
    asked = json.loads(row.document)
    found = json.loads(row.answer) if row.answer else {}
    displaced = found.get("displaced", {"bids": (), "value": 0})
    return WhatIfFacts(
        offer_credits_per_lot=asked["offer_credits_per_lot"],
        asked_start=_day(asked["start"]),
        asked_lots=asked["lots"],
        asked_tier=asked["tier"],
        asked_at=row.asked_at,
        progress=_progress(row),
        verdict=Verdict(row.verdict) if row.verdict else None,
        start=_day(found.get("start")),
        lots=found.get("lots"),
        payment_credits=found.get("payment_credits"),
        displaced_bids=len(displaced["bids"]),
        displaced_value=displaced["value"],
        is_best=found.get("is_best", False),
        answered_at=row.answered_at,
    )


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
