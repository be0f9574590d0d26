"""What people ask about a declined bid: the exact answer, or whether a changed bid would have won.

Asking writes a row and nothing more; the worker answers it (answering.py). The same question asked
twice is one. Who may ask stands in access.py.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.counterfactuals import Standing, WhatIf
from allocation.outcome import Reason
from allocation.problem import Tier
from allocation.wire import canonical_json
from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.counterfactuals.tables import CounterfactualRow, QuestionRow
from broker.errors import InvalidInput, NotFound, Refused
from broker.holdings.awards import DECIDED
from broker.policy.rules import BARRED_REASONS
from broker.runs import market_run, published_run
from broker.tables import AlternativeRow, BidRow, DeclineRow, ItemRow, RoundRow
from broker.texts import findings_in_number

EXACT_ANSWER = "{}"
"""The document of the question what would have won."""
MOST_OPEN = 5
"""How many what-ifs of one bid may wait at a time, so that nobody keeps the worker from others."""


class InvalidWhatIf(InvalidInput):
    """A changed bid could not have been placed in this round."""

    code = "invalid-what-if"
    what = "what-if of bid"


@dataclass(frozen=True, slots=True)
class AskedBid:
    """A declined bid that somebody may ask about, with the alternative that was declined."""

    run_id: str
    bid: BidRow
    round: RoundRow
    alternative: AlternativeRow
    span_days: int

    @property
    def latest_start(self) -> dt.date:
        """The last day on which the alternative could begin and end within the sprint."""
        return self.round.starts_on + dt.timedelta(days=self.round.days - self.span_days)


def ask_exact(session: Session, actor: Actor, bid_id: str, at: dt.datetime) -> None:
    """Ask what would have won, for an answer as exact as time allows.

    What is exact already, or asked for and not answered yet, stays as it is.

    Raises: NotFound if no published run declined the bid; SignInNeeded, NotAllowed; Refused if
    nothing can be computed.
    """
    asked = askable_bid(session, actor, bid_id)
    known = session.get(CounterfactualRow, (asked.run_id, bid_id))
    if known is not None and known.standing == Standing.EXACT:
        return
    row = _question(session, asked, EXACT_ANSWER)
    if row is None:
        _add(session, asked, EXACT_ANSWER, Change(actor.id, at))
    elif row.answered_at is not None:
        row.asked_at, row.asked_by, row.begun_at, row.answered_at = at, actor.id, None, None
        _record(session, row, Change(actor.id, at))


def ask_what_if(
    session: Session, actor: Actor, bid_id: str, asked_for: WhatIf, at: dt.datetime
) -> None:
    """Ask whether the bid would have won with another offer, start, number of lots or tier.

    Raises: NotFound; SignInNeeded, NotAllowed; InvalidWhatIf with every finding; Refused if
    nothing can be computed, or too many questions about the bid wait.
    """
    asked = askable_bid(session, actor, bid_id)
    findings = list(_findings(asked, asked_for))
    if findings:
        raise InvalidWhatIf(asked.bid.key, findings)
    document = canonical_json(what_if_document(asked_for)).decode()
    if _question(session, asked, document) is not None:
        return
    if _open_count(session, asked) >= MOST_OPEN:
        raise Refused(
            f"{MOST_OPEN} questions about bid {asked.bid.key} wait for their answers already.",
            hint="Ask again when one of them is answered.",
            bid=bid_id,
        )
    _add(session, asked, document, Change(actor.id, at))


def askable_bid(session: Session, actor: Actor, bid_id: str) -> AskedBid:
    """Return a declined bid for somebody who may ask about it; other writers wait.

    Raises: NotFound; SignInNeeded, NotAllowed; Refused where a rule of the policy declined the
    bid, or the round has floors.
    """
    bid = session.get(BidRow, bid_id, with_for_update=True)
    round_ = session.get_one(RoundRow, bid.round_id) if bid else None
    decline = _decline(session, round_, bid_id) if round_ else None
    if bid is None or round_ is None or decline is None:
        raise NotFound(f"There is no declined bid {bid_id[:64]}.", bid=bid_id)
    require(actor, Action.ASK_WHAT_WOULD_HAVE_WON, team_id=bid.team_id)
    _check_computable(bid, round_, decline)
    alternative = session.get_one(AlternativeRow, (bid_id, decline.alternative))
    span = _span_days(session, alternative)
    return AskedBid(decline.run_id, bid, round_, alternative, span)


def _decline(session: Session, round_: RoundRow, bid_id: str) -> DeclineRow | None:
    """Return how the market declined a bid that is still without an award, and not overridden."""
    first, run = market_run(session, round_), published_run(session, round_)
    if round_.state not in DECIDED or first is None or run is None:
        return None
    now = session.get(DeclineRow, (run.id, bid_id))
    if now is None or now.reason == Reason.OVERRIDE:
        return None
    return session.get(DeclineRow, (first.id, bid_id))


def what_if_document(asked: WhatIf) -> dict[str, Any]:
    """Return a what-if as plain values."""
    return {
        "offer_credits_per_lot": asked.offer_credits_per_lot,
        "start": asked.start.isoformat() if asked.start else None,
        "lots": asked.lots,
        "tier": asked.tier,
    }


def what_if_of(document: str) -> WhatIf | None:
    """Read a question back; None where it asks what would have won."""
    values = json.loads(document)
    if not values:
        return None
    start, tier = values["start"], values["tier"]
    return WhatIf(
        values["offer_credits_per_lot"],
        dt.date.fromisoformat(start) if start else None,
        values["lots"],
        Tier(tier) if tier else None,
    )


def _check_computable(bid: BidRow, round_: RoundRow, decline: DeclineRow) -> None:
    if decline.reason in BARRED_REASONS:
        raise Refused(
            f"A rule of the policy kept bid {bid.key} out, so that no other offer would have won.",
            hint="The receipt says which rule, and how to meet it.",
            bid=bid.id,
        )
    if round_.floor_ratio:
        raise Refused(
            f"Round {round_.key} guarantees every team a floor, so that offers stay estimates.",
            hint="A higher offer would have moved the team's own floor.",
            bid=bid.id,
        )


def _findings(asked: AskedBid, wish: WhatIf) -> Iterator[str]:
    yield from findings_in_number("offer", wish.offer_credits_per_lot, 1)
    if wish.lots is not None:
        yield from findings_in_number("lots", wish.lots, 1, asked.alternative.max_lots)
    first, last = asked.round.starts_on, asked.latest_start
    if wish.start is not None and not first <= wish.start <= last:
        yield f"start: {wish.start} leaves the sprint; use {first} to {last}."


def _span_days(session: Session, alternative: AlternativeRow) -> int:
    ends = select(func.max(col(ItemRow.offset_days) + col(ItemRow.days))).where(
        col(ItemRow.bid_id) == alternative.bid_id, col(ItemRow.number) == alternative.number
    )
    return int(session.scalar(ends) or 1)


def _question(session: Session, asked: AskedBid, document: str) -> QuestionRow | None:
    return session.scalars(
        select(QuestionRow).where(
            col(QuestionRow.run_id) == asked.run_id,
            col(QuestionRow.bid_id) == asked.bid.id,
            col(QuestionRow.document) == document,
        )
    ).first()


def _open_count(session: Session, asked: AskedBid) -> int:
    waiting = select(func.count()).where(
        col(QuestionRow.run_id) == asked.run_id,
        col(QuestionRow.bid_id) == asked.bid.id,
        col(QuestionRow.document) != EXACT_ANSWER,
        col(QuestionRow.answered_at).is_(None),
    )
    return session.scalar(waiting) or 0


def _add(session: Session, asked: AskedBid, document: str, change: Change) -> None:
    row = QuestionRow(
        id=str(uuid4()),
        run_id=asked.run_id,
        bid_id=asked.bid.id,
        document=document,
        asked_by=change.actor,
        asked_at=change.at,
    )
    session.add(row)
    session.flush()
    _record(session, row, change)


def _record(session: Session, row: QuestionRow, change: Change) -> None:
    facts = {"bid": row.bid_id, "run": row.run_id, "asked": json.loads(row.document)}
    record(session, change, "counterfactual.asked", f"question:{row.id}", **facts)
