"""The close of a round fixes what every bid counts for: policy, factors, multipliers and bars.

It happens in the transaction of the close, before the snapshot is taken, which then holds only what
no rule bars. A bid that came from a folder of files keeps the value score of its folder and meets
no rule. frozen.py reads all of it back.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from allocation.wire import Document, sha256_of
from broker.approvals.standings import approvals_for, freeze_approvals
from broker.audit import Change
from broker.deliveries.records import freeze_records, track_records
from broker.directory import pool_ids_of
from broker.policy.documents import Policy, policy_sha256
from broker.policy.pledges import Pledge
from broker.policy.rules import (
    ApprovalStanding,
    Asked,
    AskedPool,
    Bar,
    Use,
    bars_of,
    largest_uses,
    spans,
)
from broker.policy.scores import (
    NO_RECORD,
    Factor,
    TrackRecord,
    factors_of,
    multiplier_of,
    value_score_per_lot,
)
from broker.policy.tables import (
    BarredAlternativeRow,
    BidFactorRow,
    BidPledgeRow,
    BidPurposeRow,
    BidScoreRow,
    RoundPolicyRow,
)
from broker.policy.versions import InForce, policy_in_force
from broker.pools.terms_in_force import Terms, terms_at
from broker.tables import AlternativeRow, BidRow, CapacityRow, ItemRow, PoolRow, RoundRow, TeamRow

NO_APPROVALS: Mapping[str, ApprovalStanding] = {}
"""Where a team stands that never asked for an approval."""
NO_TERMS: Terms = {}
"""What data pools ask that nobody defined."""


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """A bid that a team placed here, as far as the policy looks at it.

    Shape: pools, use of each pool by key, and offer and value score per lot with the most lots, by
    number of alternative. `rank` is its place among the team's bids of the round.
    """

    id: str
    key: str
    team_key: str
    pledge: Pledge
    offers: Mapping[int, tuple[int, int, int]]
    pools: dict[int, tuple[AskedPool, ...]]
    uses: Mapping[int, Mapping[str, Use]]
    rank: int


@dataclass(frozen=True, slots=True)
class WeighedBid:
    """A placed bid with what a policy makes of it, and the record of its team that it rests on."""

    bid: PlacedBid
    record: TrackRecord
    factors: tuple[Factor, ...]
    multiplier_percent: int
    bars: tuple[Bar, ...]


def freeze_policy(session: Session, row: RoundRow, change: Change) -> Document:
    """Fix the policy in force for a round with all that follows from it; return its hashes."""
    in_force = policy_in_force(session, change.at)
    policy = in_force.policy if in_force else None
    placed = placed_bids(session, col(BidRow.round_id) == row.id)
    records = track_records(session, change.at) if placed else {}
    approvals = approvals_for(session, row, change.at)
    terms = terms_at(session, change.at)
    weighed = [
        weigh(
            policy,
            bid,
            records.get(bid.team_key, NO_RECORD),
            approvals.get(bid.team_key, NO_APPROVALS),
            terms,
        )
        for bid in placed
    ]
    freeze_approvals(session, row, change.at)
    _store(session, row, weighed)
    if in_force and row.imported_sha256 is None:
        row.floor_ratio = Fraction(in_force.policy.floor_percent, 100)
    return _seal(session, row, in_force, weighed, change.at)


def weigh(
    policy: Policy | None,
    bid: PlacedBid,
    record: TrackRecord = NO_RECORD,
    approvals: Mapping[str, ApprovalStanding] = NO_APPROVALS,
    terms: Terms = NO_TERMS,
) -> WeighedBid:
    """Say what a policy makes of a bid of a team with such a record and such approvals.

    `terms` are those of the data pools, which hold under every policy and without one.
    """
    factors = factors_of(policy, bid.team_key, bid.pledge, record)
    most = {number: offer * lots for number, (offer, _, lots) in bid.offers.items()}
    asked = Asked(bid.team_key, bid.pledge, bid.pools, most, approvals, bid.uses, bid.rank, terms)
    percent, bars = multiplier_of(policy, factors), tuple(bars_of(policy, asked))
    return WeighedBid(bid, record, factors, percent, bars)


def scores_document(policy: Policy | None, weighed: Iterable[WeighedBid]) -> Document:
    """Return all that a policy decided about a round's bids, without names and free text."""
    bids = tuple(weighed)
    records = records_of(bids)
    return {
        **({"records": _records_document(records)} if records else {}),
        "policy_sha256": policy_sha256(policy) if policy else None,
        "bids": {
            one.bid.key: {
                "multiplier_percent": one.multiplier_percent,
                "factors": [[factor.kind, int(factor.percent)] for factor in one.factors],
                "bars": [[bar.alternative, bar.reason, bar.pool_key] for bar in one.bars],
            }
            for one in bids
        },
    }


