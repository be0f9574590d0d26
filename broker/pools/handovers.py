"""Who answers for a pool, and how a pool is handed over: a role of a person, held by two others.

The new owner is proposed and approved as every role is; from then on nobody else owns the pool.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import NotFound
from broker.people.grants import Grant, Granted, approve_grant, end_grant, propose_grant
from broker.people.standing import POOL_OWNER, in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.pools.changes import find_pool
from broker.tables import PoolRow


def propose_owner(
    session: Session, actor: Actor, pool_key: str, person_key: str, at: dt.datetime
) -> Granted:
    """Propose a new owner of a pool, whom a second platform admin has to approve.

    Raises: NotFound; NotAllowed; Refused for somebody who is disabled.
    """
    return propose_grant(session, actor, Grant(person_key, POOL_OWNER, pool_key=pool_key), at)


def approve_owner(
    session: Session, actor: Actor, pool_key: str, grant_id: str, at: dt.datetime
) -> None:
    """Hand a pool over to its proposed owner; whoever owned it before does no more.

    Raises: NotFound; NotAllowed for whoever proposed it or is to get it.
    """
    require(actor, Action.GRANT_ROLE)
    pool = find_pool(session, pool_key)
    wanted = session.get(RoleGrantRow, grant_id)
    if wanted is None or wanted.pool_id != pool.id:
        raise NotFound(f"Nobody is proposed as owner of pool {pool.key} like that.")
    approve_grant(session, actor, grant_id, at)
    for former in owner_grants(session, pool):
        if former.id != grant_id:
            end_grant(session, actor, former.id, at)
    pool.owner = session.get_one(PersonRow, wanted.person_id).name
    session.flush()
    change = Change(actor.id, at)
    record(session, change, "pool.handed-over", f"pool:{pool.key}", person_id=wanted.person_id)


def owner_grants(session: Session, pool: PoolRow) -> list[RoleGrantRow]:
    """Return the roles that make people owners of a pool now."""
    owned = select(RoleGrantRow).where(
        in_force(), col(RoleGrantRow.role) == POOL_OWNER, col(RoleGrantRow.pool_id) == pool.id
    )
    return list(session.scalars(owned.order_by(col(RoleGrantRow.proposed_at))))
