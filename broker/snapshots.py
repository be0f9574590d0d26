"""What a round asks, read back from storage, and the frozen copy that every run uses.

Bids freeze once, at the close: the snapshot is the canonical JSON of the whole problem with its
SHA-256, written once. rounds.py closes, runs.py reads the snapshot.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, cast, exists, func, insert, select, true
from sqlmodel import Session, col

from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    DayUnits,
    Item,
    Pool,
    PoolKey,
    Problem,
    RoundKey,
    Team,
    TeamKey,
    Tier,
)
from allocation.wire import (
    canonical_json,
    problem_from_round_document,
    problem_sha256,
    round_document,
    sha256_of,
)
from broker.audit import Change
from broker.bids.tables import AskedPoolRow
from broker.errors import NotFound
from broker.holdings.holders import with_contest
from broker.policy.tables import BarredAlternativeRow
from broker.pools.tables import CapacityAmendmentRow
from broker.states import RoundState
from broker.tables import (
    AlternativeRow,
    BidRow,
    CapacityRow,
    CommitmentRow,
    ItemRow,
    PoolRow,
    RoundPoolRow,
    RoundRow,
    RoundTeamRow,
    SnapshotRow,
    TeamRow,
    Whole,
)


def take_snapshot(session: Session, row: RoundRow, change: Change) -> SnapshotRow:
    """Freeze what a round asks. The database keeps it from ever being written again."""
    problem = problem_of(session, row)
    document = round_document(problem)
    snapshot = SnapshotRow(
        round_id=row.id,
        document=canonical_json(document).decode(),
        document_sha256=sha256_of(document),
        problem_sha256=problem_sha256(problem),
        taken_at=change.at,
    )
    session.add(snapshot)
    session.flush()
    _note_asked_pools(session, row)
    return snapshot


def _note_asked_pools(session: Session, row: RoundRow) -> None:
    """Write down which bid asked for which pool, for those who compare with past rounds."""
    per_lot = cast(func.sum(col(ItemRow.units_per_lot) * col(ItemRow.days)), Whole)
    place = (col(ItemRow.pool_id), col(BidRow.round_id), col(ItemRow.bid_id), col(ItemRow.number))
    asked = (
        select(*place, per_lot)
        .join(BidRow, col(BidRow.id) == col(ItemRow.bid_id))
        .where(col(BidRow.round_id) == row.id)
        .group_by(*place)
    )
    columns = ["pool_id", "round_id", "bid_id", "number", "unit_days"]
    session.execute(insert(AskedPoolRow).from_select(columns, asked))


def frozen_problem(session: Session, row: RoundRow) -> Problem:
    """Return what a closed round asked at its close, for what it offers now.

    Bids never change after the close; capacity does where two persons amended it.

    Raises: NotFound before the close.
    """
    snapshot = session.get(SnapshotRow, row.id)
    if snapshot is None:
        raise NotFound(f"Round {row.key} has no snapshot; it was never closed.", round_key=row.key)
    problem = problem_from_round_document(json.loads(snapshot.document))
    if not _is_amended(session, row):
        return problem
    return replace(problem, capacity=_day_units(session, row, CapacityRow))


def capacity_now(session: Session, row: RoundRow) -> tuple[DayUnits, ...]:
    """Return the units that a round hands out as its rows stand now, gross of commitments."""
    return _day_units(session, row, CapacityRow)


def _is_amended(session: Session, row: RoundRow) -> bool:
    """Say whether a round's capacity was changed after its close."""
    amended = select(col(CapacityAmendmentRow.version_id)).where(
        col(CapacityAmendmentRow.round_id) == row.id,
        col(CapacityAmendmentRow.round_state) == RoundState.CLOSED,
    )
    return session.scalars(amended.limit(1)).first() is not None


def problem_of(session: Session, row: RoundRow) -> Problem:
    """Return what a round asks as its rows stand now, without what a rule of its policy bars."""
    problem = Problem(
        round_key=RoundKey(row.key),
        starts_on=row.starts_on,
        days=row.days,
        pools=_pools(session, row),
        capacity=_day_units(session, row, CapacityRow),
        teams=_teams(session, row),
        bids=_bids(session, row, ~_is_barred()),
        commitments=_day_units(session, row, CommitmentRow),
        nonce=row.nonce,
        floor_ratio=row.floor_ratio,
    )
    return with_contest(session, row, problem)


