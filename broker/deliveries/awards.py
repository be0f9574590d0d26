"""Awards that have ended: the only ones that a delivery can be reported on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from broker.errors import NotFound, Refused
from broker.states import RoundState, RunState
from broker.tables import AwardRow, BidRow, ItemRow, RoundRow, RunRow

DECIDED = (RoundState.PUBLISHED, RoundState.FINISHED)


@dataclass(frozen=True, slots=True)
class EndedAward:
    """An award whose last day is past: of which team, in which pools."""

    run_id: str
    bid_id: str
    bid_key: str
    round_key: str
    team_id: str
    pool_ids: frozenset[str]


def find_ended_award(session: Session, bid_id: str, at: dt.datetime) -> EndedAward:
    """Return what a bid won, once it is over, for a writer: others wait until it is done.

    Days are those of UTC.

    Raises: NotFound if the bid has no published award: sealed, declined and unknown bids look the
    same; Refused while the award's last day is not past.
    """
    alone = _published_award(bid_id).with_for_update(of=BidRow)
    found = session.execute(alone).first()
    if found is None:
        raise no_award(bid_id)
    award, team_id, bid_key, round_key = found
    items = _items(session, award)
    last_offset = max(item.offset_days + item.days for item in items) - 1
    last_day = award.start + dt.timedelta(days=last_offset)
    if at.astimezone(dt.UTC).date() <= last_day:
        raise Refused(
            f"The award of bid {bid_key} runs until {last_day}, that day included.",
            hint="Report what came of it when that day is past.",
            bid=bid_id,
        )
    pool_ids = frozenset(item.pool_id for item in items)
    return EndedAward(award.run_id, bid_id, bid_key, round_key, team_id, pool_ids)


def no_award(bid_id: str) -> NotFound:
    """Return the one answer about a bid without a published award, whatever the cause."""
    return NotFound(f"There is no award {bid_id[:64]}.", bid=bid_id)


def _published_award(bid_id: str) -> Select[AwardRow, str, str, str]:
    """Look up the award in the run that speaks for the round: its newest published revision."""
    return (
        select(AwardRow, col(BidRow.team_id), col(BidRow.key), col(RoundRow.key))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .where(
            col(AwardRow.bid_id) == bid_id,
            col(RunRow.state) == RunState.PUBLISHED,
            col(RoundRow.state).in_(DECIDED),
            col(RunRow.revision) == _newest_revision(),
        )
    )


def _newest_revision() -> ScalarSelect[int]:
    other = aliased(RunRow)
    return (
        select(func.max(col(other.revision)))
        .where(col(other.round_id) == col(RunRow.round_id), col(other.state) == RunState.PUBLISHED)
        .correlate(RunRow)
        .scalar_subquery()
    )


def _items(session: Session, award: AwardRow) -> tuple[ItemRow, ...]:
    chosen = select(ItemRow).where(
        col(ItemRow.bid_id) == award.bid_id, col(ItemRow.number) == award.alternative
    )
    return tuple(session.scalars(chosen))
