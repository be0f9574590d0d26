"""The waitlist: bids that lost to others and wait, by their team's choice, for what becomes free.

A bid waits until it gets something in a daily round, its team takes it off, or its days are past.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from allocation.outcome import Reason
from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import NotFound, Refused
from broker.runs import published_run
from broker.spot.acceptances import accept_hours
from broker.spot.first_places import is_broken
from broker.spot.tables import DailyRoundRow, WaitlistStepRow, WaitlistWish, is_of_a_sprint
from broker.states import RoundState, RunState
from broker.tables import AlternativeRow, AwardRow, BidRow, DeclineRow, RoundRow, RunRow

TAKE_IT = "Let it wait and take what fits."
SCARCE = frozenset(
    {
        Reason.OUTBID,
        Reason.BUNDLE_PARTNER_UNAVAILABLE,
        Reason.CREDITS_SPENT,
        Reason.TIE_BREAK,
        Reason.NOT_PROVEN,
    }
)
"""Why a bid was declined that could still win something: others had what it asked for."""


@dataclass(frozen=True, slots=True)
class _Declined:
    """A bid that may wait, and why it was declined; None where its award was broken."""

    bid: BidRow
    round: RoundRow
    reason: Reason | None


def wish_for(
    session: Session, actor: Actor, bid_id: str, wish: WaitlistWish, at: dt.datetime
) -> bool:
    """Put a declined bid on the waitlist or take it off; False if that was so already.

    On it, the bid takes what becomes free and fits, at its offer at most, without asking again; or
    its team is asked to accept what it won. The bid of an award that lost lots in a round during
    its sprint waits by itself, until it is taken off.

    Raises: NotFound; SignInNeeded, NotAllowed; Refused if the bid cannot wait for anything, or the
    policy in force asks nobody.
    """
    found = _declined(session, bid_id)
    require(actor, Action.PLACE_BID, team_id=found.bid.team_id)
    latest = latest_step(session, bid_id)
    by_itself = WaitlistWish.LEAVE if found.reason else WaitlistWish.TAKE
    if (latest.wish if latest else by_itself) == wish:
        return False
    if wish is WaitlistWish.ASK and accept_hours(session, at) is None:
        raise Refused("The policy in force gives no time to accept what a bid won.", hint=TAKE_IT)
    if wish is not WaitlistWish.LEAVE and found.reason:
        _check_can_wait(session, found, at.astimezone(dt.UTC).date())
    number = latest.number + 1 if latest else 1
    session.add(
        WaitlistStepRow(bid_id=bid_id, number=number, wish=wish, wished_by=actor.id, wished_at=at)
    )
    session.flush()
    kind = "waitlist.left" if wish is WaitlistWish.LEAVE else "waitlist.joined"
    record(session, Change(actor.id, at), kind, f"bid:{bid_id}", number=number)
    return True


def can_wait(reason: str, last_start: dt.date, today: dt.date) -> bool:
    """Say whether a declined bid could still get something on a day to come."""
    return reason in SCARCE and last_start > today


def latest_step(session: Session, bid_id: str) -> WaitlistStepRow | None:
    """Return what a team wanted last of a bid; None if it never said."""
    steps = select(WaitlistStepRow).where(col(WaitlistStepRow.bid_id) == bid_id)
    return session.scalars(steps.order_by(col(WaitlistStepRow.number).desc()).limit(1)).first()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a bid stands on the waitlist: what its team said last, and the bid that served it.

    A bid of a daily round never waits: its sprint's bid does.
    """

    is_daily: bool
    wish: str | None
    wished_at: dt.datetime | None
    served_by: str | None


