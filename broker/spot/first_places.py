"""First places on the waitlist: what awards lost in rounds during their sprint, offered first.

Whoever lost lots to others or to broken capacity waits for them without asking, in front of all
others, until it gets something in a daily round, its team leaves the waitlist, or its days are
past.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from allocation.problem import Bid, BidKey, PoolKey, TeamKey
from broker.holdings.holders import rests_of
from broker.holdings.tables import CutCause, HoldingCutRow
from broker.spot.tables import DailyRoundRow, WaitlistStepRow, WaitlistWish
from broker.states import RunState
from broker.tables import AwardRow, BidRow, RoundRow, RunRow, TeamRow

BROKEN = (CutCause.PREEMPTED, CutCause.CAPACITY_LOST)


@dataclass(frozen=True, slots=True)
class FirstPlace:
    """A bid that asks for what an award lost, with the title of the award's bid."""

    bid: Bid
    title: str


def first_places(
    session: Session, sprint: RoundRow, first: dt.date, prices: Mapping[PoolKey, int]
) -> Iterator[FirstPlace]:
    """Yield what was lost in a sprint and is still waited for, from a day on, by key."""
    broken = _broken(session, sprint)
    rests = rests_of(session, {place: lots for place, (lots, _) in broken.items()})
    for place, rest in sorted(rests.items(), key=lambda one: one[1].key):
        way = rest.from_day(first, prices)
        bid, team_key, title = _of(session, place[1])
        if way is None or _is_over(session, sprint, bid, broken[place][1]):
            continue
        yield FirstPlace(Bid(rest.key, team_key, (way,)), title)


def is_broken(session: Session, bid_id: str) -> bool:
    """Say whether an award of a bid lost lots in a round during its sprint."""
    cuts = select(col(HoldingCutRow.number)).where(
        col(HoldingCutRow.bid_id) == bid_id, col(HoldingCutRow.cause).in_(BROKEN)
    )
    return session.scalars(cuts.limit(1)).first() is not None


def _broken(session: Session, sprint: RoundRow) -> dict[tuple[str, str], tuple[int, dt.datetime]]:
    """Return how many lots awards of a sprint lost, and when last, by their run and bid."""
    place = (col(HoldingCutRow.run_id), col(HoldingCutRow.bid_id))
    daily = select(col(DailyRoundRow.round_id)).where(
        col(DailyRoundRow.sprint_round_id) == sprint.id
    )
    rows = session.execute(
        select(*place, func.sum(col(HoldingCutRow.lots)), func.max(col(HoldingCutRow.cut_at)))
        .join(RunRow, col(RunRow.id) == col(HoldingCutRow.run_id))
        .where(
            col(HoldingCutRow.cause).in_(BROKEN),
            (col(RunRow.round_id) == sprint.id) | col(RunRow.round_id).in_(daily),
        )
        .group_by(*place)
    )
    return {(run, bid): (int(lots), at) for run, bid, lots, at in rows}


def _of(session: Session, bid_id: str) -> tuple[BidRow, TeamKey, str]:
    bid = session.get_one(BidRow, bid_id)
    return bid, TeamKey(session.get_one(TeamRow, bid.team_id).key), bid.title


def _is_over(session: Session, sprint: RoundRow, bid: BidRow, since: dt.datetime) -> bool:
    """Say whether a bid got something since it lost lots, or its team waits no more."""
    steps = select(WaitlistStepRow).where(col(WaitlistStepRow.bid_id) == bid.id)
    latest = session.scalars(steps.order_by(col(WaitlistStepRow.number).desc()).limit(1)).first()
    if latest is not None and latest.wish == WaitlistWish.LEAVE and latest.wished_at >= since:
        return True
    got = (
        select(col(AwardRow.bid_id))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .join(DailyRoundRow, col(DailyRoundRow.round_id) == col(RoundRow.id))
        .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
        .where(
            col(DailyRoundRow.sprint_round_id) == sprint.id,
            col(RunRow.state) == RunState.PUBLISHED,
            col(RoundRow.published_at) > since,
            col(BidRow.key) == BidKey(bid.key),
        )
    )
    return session.scalars(got.limit(1)).first() is not None


def has_first_places() -> ColumnElement[bool]:
    """Say in which sprints awards lost lots in rounds during them."""
    daily = select(col(DailyRoundRow.round_id)).where(
        col(DailyRoundRow.sprint_round_id) == col(RoundRow.id)
    )
    run = aliased(RunRow)
    here = (col(run.round_id) == col(RoundRow.id)) | col(run.round_id).in_(daily)
    return exists().where(
        col(HoldingCutRow.run_id) == col(run.id), col(HoldingCutRow.cause).in_(BROKEN), here
    )
