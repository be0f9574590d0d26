"""Who has left of those who answer for pools: owners without a successor, stewards with no account.

A pool that never had an owner with an account misses nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import and_, exists, select
from sqlmodel import Session, col

from broker.people.standing import POOL_OWNER, in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.pools.definitions import DATA, definition_from
from broker.pools.tables import PoolVersionRow
from broker.tables import PoolRow

OWNER_LEFT = "The owner has left, and nobody has taken the pool over."
STEWARD_LEFT = "The steward of the data has left."


def departures(session: Session, pool_id: str | None = None) -> Mapping[str, tuple[str, ...]]:
    """Return sentences about who has left, by the pool's id; nothing for pools that miss nobody."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for one in _without_owner(session, pool_id):
        found[one] = (OWNER_LEFT,)
    for one in _without_steward(session, pool_id):
        found[one] = (*found[one], STEWARD_LEFT)
    return found


def _without_owner(session: Session, pool_id: str | None) -> list[str]:
    now = exists().where(
        in_force(),
        col(RoleGrantRow.role) == POOL_OWNER,
        col(RoleGrantRow.pool_id) == col(PoolRow.id),
    )
    once = exists().where(
        col(RoleGrantRow.role) == POOL_OWNER,
        col(RoleGrantRow.pool_id) == col(PoolRow.id),
        col(RoleGrantRow.approved_at).is_not(None),
    )
    left = select(col(PoolRow.id)).where(once, ~now)
    if pool_id is not None:
        left = left.where(col(PoolRow.id) == pool_id)
    return list(session.scalars(left))


def _without_steward(session: Session, pool_id: str | None) -> list[str]:
    row, newer = PoolVersionRow, PoolVersionRow.__table__.alias("newer")  # type: ignore[attr-defined]
    superseded = exists().where(
        newer.c.pool_id == col(row.pool_id),
        newer.c.state == "in-force",
        newer.c.number > col(row.number),
    )
    of_data = and_(col(PoolRow.id) == col(row.pool_id), col(PoolRow.kind) == DATA)
    in_force_now = (
        select(col(row.pool_id), col(row.document))
        .join(PoolRow, of_data)
        .where(col(row.state) == "in-force", ~superseded)
    )
    if pool_id is not None:
        in_force_now = in_force_now.where(col(row.pool_id) == pool_id)
    stewards = {
        id_: definition.data.steward_id
        for id_, document in session.execute(in_force_now)
        if (definition := definition_from(document)).data is not None
    }
    left = _left(session, stewards) if stewards else set()
    return [id_ for id_, person in stewards.items() if person in left]


def _left(session: Session, stewards: Mapping[str, str]) -> set[str]:
    gone = select(col(PersonRow.id)).where(
        col(PersonRow.id).in_(set(stewards.values())), col(PersonRow.disabled_at).is_not(None)
    )
    return set(session.scalars(gone))