def records_of(weighed: Iterable[WeighedBid]) -> dict[str, TrackRecord]:
    """Return the records that bids rest on, by the keys of their teams; none of empty ones."""
    return {one.bid.team_key: one.record for one in weighed if one.record.awards}


def _records_document(records: Mapping[str, TrackRecord]) -> Document:
    return {
        key: [record.awards, record.promised_points, record.delivered_points]
        for key, record in records.items()
    }


def placed_bids(session: Session, which: ColumnElement[bool]) -> list[PlacedBid]:
    """Return those bids among some that teams placed here, in the order of their keys."""
    labels = (col(BidRow.id), col(BidRow.key), col(TeamRow.key))
    placed = (
        select(*labels, BidPledgeRow, col(BidPurposeRow.purpose), _rank())
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .join(BidPledgeRow, col(BidPledgeRow.bid_id) == col(BidRow.id))
        .outerjoin(BidPurposeRow, col(BidPurposeRow.bid_id) == col(BidRow.id))
        .where(which)
        .order_by(col(BidRow.key))
    )
    offers = _offers(session, which)
    pools, uses = _asked(session, which, offers)
    return [
        PlacedBid(
            id_,
            key,
            team_key,
            pledge_of(stored, purpose or ""),
            offers[id_],
            pools[id_],
            uses[id_],
            rank,
        )
        for id_, key, team_key, stored, purpose, rank in session.execute(placed)
    ]


def _rank() -> ScalarSelect[int]:
    """Count the team's placed bids of the round up to each one, in the order of submission."""
    other, pledged = aliased(BidRow), aliased(BidPledgeRow)
    is_before = or_(
        col(other.submitted_at) < col(BidRow.submitted_at),
        and_(
            col(other.submitted_at).is_not_distinct_from(col(BidRow.submitted_at)),
            col(other.key) <= col(BidRow.key),
        ),
    )
    return (
        select(func.count())
        .select_from(other)
        .join(pledged, col(pledged.bid_id) == col(other.id))
        .where(
            col(other.round_id) == col(BidRow.round_id),
            col(other.team_id) == col(BidRow.team_id),
            is_before,
        )
        .correlate(BidRow)
        .scalar_subquery()
    )


def pledge_of(row: BidPledgeRow, purpose: str) -> Pledge:
    """Return a pledge as it was stored, with the purpose that is stored beside it."""
    return Pledge(row.theme_key, row.owner_after_award, row.success_measure, row.ends_on, purpose)


def pledge_columns(bid_id: str, pledge: Pledge) -> dict[str, Any]:
    """Return a pledge as it is stored."""
    return {
        "bid_id": bid_id,
        "theme_key": pledge.theme_key,
        "owner_after_award": pledge.owner_after_award,
        "success_measure": pledge.success_measure,
        "ends_on": pledge.ends_on,
    }


def _offers(
    session: Session, which: ColumnElement[bool]
) -> dict[str, dict[int, tuple[int, int, int]]]:
    stored = (
        select(
            col(AlternativeRow.bid_id),
            col(AlternativeRow.number),
            col(AlternativeRow.offer_credits_per_lot),
            col(AlternativeRow.value_score_per_lot),
            col(AlternativeRow.max_lots),
        )
        .join(BidRow, col(BidRow.id) == col(AlternativeRow.bid_id))
        .where(which)
    )
    found: dict[str, dict[int, tuple[int, int, int]]] = defaultdict(dict)
    for bid_id, number, offer, score, lots in session.execute(stored):
        found[bid_id][number] = offer, score, lots
    return found


_Pools = dict[str, dict[int, tuple[AskedPool, ...]]]
_Uses = dict[str, dict[int, dict[str, Use]]]


