"""One published award as a writer finds it, and what it still holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from broker.errors import NotFound
from broker.holdings.shares import Paid, Stretch
from broker.holdings.tables import HoldingCutRow
from broker.states import RoundState, RunState
from broker.tables import AwardRow, BidRow, ItemRow, RoundRow, RunRow

DECIDED = (RoundState.PUBLISHED, RoundState.FINISHED)


@dataclass(frozen=True, slots=True)
class HeldAward:
    """A published award: of which bid, team and round, and what it paid for."""

    row: AwardRow
    bid: BidRow
    round: RoundRow
    items: tuple[ItemRow, ...]

    @property
    def paid(self) -> Paid:
        """What it paid, and for which days."""
        return Paid(self.row.payment_credits, self.row.lots, tuple(self._stretches()))

    def _stretches(self) -> Iterator[Stretch]:
        for item in self.items:
            first = self.row.start + dt.timedelta(days=item.offset_days)
            yield Stretch(first, first + dt.timedelta(days=item.days - 1), item.units_per_lot)


def lock_award(session: Session, bid_id: str) -> HeldAward:
    """Return what a bid won, for a writer: others wait until it is done.

    Raises: NotFound if the bid has no published award: sealed, declined and unknown bids look the
    same.
    """
    return _find(session, bid_id, _published_award(bid_id).with_for_update(of=BidRow))


def find_award(session: Session, bid_id: str) -> HeldAward:
    """Return what a bid won, for a reader. Raises: NotFound as `lock_award` does."""
    return _find(session, bid_id, _published_award(bid_id))


def cuts_of(session: Session, award: AwardRow) -> tuple[HoldingCutRow, ...]:
    """Return what an award gave up since it was published, in the order in which it did."""
    cuts = select(HoldingCutRow).where(
        col(HoldingCutRow.run_id) == award.run_id, col(HoldingCutRow.bid_id) == award.bid_id
    )
    return tuple(session.scalars(cuts.order_by(col(HoldingCutRow.number))))


def lots_left(award: AwardRow, cuts: Iterable[HoldingCutRow]) -> int:
    """Return the lots that an award holds to its end: the most that it can still give up."""
    return award.lots - sum(cut.lots for cut in cuts)


def no_award(bid_id: str) -> NotFound:
    """Return the one answer about a bid without a published award, whatever the cause."""
    return NotFound(f"There is no award {bid_id[:64]}.", bid=bid_id)


def _find(session: Session, bid_id: str, query: Select[AwardRow, BidRow, RoundRow]) -> HeldAward:
    found = session.execute(query).first()
    if found is None:
        raise no_award(bid_id)
    award, bid, round_ = found
    return HeldAward(award, bid, round_, _items(session, award))


def _published_award(bid_id: str) -> Select[AwardRow, BidRow, RoundRow]:
    """Look up the award in the run that speaks for the round: its newest published revision."""
    return (
        select(AwardRow, BidRow, RoundRow)
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
    return tuple(session.scalars(chosen.order_by(col(ItemRow.position))))
