"""Awards compete anew in a round during their sprint, and lose what that round gives to others.

Whoever opens such a round says which awards enter it, and gives them in the round's own problem no
commitment. After its publication an award that keeps all its lots is as it was and pays nothing;
what it loses is a cut: unused days come back in full, once. What a holder asks for stands in
holders.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.outcome import Outcome
from allocation.problem import Tier
from broker.audit import Change
from broker.dashboards.sources import PUBLISHED_RUN
from broker.holdings.awards import HeldAward, cuts_of, lock_award, lots_left
from broker.holdings.cutting import Cut, cut_award
from broker.holdings.holders import Rest, rests_of
from broker.holdings.tables import ContestedAwardRow, CutCause, HoldingCutRow
from broker.notices.causes import counted
from broker.policy.versions import policy_of_round
from broker.spot.tables import CapacityLossRow, DailyRoundRow
from broker.tables import AwardRow, BidRow, PoolRow, RoundPoolRow, RoundRow

WHOLE_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """An award that holds something from a day on: where it stands, and what it still holds."""

    run_id: str
    bid_id: str
    rest: Rest

    @property
    def tier(self) -> Tier:
        """Whether it is reserved or spot."""
        return self.rest.way.tier


_PLACE = (col(HoldingCutRow.run_id), col(HoldingCutRow.bid_id))


def standing_awards(session: Session, sprint: RoundRow, first: dt.date) -> list[Standing]:
    """Return the awards of a sprint that hold something on a day or after it, by their keys.

    Those of its round and of its daily rounds; lots are those held to the award's end.
    """
    gone = (
        select(*_PLACE, func.sum(col(HoldingCutRow.lots)).label("lots"))
        .group_by(*_PLACE)
        .subquery()
    )
    here = select(col(DailyRoundRow.round_id)).where(
        col(DailyRoundRow.sprint_round_id) == sprint.id
    )
    held = (
        select(col(AwardRow.run_id), col(AwardRow.bid_id), col(AwardRow.lots), gone.c.lots)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == col(AwardRow.run_id))
        .outerjoin(
            gone,
            (gone.c.run_id == col(AwardRow.run_id)) & (gone.c.bid_id == col(AwardRow.bid_id)),
        )
        .where((PUBLISHED_RUN.c.round_id == sprint.id) | PUBLISHED_RUN.c.round_id.in_(here))
    )
    lots = {(run, bid): won - int(cut or 0) for run, bid, won, cut in session.execute(held)}
    rests = rests_of(session, {place: left for place, left in lots.items() if left > 0})
    found = [Standing(*place, rest) for place, rest in rests.items() if rest.units_from(first)]
    return sorted(found, key=lambda one: (one.rest.key, one.run_id))


def enter_contest(
    session: Session, row: RoundRow, awards: Iterable[Standing], cause: CutCause
) -> None:
    """Let awards compete in an open round; `cause` says what the units are lost to that they lose.

    Their units from the round's first day on are no commitments of it.
    """
    for one in awards:
        session.add(
            ContestedAwardRow(
                round_id=row.id,
                run_id=one.run_id,
                bid_id=one.bid_id,
                lots=one.rest.lots,
                cause=cause,
            )
        )
    session.flush()


def without_holders(session: Session, row: RoundRow, outcome: Outcome) -> Outcome:
    """Return what an outcome decides about the bids that were placed in a round."""
    keys = {rest for rest, _ in _contested(session, row).values()}
    if not keys:
        return outcome
    return replace(
        outcome,
        awards=tuple(one for one in outcome.awards if one.bid_key not in keys),
        declines=tuple(one for one in outcome.declines if one.bid_key not in keys),
    )


def settle_contest(session: Session, row: RoundRow, outcome: Outcome, change: Change) -> None:
    """Cut every award that lost lots in a round, from its first day on, and refund them.

    Raises: Refused if an award ends before it could be cut.
    """
    kept = {str(award.bid_key): award.lots for award in outcome.awards}
    contested = _contested(session, row)
    for _, (key, entry) in sorted(contested.items()):
        lost = entry.lots - kept.get(key, 0)
        if lost > 0:
            _cut(session, row, entry, lost, change)


def _contested(session: Session, row: RoundRow) -> dict[str, tuple[str, ContestedAwardRow]]:
    """Return the awards that compete in a round, with the keys of their bids, by bid."""
    rows = session.execute(
        select(ContestedAwardRow, col(BidRow.key))
        .join(BidRow, col(BidRow.id) == col(ContestedAwardRow.bid_id))
        .where(col(ContestedAwardRow.round_id) == row.id)
    )
    return {entry.bid_id: (key, entry) for entry, key in rows}


def _cut(
    session: Session, row: RoundRow, entry: ContestedAwardRow, lost: int, change: Change
) -> None:
    """Take lots from an award, as far as it still holds them."""
    award = lock_award(session, entry.bid_id)
    cuts = cuts_of(session, award.row)
    lots = min(lost, lots_left(award.row, cuts))
    if not lots:
        return
    cause, day = CutCause(entry.cause), max(row.starts_on, award.row.start)
    percent = WHOLE_PERCENT + (_rebate_percent(session, award) if _is_broken(cause) else 0)
    cut_award(
        session, award, cuts, Cut(cause, lots, day, percent, _why(session, row, cause)), change
    )


def _is_broken(cause: CutCause) -> bool:
    """Say whether a promise is broken: a preemption keeps to its notice and minimum runtime."""
    return cause is CutCause.CAPACITY_LOST


def _rebate_percent(session: Session, award: HeldAward) -> int:
    policy = policy_of_round(session, award.round)
    spot = policy.policy.spot if policy else None
    return spot.broken_promise_percent if spot else 0


def _why(session: Session, row: RoundRow, cause: CutCause) -> str:
    """Say what the units were lost to, and what is offered for them."""
    offer = "What was lost has the first place on the waitlist."
    if cause is CutCause.PREEMPTED:
        return f"Others were worth more in round {row.key}. {offer}"
    return f"{' '.join(_losses(session, row))} Round {row.key} decided who keeps what. {offer}"


def _losses(session: Session, row: RoundRow) -> Iterator[str]:
    """Say what is lost on the days of a round, and why."""
    last = row.starts_on + dt.timedelta(days=row.days - 1)
    rows = session.execute(
        select(CapacityLossRow, col(PoolRow.key))
        .join(PoolRow, col(PoolRow.id) == col(CapacityLossRow.pool_id))
        .join(RoundPoolRow, col(RoundPoolRow.pool_id) == col(PoolRow.id))
        .where(
            col(RoundPoolRow.round_id) == row.id,
            col(CapacityLossRow.first_day) <= last,
            col(CapacityLossRow.last_day) >= row.starts_on,
        )
        .order_by(col(CapacityLossRow.reported_at), col(CapacityLossRow.id))
    )
    for loss, key in rows:
        until = f" to {loss.last_day}" if loss.last_day > loss.first_day else ""
        units = counted(loss.units, "unit")
        yield f"{units} of {key} lost on {loss.first_day}{until}: {loss.reason}."