def _asked(
    session: Session,
    which: ColumnElement[bool],
    offers: Mapping[str, Mapping[int, tuple[int, int, int]]],
) -> tuple[_Pools, _Uses]:
    """Return the pools that alternatives name, and how much of each they use, by bid and number."""
    labels = (col(PoolRow.key), col(PoolRow.name), col(PoolRow.classification))
    sizes = (col(ItemRow.offset_days), col(ItemRow.days), col(ItemRow.units_per_lot))
    stored = (
        select(col(ItemRow.bid_id), col(ItemRow.number), *labels, *sizes, best_day_units())
        .join(PoolRow, col(PoolRow.id) == col(ItemRow.pool_id))
        .join(BidRow, col(BidRow.id) == col(ItemRow.bid_id))
        .where(which)
        .order_by(col(ItemRow.bid_id), col(ItemRow.number), col(ItemRow.position))
    )
    pools: _Pools = defaultdict(dict)
    uses: _Uses = defaultdict(dict)
    rows = session.execute(stored)
    for (bid_id, number), lines in groupby(rows, key=lambda row: (row[0], row[1])):
        items = [(AskedPool(*line[2:5]), *line[5:8], line[8] or 0) for line in lines]
        pools[bid_id][number] = tuple(dict.fromkeys(pool for pool, *_ in items))
        offered = {pool.key: units for pool, *_, units in items}
        sized = [(pool.key, offset, days, units) for pool, offset, days, units, _ in items]
        used = largest_uses(sized, offers[bid_id][number][2])
        days = spans(sized)
        uses[bid_id][number] = {
            key: Use(units, offered[key], days[key]) for key, units in used.items()
        }
    return pools, uses


def best_day_units() -> ScalarSelect[int]:
    """Count the units of the best day of an item's pool in the round of its bid."""
    units = col(CapacityRow.reserved_units) + col(CapacityRow.spot_units)
    return (
        select(func.max(units))
        .where(
            col(CapacityRow.round_id) == col(BidRow.round_id),
            col(CapacityRow.pool_id) == col(ItemRow.pool_id),
        )
        .correlate(BidRow, ItemRow)
        .scalar_subquery()
    )


def _store(session: Session, row: RoundRow, weighed: list[WeighedBid]) -> None:
    pool_ids = pool_ids_of(session, row)
    freeze_records(session, row, records_of(weighed))
    for table, rows in (
        (BidScoreRow, map(_score, weighed)),
        (BidFactorRow, (line for one in weighed for line in _factors(one))),
        (BarredAlternativeRow, (line for one in weighed for line in _bars(one, pool_ids))),
    ):
        values = list(rows)
        if values:
            session.execute(insert(table), values)
    scores = [line for one in weighed for line in _value_scores(one)]
    if scores:
        session.execute(update(AlternativeRow), scores)


def _seal(
    session: Session,
    row: RoundRow,
    in_force: InForce | None,
    weighed: list[WeighedBid],
    at: dt.datetime,
) -> Document:
    version, policy = (in_force.version, in_force.policy) if in_force else (None, None)
    document = scores_document(policy, weighed)
    sha256 = sha256_of(document)
    session.add(
        RoundPolicyRow(round_id=row.id, policy_version=version, scores_sha256=sha256, frozen_at=at)
    )
    session.flush()
    return {
        "policy_version": version,
        "policy_sha256": document["policy_sha256"],
        "scores_sha256": sha256,
    }


def _score(one: WeighedBid) -> dict[str, Any]:
    return {"bid_id": one.bid.id, "multiplier_percent": one.multiplier_percent}


def _factors(one: WeighedBid) -> Iterator[dict[str, Any]]:
    for position, factor in enumerate(one.factors, 1):
        yield {
            "bid_id": one.bid.id,
            "position": position,
            "kind": factor.kind,
            "percent": int(factor.percent),
            "reason": factor.reason,
        }


def _bars(one: WeighedBid, pool_ids: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for position, bar in enumerate(one.bars, 1):
        yield {
            "bid_id": one.bid.id,
            "number": bar.alternative,
            "position": position,
            "reason": bar.reason,
            "pool_id": pool_ids[bar.pool_key] if bar.pool_key else None,
            "detail": bar.detail,
        }


def _value_scores(one: WeighedBid) -> Iterator[dict[str, Any]]:
    """Yield what the close changes; an estimate that still holds stays as it is."""
    for number, (offer, estimate, _) in one.bid.offers.items():
        score = value_score_per_lot(offer, one.multiplier_percent)
        if score != estimate:
            yield {"bid_id": one.bid.id, "number": number, "value_score_per_lot": score}