def standing_of(session: Session, bid_id: str) -> Standing:
    """Return where a bid stands, by one question."""
    step, newer = aliased(WaitlistStepRow), aliased(WaitlistStepRow)
    last = select(func.max(col(newer.number))).where(col(newer.bid_id) == bid_id).scalar_subquery()
    is_daily = exists().where(col(DailyRoundRow.round_id) == col(BidRow.round_id))
    again = aliased(BidRow)
    served_by = (
        select(col(again.id))
        .join(DailyRoundRow, col(DailyRoundRow.round_id) == col(again.round_id))
        .join(AwardRow, col(AwardRow.bid_id) == col(again.id))
        .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
        .where(
            col(RunRow.state) == RunState.PUBLISHED,
            col(DailyRoundRow.sprint_round_id) == col(BidRow.round_id),
            col(again.key) == col(BidRow.key),
        )
        .correlate(BidRow)
        .limit(1)
        .scalar_subquery()
    )
    found = session.execute(
        select(is_daily, col(step.wish), col(step.wished_at), served_by)
        .select_from(BidRow)
        .outerjoin(step, (col(step.bid_id) == col(BidRow.id)) & (col(step.number) == last))
        .where(col(BidRow.id) == bid_id)
    ).one()
    return Standing(bool(found[0]), *found[1:])


def waiting_keys(session: Session, sprint: RoundRow, *wishes: WaitlistWish) -> frozenset[str]:
    """Return the keys of the bids of a sprint's round that wait, of all or with some wishes."""
    waiting = select(col(BidRow.key)).where(col(BidRow.round_id) == sprint.id, is_waiting(*wishes))
    return frozenset(session.scalars(waiting)) - set(served(session, sprint))


def served(session: Session, sprint: RoundRow) -> dict[str, str]:
    """Return the bids that got something in a daily round of a sprint: their ids there, by key."""
    won = (
        select(col(BidRow.key), col(BidRow.id))
        .join(DailyRoundRow, col(DailyRoundRow.round_id) == col(BidRow.round_id))
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
        .where(
            col(DailyRoundRow.sprint_round_id) == sprint.id,
            col(RunRow.state) == RunState.PUBLISHED,
        )
    )
    return dict(session.execute(won).all())


def is_waiting(*wishes: WaitlistWish) -> ColumnElement[bool]:
    """Say whether the newest step of a bid wants something: anything, or one of some wishes."""
    step, newer = aliased(WaitlistStepRow), aliased(WaitlistStepRow)
    last = (
        select(func.max(col(newer.number)))
        .where(col(newer.bid_id) == col(BidRow.id))
        .correlate(BidRow)
        .scalar_subquery()
    )
    return exists().where(
        col(step.bid_id) == col(BidRow.id),
        col(step.number) == last,
        col(step.wish).in_(wishes or (WaitlistWish.TAKE, WaitlistWish.ASK)),
    )


def _declined(session: Session, bid_id: str) -> _Declined:
    bid = session.scalars(select(BidRow).where(col(BidRow.id) == bid_id).with_for_update()).first()
    row = session.get(RoundRow, bid.round_id) if bid else None
    run = published_run(session, row) if row else None
    decline = session.get(DeclineRow, (run.id, bid_id)) if run else None
    if bid is None or row is None or (decline is None and not is_broken(session, bid_id)):
        raise NotFound(f"There is no declined bid {bid_id[:64]}.", bid=bid_id)
    return _Declined(bid, row, Reason(decline.reason) if decline else None)


def _check_can_wait(session: Session, found: _Declined, today: dt.date) -> None:
    starts = select(func.max(col(AlternativeRow.latest_start))).where(
        col(AlternativeRow.bid_id) == found.bid.id
    )
    last_start = session.scalars(starts).one()
    is_sprint = session.scalars(
        select(col(RoundRow.id)).where(col(RoundRow.id) == found.round.id, is_of_a_sprint())
    ).first()
    is_running = found.round.state == RoundState.PUBLISHED and is_sprint is not None
    if not is_running or not can_wait(str(found.reason), last_start, today):
        raise Refused(
            f"Bid {found.bid.key} cannot wait: nothing that becomes free would serve it.",
            hint="Bid in the next round.",
            bid=found.bid.id,
        )
