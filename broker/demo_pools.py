"""The demo's pools as their owners define them: terms and calendars of data, and access taken back.

What they say stands in company/; the story of the rounds in demo.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import PoolKey
from broker.access_grants.endings import AT_ONCE, expire_access, revoke_access
from broker.access_grants.tables import AccessGrantRow
from broker.audit import ActorId, Change
from broker.company.calendars import Sprint, Units
from broker.company.data import DATA_PLANS
from broker.company.people import FIRST_ADMIN, LEAVER, SECOND_ADMIN
from broker.company.pools import POOLS, PoolPlan
from broker.people.actors import actor_of_person
from broker.people.persons import disable_person, find_person
from broker.pools.calendars import WEEKDAYS, Calendar, Maintenance
from broker.pools.calendars import Units as PoolUnits
from broker.pools.changes import PoolWish, change_pool
from broker.pools.data_terms import DataTerms
from broker.pools.definitions import PoolDefinition
from broker.states import AccessState
from broker.tables import BidRow, PoolRow, RoundRow

SPRINT_START = ActorId("sprint-start")
WHY_DEFINED = "Whoever uses these data should know for what and for how long they may."
WHY_REVOKED = "The notes turned out to hold names that should not be there; they are cleaned first."
CLEANED = PoolKey("clinical-notes")


def define_pools(session: Session, sprints: Sequence[Sprint], at: dt.datetime) -> None:
    """Write down the terms and calendars of the company's data for some sprints."""
    admin = actor_of_person(session, FIRST_ADMIN.key)
    for key, plan in DATA_PLANS.items():
        steward = find_person(session, plan.steward_key)
        terms = DataTerms(steward.id, plan.purposes, plan.longest_days, plan.entry)
        pool = POOLS[key]
        definition = PoolDefinition(
            pool.name,
            pool.unit,
            _seats(pool, sprints),
            pool.reserve_price_credits,
            pool.description,
            pool.classification,
            data=terms,
        )
        change_pool(session, admin, PoolWish(key, definition, WHY_DEFINED), at)


def _seats(pool: PoolPlan, sprints: Sequence[Sprint]) -> Calendar:
    """Return the seats of every day; on the day of its refresh a sprint has none."""
    days = [day for sprint in sprints for day in sprint.days]
    by_day = {day: units for sprint in sprints for day, units in _units(pool, sprint)}
    usual = next(units for units in by_day.values() if units.total)
    return Calendar(
        first_day=days[0],
        week=(PoolUnits(usual.reserved, usual.spot),) * len(WEEKDAYS),
        maintenance=tuple(
            Maintenance(day, note="Refresh") for day in days if not by_day[day].total
        ),
    )


def _units(pool: PoolPlan, sprint: Sprint) -> Iterator[tuple[dt.date, Units]]:
    return iter(pool.calendar.units_by_day(sprint, 0).items())


def end_access(session: Session, at: dt.datetime) -> None:
    """End the access whose last day is past, as `broker tick` does."""
    while expire_access(session, Change(SPRINT_START, at)) == AT_ONCE:
        pass


def take_access_back(session: Session, round_key: str, at: dt.datetime) -> None:
    """Let the steward of the notes take the access of one team back."""
    steward = actor_of_person(session, DATA_PLANS[CLEANED].steward_key)
    granted = (
        select(col(AccessGrantRow.id))
        .join(PoolRow, col(PoolRow.id) == col(AccessGrantRow.pool_id))
        .join(BidRow, col(BidRow.id) == col(AccessGrantRow.bid_id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .where(
            col(PoolRow.key) == CLEANED,
            col(RoundRow.key) == round_key,
            col(AccessGrantRow.state) == AccessState.GRANTED,
        )
        .order_by(col(BidRow.key), col(AccessGrantRow.position))
    )
    first = session.scalars(granted).first()
    if first is not None:
        revoke_access(session, steward, first, WHY_REVOKED, at)


def let_somebody_leave(session: Session, at: dt.datetime) -> None:
    """Shut out whoever left the company, so that what they answered for has nobody."""
    disable_person(session, actor_of_person(session, SECOND_ADMIN.key), LEAVER.key, at)
