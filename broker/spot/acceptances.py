"""Awards that hold only once their team accepts them: what a bid won whose team wants to be asked.

Such a bid enters a daily round with a time by which its team answers, before the first day that it
could use. What it wins is its own like every award, so the units are kept for it, until the team
declines or the time is over; then all of it is cut and its payment comes back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, exists, select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import Refused, TooLate
from broker.holdings.awards import HeldAward, cuts_of, find_award, lock_award, lots_left
from broker.holdings.cutting import Cut, cut_award
from broker.holdings.tables import CutCause
from broker.notices.causes import settle_acceptance, tell_to_accept
from broker.policy.versions import policy_in_force
from broker.rounds import lock_round
from broker.spot.tables import AcceptanceRow, TeamAnswer
from broker.states import RunState
from broker.tables import AwardRow, BidRow, RoundRow, RunRow

WHOLE_PERCENT = 100


def accept_hours(session: Session, at: dt.datetime) -> int | None:
    """Return how long a team has to accept by the policy in force; None if nobody is asked."""
    in_force = policy_in_force(session, at)
    spot = in_force.policy.spot if in_force else None
    return spot.accept_hours if spot else None


def accept_by(session: Session, at: dt.datetime) -> dt.datetime | None:
    """Return by when a team answers what it is asked at a moment; None if nobody is asked."""
    hours = accept_hours(session, at)
    return None if hours is None else at + dt.timedelta(hours=hours)


def ask_before(session: Session, bid_ids: Iterable[str], until: dt.datetime) -> None:
    """Let what some bids of a round win hold only once their teams accept it."""
    for bid_id in bid_ids:
        session.add(AcceptanceRow(bid_id=bid_id, accept_by=until))
    session.flush()


def ask_teams(session: Session, row: RoundRow, at: dt.datetime) -> None:
    """Tell teams what they won in a round and are asked to accept."""
    for asked, bid in session.execute(_asked(col(BidRow.round_id) == row.id)):
        tell_to_accept(session, bid, asked.accept_by, at)


def answer_award(
    session: Session, actor: Actor, bid_id: str, answer: TeamAnswer, at: dt.datetime
) -> bool:
    """Accept an award or decline it; False if that was done already.

    What is declined is cut whole, and its payment comes back.

    Raises: NotFound if the bid has no published award; SignInNeeded, NotAllowed; Refused if nobody
    was asked or the answer was another one; TooLate.
    """
    lock_round(session, find_award(session, bid_id).round.key)
    award = lock_award(session, bid_id)
    require(actor, Action.RELEASE_AWARD, team_id=award.bid.team_id)
    asked = session.get(AcceptanceRow, bid_id, populate_existing=True)
    if asked is None:
        raise Refused("This award holds as it is; nobody is asked to accept it.", bid=bid_id)
    if asked.answer == answer:
        return False
    if asked.answer is not None:
        raise Refused(f"This award was {asked.answer} before, and that stays.", bid=bid_id)
    if at >= asked.accept_by:
        raise TooLate("The time to accept this award is over.", bid=bid_id)
    _answer(session, award, asked, answer, Change(actor.id, at))
    return True


def lapse_awards(session: Session, round_key: str, change: Change) -> int:
    """Cut the awards of a daily round that nobody accepted in time; return how many.

    Days that have begun before anybody looked stay paid.

    Raises: NotFound.
    """
    row = lock_round(session, round_key)
    due = _asked(col(BidRow.round_id) == row.id, col(AcceptanceRow.accept_by) <= change.at)
    lapsed = session.execute(due).all()
    for asked, bid in lapsed:
        _answer(session, lock_award(session, bid.id), asked, TeamAnswer.LAPSED, change)
    return len(lapsed)


def has_lapsed(at: dt.datetime) -> ColumnElement[bool]:
    """Say which rounds gave something that nobody accepted in time."""
    return exists(
        select(col(AcceptanceRow.bid_id))
        .join(BidRow, col(BidRow.id) == col(AcceptanceRow.bid_id))
        .where(
            col(BidRow.round_id) == col(RoundRow.id),
            col(AcceptanceRow.accept_by) <= at,
            *_IS_ASKED,
        )
        .correlate(RoundRow)
    )


def check_answered(session: Session, bid_id: str) -> None:
    """Make sure that nobody is asked about an award any more. Raises: Refused."""
    asked = session.get(AcceptanceRow, bid_id)
    if asked is not None and asked.answer is None:
        raise Refused(
            "This award is not accepted yet.",
            hint="Accept it or decline it; declining gives all of its payment back.",
            bid=bid_id,
        )


_WON = (
    select(col(AwardRow.bid_id))
    .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
    .where(
        col(AwardRow.bid_id) == col(AcceptanceRow.bid_id),
        col(RunRow.state) == RunState.PUBLISHED,
    )
    .correlate(AcceptanceRow)
)
_IS_ASKED = (col(AcceptanceRow.answer).is_(None), exists(_WON))


def _asked(*which: ColumnElement[bool]) -> Select[AcceptanceRow, BidRow]:
    """Look up awards that are not answered yet, with their bids."""
    return (
        select(AcceptanceRow, BidRow)
        .join(BidRow, col(BidRow.id) == col(AcceptanceRow.bid_id))
        .where(*_IS_ASKED, *which)
        .order_by(col(BidRow.key))
    )


def _answer(
    session: Session, award: HeldAward, asked: AcceptanceRow, answer: TeamAnswer, change: Change
) -> None:
    asked.answer, asked.answered_by, asked.answered_at = answer, change.actor, change.at
    session.flush()
    settle_acceptance(session, award.bid, change.at)
    subject = f"award:{award.row.run_id}/{award.row.bid_id}"
    if answer is TeamAnswer.ACCEPTED:
        record(session, change, "award.accepted", subject)
        return
    cuts = cuts_of(session, award.row)
    tomorrow = change.at.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    from_day, lots = max(award.paid.first_day, tomorrow), lots_left(award.row, cuts)
    if not lots or from_day > award.paid.last_day:
        record(session, change, "award.lapsed", subject)
        return
    cut_award(
        session, award, cuts, Cut(CutCause.NOT_ACCEPTED, lots, from_day, WHOLE_PERCENT), change
    )
