"""What a bid counts for and why, read back; and whether a frozen round still says the same.

Before the close a score is an estimate by the policy in force at the moment of asking. Whoever asks
must be allowed to see the bid. freezing.py wrote what stands here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlalchemy import ColumnElement, Select, select
from sqlmodel import Session, col

from allocation.outcome import Reason
from allocation.wire import Document, sha256_of
from broker.approvals.standings import approvals_for
from broker.deliveries.records import frozen_records, track_records
from broker.policy.documents import Policy
from broker.policy.freezing import (
    NO_APPROVALS,
    WeighedBid,
    placed_bids,
    scores_document,
    weigh,
)
from broker.policy.rules import Bar, BarredBid, decline_of
from broker.policy.scores import NO_RECORD, Factor, FactorKind
from broker.policy.tables import (
    BarredAlternativeRow,
    BidFactorRow,
    BidPledgeRow,
    BidScoreRow,
    RoundPolicyRow,
)
from broker.policy.versions import policy_in_force, policy_of_round
from broker.pools.terms_in_force import terms_at
from broker.tables import AlternativeRow, BidRow, PoolRow, RoundRow


@dataclass(frozen=True, slots=True)
class Score:
    """What the offers of a bid are multiplied by, and why; an estimate before the close.

    Units: percent; None where the value scores came from a folder, each with a ratio of its own.
    Shape: bars name alternatives that a rule of the policy keeps out of the round.
    """

    multiplier_percent: int | None
    factors: tuple[Factor, ...]
    bars: tuple[Bar, ...]
    policy_version: int | None
    is_estimate: bool


def score_of(session: Session, bid: BidRow, at: dt.datetime) -> Score:
    """Return the score of a bid: frozen by the close, else by the policy in force at a moment."""
    known = session.execute(_frozen_score(bid)).first()
    if known is None:
        return Score(None, _as_imported(session, bid), (), None, is_estimate=False)
    if known.multiplier_percent is None:
        return _estimate(session, bid, at)
    return Score(
        known.multiplier_percent,
        _factors(session, bid),
        tuple(_bars(session, col(BidRow.id) == bid.id).get(bid.id, ())),
        known.policy_version,
        is_estimate=False,
    )


def _frozen_score(bid: BidRow) -> Select[int, int | None]:
    """Look up what a round froze for a bid; no row for a bid that came from a folder."""
    of_round = col(RoundPolicyRow.round_id) == bid.round_id
    return (
        select(col(BidScoreRow.multiplier_percent), col(RoundPolicyRow.policy_version))
        .select_from(BidPledgeRow)
        .outerjoin(BidScoreRow, col(BidScoreRow.bid_id) == col(BidPledgeRow.bid_id))
        .outerjoin(RoundPolicyRow, of_round)
        .where(col(BidPledgeRow.bid_id) == bid.id)
    )


def barred_bids(session: Session, row: RoundRow) -> Mapping[str, BarredBid]:
    """Return the decline of every bid that rules keep out of a round whole, by its id."""
    barred = _bars(session, col(BidRow.round_id) == row.id)
    numbers = _numbers(session, row) if barred else {}
    declines = {bid_id: decline_of(bars, numbers[bid_id]) for bid_id, bars in barred.items()}
    return {bid_id: decline for bid_id, decline in declines.items() if decline}


def frozen_bars(session: Session, row: RoundRow) -> Mapping[str, Sequence[Bar]]:
    """Return which rules barred which alternatives of a round at its close, by the bid's id."""
    return _bars(session, col(BidRow.round_id) == row.id)


def check_scores(session: Session, row: RoundRow) -> Iterator[str]:
    """Compute a closed round's scores anew and say what differs from what was frozen.

    Teams have the records that they had at the close, whatever they delivered since. Bars are
    taken as they were stored: a pool may have another classification by now.
    """
    frozen = session.get(RoundPolicyRow, row.id)
    if frozen is None:
        return
    policy, weighed = _weighed_again(session, row)
    if sha256_of(scores_document(policy, weighed)) != frozen.scores_sha256:
        yield f"Round {row.key}: its scores do not have the hash that was frozen at the close."
    stored = _multipliers(session, row)
    for one in weighed:
        if stored.get(one.bid.id) != one.multiplier_percent:
            yield _difference(row, one, stored.get(one.bid.id))


def frozen_scores(session: Session, row: RoundRow) -> Document:
    """Return what the policy decided about a closed round's bids, as its hash was frozen."""
    policy, weighed = _weighed_again(session, row)
    return scores_document(policy, weighed)