def _pools(session: Session, row: RoundRow) -> tuple[Pool, ...]:
    offered = (
        select(col(PoolRow.key), col(RoundPoolRow.reserve_price_credits))
        .join(PoolRow, col(PoolRow.id) == col(RoundPoolRow.pool_id))
        .where(col(RoundPoolRow.round_id) == row.id)
    )
    return tuple(Pool(PoolKey(key), price) for key, price in session.execute(offered))


def _day_units(
    session: Session, row: RoundRow, table: type[CapacityRow | CommitmentRow]
) -> tuple[DayUnits, ...]:
    columns = (col(table.day), col(table.reserved_units), col(table.spot_units))
    stored = (
        select(col(PoolRow.key), *columns)
        .join(PoolRow, col(PoolRow.id) == col(table.pool_id))
        .where(col(table.round_id) == row.id)
    )
    return tuple(
        DayUnits(PoolKey(key), day, reserved, spot)
        for key, day, reserved, spot in session.execute(stored)
    )


def _teams(session: Session, row: RoundRow) -> tuple[Team, ...]:
    bidders = (
        select(col(TeamRow.key), col(RoundTeamRow.credits))
        .join(TeamRow, col(TeamRow.id) == col(RoundTeamRow.team_id))
        .where(col(RoundTeamRow.round_id) == row.id)
    )
    return tuple(Team(TeamKey(key), credits_) for key, credits_ in session.execute(bidders))


def placed_ways(session: Session, row: RoundRow) -> tuple[Bid, ...]:
    """Return the bids of a round with every alternative, those that its policy bars included."""
    return _bids(session, row, true())


def _bids(session: Session, row: RoundRow, which: ColumnElement[bool]) -> tuple[Bid, ...]:
    placed = (
        select(col(BidRow.id), col(BidRow.key), col(TeamRow.key), col(BidRow.submitted_at))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .where(col(BidRow.round_id) == row.id)
    )
    alternatives = _alternatives(session, row, which)
    return tuple(
        Bid(BidKey(key), TeamKey(team), tuple(alternatives[bid_id]), submitted_at)
        for bid_id, key, team, submitted_at in session.execute(placed)
        if bid_id in alternatives
    )


def _alternatives(
    session: Session, row: RoundRow, which: ColumnElement[bool]
) -> dict[str, list[Alternative]]:
    columns = AlternativeRow.__table__.columns  # type: ignore[attr-defined]
    stored: Select[Any] = select(*columns).join(BidRow, col(BidRow.id) == columns.bid_id)
    stored = stored.where(col(BidRow.round_id) == row.id, which)
    items = _items(session, row)
    found: dict[str, list[Alternative]] = defaultdict(list)
    for line in session.execute(stored):
        found[line.bid_id].append(_alternative(line, items[line.bid_id, line.number]))
    return found


def _is_barred() -> ColumnElement[bool]:
    """Say whether a rule of the policy keeps an alternative out of its round."""
    return exists().where(
        col(BarredAlternativeRow.bid_id) == col(AlternativeRow.bid_id),
        col(BarredAlternativeRow.number) == col(AlternativeRow.number),
    )


def _alternative(line: Row[Any], items: list[Item]) -> Alternative:
    return Alternative(
        number=line.number,
        tier=Tier(line.tier),
        offer_credits_per_lot=line.offer_credits_per_lot,
        value_score_per_lot=line.value_score_per_lot,
        min_lots=line.min_lots,
        max_lots=line.max_lots,
        earliest_start=line.earliest_start,
        latest_start=line.latest_start,
        items=tuple(items),
    )


def _items(session: Session, row: RoundRow) -> dict[tuple[str, int], list[Item]]:
    columns = (col(ItemRow.offset_days), col(ItemRow.days), col(ItemRow.units_per_lot))
    stored = (
        select(col(ItemRow.bid_id), col(ItemRow.number), col(PoolRow.key), *columns)
        .join(PoolRow, col(PoolRow.id) == col(ItemRow.pool_id))
        .join(BidRow, col(BidRow.id) == col(ItemRow.bid_id))
        .where(col(BidRow.round_id) == row.id)
    )
    found: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for bid_id, number, pool_key, offset, days, units in session.execute(stored):
        found[bid_id, number].append(Item(PoolKey(pool_key), offset, days, units))
    return found
