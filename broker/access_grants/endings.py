"""How access ends: by itself after its last day, or earlier because somebody takes it back.

Ending access ends no award: what was paid and what is held stay as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import or_, select
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.access_grants.held import until_on
from broker.access_grants.tables import AccessGrantRow
from broker.audit import Change
from broker.errors import InvalidRevocation
from broker.notices.causes import tell_access_revoked
from broker.pools.terms_in_force import terms_at
from broker.states import AccessState, move_access
from broker.tables import PoolRow
from broker.texts import findings_in_text

AT_ONCE = 500
"""How many grants one transaction ends."""


def expire_access(session: Session, change: Change) -> int:
    """End grants whose last day is past, some at once; return how many that were.

    The last day is the one before nothing of the award is held, where its team gave it back.

    Safe from several hosts: a grant that another one is ending is left to it.
    """
    today = change.at.astimezone(dt.UTC).date()
    past = (
        select(AccessGrantRow)
        .where(
            col(AccessGrantRow.state) == AccessState.GRANTED,
            or_(until_on() < today, until_on() < col(AccessGrantRow.from_on)),
        )
        .order_by(col(AccessGrantRow.until_on), col(AccessGrantRow.id))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(past).all()
    for row in rows:
        move_access(session, row, AccessState.EXPIRED, change)
    return len(rows)


def revoke_access(
    session: Session, actor: Actor, grant_id: str, reason: str, at: dt.datetime
) -> None:
    """Take access back before its last day, for a reason that the team reads.

    Raises: NotFound; SignInNeeded, NotAllowed; InvalidRevocation; Refused if it has ended.
    """
    require(actor, Action.READ_ACCESS_GRANTS)
    row = session.get(AccessGrantRow, grant_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise nothing_here()
    pool = session.get_one(PoolRow, row.pool_id)
    steward_id = steward_of(session, pool.key, at)
    require(actor, Action.REVOKE_ACCESS, pool_id=row.pool_id, person_id=steward_id)
    findings = list(_findings(reason))
    if findings:
        raise InvalidRevocation(grant_id, findings)
    change = Change(actor.id, at)
    move_access(session, row, AccessState.REVOKED, change, reason=reason.strip())
    tell_access_revoked(session, row.id, row.team_id, pool.name, at)


def steward_of(session: Session, pool_key: str, at: dt.datetime) -> str | None:
    """Return the id of whoever looks after the data of a pool; None if nobody is named."""
    terms = terms_at(session, at).get(pool_key)
    return terms.steward_id if terms else None


def _findings(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield "reason: is empty; say why, for the team to read."
    yield from findings_in_text("reason", reason)
