"""What a publication grants: one grant for every item of an award that is a pool of data.

It happens in the transaction that publishes the run, while the run is checked; the database takes
grants at no other moment. A later revision leaves alone what it does not change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import and_, func, insert, select
from sqlmodel import Session, col

from allocation.wire import sha256_of
from broker.access_grants.tables import AccessGrantRow
from broker.audit import Change, record
from broker.notices.causes import Granted, tell_access_granted
from broker.policy.tables import BidPurposeRow
from broker.pools.definitions import DATA
from broker.pools.terms_in_force import terms_at
from broker.states import AccessState, move_access
from broker.tables import AwardRow, BidRow, ItemRow, PoolRow, RoundPoolRow, RoundRow, RunRow

NOT_AWARDED_ANY_MORE = "A later revision of the result changed the award."


class Right(NamedTuple):
    """What an award lets a team do: the same one in two revisions is granted once."""

    bid_id: str
    position: int
    pool_id: str
    purpose: str
    seats: int
    from_on: dt.date
    until_on: dt.date


@dataclass(frozen=True, slots=True)
class _Awarded:
    """A right with the team that has it and the key of its pool."""

    right: Right
    team_id: str
    pool_key: str


def issue_access(session: Session, row: RoundRow, run: RunRow, change: Change) -> None:
    """Grant what the awards of a run say, and end what an earlier revision granted otherwise."""
    awarded = list(_awarded(session, row, run))
    before = _granted_before(session, row)
    rights = {one.right for one in awarded}
    for right, earlier in before.items():
        if right not in rights and earlier.state == AccessState.GRANTED:
            move_access(session, earlier, AccessState.REVOKED, change, reason=NOT_AWARDED_ANY_MORE)
    fresh = [one for one in awarded if _is_fresh(before.get(one.right))]
    if not fresh:
        return
    rows = [_columns(run, one, change) for one in fresh]
    session.execute(insert(AccessGrantRow), rows)
    listed = sha256_of([[line["id"], line["bid_id"], line["pool_id"]] for line in rows])
    facts = {"round_key": row.key, "grants": len(rows), "grants_sha256": listed}
    record(session, change, "access.granted", f"run:{run.id}", **facts)
    _tell_stewards(session, row, run, fresh, change)


def _is_fresh(earlier: AccessGrantRow | None) -> bool:
    """Say whether a right is to be granted: it never was, or an earlier revision took it away."""
    return earlier is None or earlier.reason == NOT_AWARDED_ANY_MORE


def _awarded(session: Session, row: RoundRow, run: RunRow) -> Iterator[_Awarded]:
    offered = and_(
        col(RoundPoolRow.round_id) == row.id, col(RoundPoolRow.pool_id) == col(ItemRow.pool_id)
    )
    used = and_(
        col(ItemRow.bid_id) == col(AwardRow.bid_id),
        col(ItemRow.number) == col(AwardRow.alternative),
    )
    won = (
        select(AwardRow, ItemRow)
        .add_columns(
            col(BidRow.team_id),
            col(PoolRow.key),
            func.coalesce(col(BidPurposeRow.purpose), "").label("purpose"),
        )
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(ItemRow, used)
        .join(RoundPoolRow, offered)
        .join(PoolRow, col(PoolRow.id) == col(ItemRow.pool_id))
        .outerjoin(BidPurposeRow, col(BidPurposeRow.bid_id) == col(AwardRow.bid_id))
        .where(col(AwardRow.run_id) == run.id, col(RoundPoolRow.kind) == DATA)
        .order_by(col(PoolRow.key), col(BidRow.key), col(ItemRow.position))
    )
    for award, item, team_id, pool_key, purpose in session.execute(won):
        yield _Awarded(_right(award, item, purpose), team_id, pool_key)


def _right(award: AwardRow, item: ItemRow, purpose: str) -> Right:
    first = award.start + dt.timedelta(days=item.offset_days)
    return Right(
        bid_id=award.bid_id,
        position=item.position,
        pool_id=item.pool_id,
        purpose=purpose,
        seats=item.units_per_lot * award.lots,
        from_on=first,
        until_on=first + dt.timedelta(days=item.days - 1),
    )


def _granted_before(session: Session, row: RoundRow) -> Mapping[Right, AccessGrantRow]:
    """Return what earlier revisions granted, ended or not, the latest of each right."""
    earlier = (
        select(AccessGrantRow)
        .join(RunRow, col(RunRow.id) == col(AccessGrantRow.run_id))
        .where(col(RunRow.round_id) == row.id)
        .order_by(col(RunRow.revision))
    )
    return {
        Right(*(getattr(one, name) for name in Right._fields)): one
        for one in session.scalars(earlier)
    }


def _columns(run: RunRow, one: _Awarded, change: Change) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "run_id": run.id,
        "team_id": one.team_id,
        **one.right._asdict(),
        "state": AccessState.GRANTED,
        "granted_at": change.at,
    }


def _tell_stewards(
    session: Session, row: RoundRow, run: RunRow, fresh: Iterable[_Awarded], change: Change
) -> None:
    """Tell whoever looks after the data how much access begins, pool by pool."""
    terms = terms_at(session, change.at)
    for pool_key, some in groupby(fresh, lambda one: one.pool_key):
        steward_id = terms[pool_key].steward_id if pool_key in terms else None
        if steward_id:
            granted = Granted(row.key, run.revision, pool_key, len(list(some)), steward_id)
            tell_access_granted(session, granted, change.at)