def _weighed_again(session: Session, row: RoundRow) -> tuple[Policy | None, list[WeighedBid]]:
    in_force = policy_of_round(session, row)
    policy = in_force.policy if in_force else None
    here = col(BidRow.round_id) == row.id
    bars, records = _bars(session, here), frozen_records(session, row)
    return policy, [
        replace(
            weigh(policy, bid, records.get(bid.team_key, NO_RECORD)),
            bars=tuple(bars.get(bid.id, ())),
        )
        for bid in placed_bids(session, here)
    ]


def _difference(row: RoundRow, one: WeighedBid, stored: int | None) -> str:
    return (
        f"Round {row.key}, bid {one.bid.key}: its policy gives a multiplier of "
        f"{one.multiplier_percent} %, and {stored} % is stored."
    )


def _estimate(session: Session, bid: BidRow, at: dt.datetime) -> Score:
    in_force = policy_in_force(session, at)
    [placed] = placed_bids(session, col(BidRow.id) == bid.id)
    record = track_records(session, at).get(placed.team_key, NO_RECORD)
    row = session.get_one(RoundRow, bid.round_id)
    approvals = approvals_for(session, row, at).get(placed.team_key, NO_APPROVALS)
    policy = in_force.policy if in_force else None
    weighed = weigh(policy, placed, record, approvals, terms_at(session, at))
    return Score(
        weighed.multiplier_percent,
        weighed.factors,
        weighed.bars,
        in_force.version if in_force else None,
        is_estimate=True,
    )


def _as_imported(session: Session, bid: BidRow) -> tuple[Factor, ...]:
    """Return the ratio of value score to offer of every alternative, exactly."""
    stored = (
        select(AlternativeRow)
        .where(col(AlternativeRow.bid_id) == bid.id)
        .order_by(col(AlternativeRow.number))
    )
    return tuple(_imported_factor(line) for line in session.scalars(stored))


def _imported_factor(line: AlternativeRow) -> Factor:
    ratio = Fraction(line.value_score_per_lot * 100, line.offer_credits_per_lot)
    reason = (
        f"Alternative {line.number} came with its round's folder: {line.value_score_per_lot} "
        f"points for an offer of {line.offer_credits_per_lot} credits."
    )
    return Factor(FactorKind.AS_IMPORTED, ratio, reason)


def _factors(session: Session, bid: BidRow) -> tuple[Factor, ...]:
    stored = (
        select(BidFactorRow)
        .where(col(BidFactorRow.bid_id) == bid.id)
        .order_by(col(BidFactorRow.position))
    )
    return tuple(
        Factor(FactorKind(line.kind), Fraction(line.percent), line.reason)
        for line in session.scalars(stored)
    )


def _bars(session: Session, which: ColumnElement[bool]) -> dict[str, list[Bar]]:
    """Return the bars of some bids, by their ids, in the order in which they were found."""
    stored = (
        select(BarredAlternativeRow, col(PoolRow.key))
        .join(BidRow, col(BidRow.id) == col(BarredAlternativeRow.bid_id))
        .outerjoin(PoolRow, col(PoolRow.id) == col(BarredAlternativeRow.pool_id))
        .where(which)
        .order_by(col(BarredAlternativeRow.bid_id), col(BarredAlternativeRow.position))
    )
    found: dict[str, list[Bar]] = defaultdict(list)
    for line, pool_key in session.execute(stored):
        found[line.bid_id].append(Bar(line.number, Reason(line.reason), pool_key, line.detail))
    return found


def _numbers(session: Session, row: RoundRow) -> dict[str, list[int]]:
    stored = (
        select(col(AlternativeRow.bid_id), col(AlternativeRow.number))
        .join(BidRow, col(BidRow.id) == col(AlternativeRow.bid_id))
        .where(col(BidRow.round_id) == row.id)
    )
    found: dict[str, list[int]] = defaultdict(list)
    for bid_id, number in session.execute(stored):
        found[bid_id].append(number)
    return found


def _multipliers(session: Session, row: RoundRow) -> dict[str, int]:
    stored = (
        select(col(BidScoreRow.bid_id), col(BidScoreRow.multiplier_percent))
        .join(BidRow, col(BidRow.id) == col(BidScoreRow.bid_id))
        .where(col(BidRow.round_id) == row.id)
    )
    return dict(session.execute(stored).all())
