"""What a sprint to come offers, and to whom: from the pools' calendars and the teams there are.

A pool with a calendar in force offers what the calendar says. A pool without one, whose units come
with each round, offers again what it offered in the round before, weekday by weekday.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.folders import PoolLabel, RoundFolder
from allocation.problem import DayUnits, Pool, PoolKey, Problem, RoundKey, Team, TeamKey
from broker.errors import Refused
from broker.people.teams import is_active
from broker.pools.calendars import NONE, WEEKDAYS, Calendar, Cause, Units, capacity_on
from broker.pools.changes import IN_FORCE
from broker.pools.definitions import definition_from
from broker.pools.tables import PoolVersionRow
from broker.spot.tables import is_of_a_sprint
from broker.sprints.rules import Sprint, SprintRule
from broker.states import RoundState
from broker.tables import CapacityRow, PoolRow, RoundPoolRow, RoundRow, TeamRow


@dataclass(frozen=True, slots=True)
class PoolOffer:
    """What one pool offers in a sprint; `like_round` names the round that it repeats, if any."""

    pool: PoolRow
    reserve_price_credits: int
    days: tuple[DayUnits, ...]
    like_round: str | None = None


def offer_for(session: Session, rule: SprintRule, sprint: Sprint) -> RoundFolder:
    """Return the round of a sprint. Raises: Refused if there is no pool or no team for it."""
    offers, teams = pools_for(session, sprint), _teams_for(session, rule)
    if not offers or not teams:
        missing = "no team" if offers else "no pool with a calendar"
        raise Refused(
            f"Sprint {sprint.key} cannot be announced: there is {missing}.",
            hint="Add one; the next `broker tick` announces the sprint.",
            round_key=sprint.key,
        )
    problem = Problem(
        round_key=RoundKey(sprint.key),
        starts_on=sprint.starts_on,
        days=sprint.days,
        pools=tuple(Pool(PoolKey(o.pool.key), o.reserve_price_credits) for o in offers),
        capacity=tuple(units for offer in offers for units in offer.days),
        teams=tuple(Team(TeamKey(row.key), credits_) for row, credits_ in teams),
    )
    return RoundFolder(
        problem=problem,
        name=sprint.name,
        pools={PoolKey(offer.pool.key): _label(offer.pool) for offer in offers},
        teams={TeamKey(row.key): row.name for row, _ in teams},
        titles={},
    )


def pools_for(session: Session, sprint: Sprint) -> list[PoolOffer]:
    """Return what every pool offers in a sprint, by key; a pool that drained before is left out."""
    days = [sprint.starts_on + dt.timedelta(days=n) for n in range(sprint.days)]
    return sorted(
        [*_by_calendar(session, days), *_as_before(session, days)], key=lambda o: o.pool.key
    )


def week_offered(session: Session, pool_id: str, round_id: str) -> tuple[Units, ...]:
    """Return what a round offers of a pool on each weekday, that of its first such day."""
    days = select(CapacityRow).where(
        col(CapacityRow.round_id) == round_id, col(CapacityRow.pool_id) == pool_id
    )
    week = [NONE] * len(WEEKDAYS)
    for one in session.scalars(days.order_by(col(CapacityRow.day).desc())):
        week[one.day.weekday()] = Units(one.reserved_units, one.spot_units)
    return tuple(week)


def _by_calendar(session: Session, days: Sequence[dt.date]) -> Iterator[PoolOffer]:
    for pool, document in _calendars(session):
        definition = definition_from(document)
        if _offers(definition.calendar, days):
            price, found = definition.reserve_price_credits, definition.calendar
            yield PoolOffer(pool, price, tuple(_units(pool, found, days)))


def _offers(calendar: Calendar, days: Sequence[dt.date]) -> bool:
    """Say whether a pool has begun before a sprint ends and is not drained before it starts."""
    is_drained = calendar.drains_from is not None and calendar.drains_from <= days[0]
    return calendar.first_day <= days[-1] and not is_drained


def _calendars(session: Session) -> list[tuple[PoolRow, str]]:
    """Return every pool that has a calendar with the document in force, by key."""
    rows = session.execute(
        select(PoolRow, col(PoolVersionRow.document))
        .join(PoolVersionRow, col(PoolVersionRow.pool_id) == col(PoolRow.id))
        .where(col(PoolVersionRow.state) == IN_FORCE)
        .order_by(col(PoolRow.key), col(PoolVersionRow.number))
    )
    latest = {pool.id: (pool, document) for pool, document in rows}
    return list(latest.values())


def _as_before(session: Session, days: Sequence[dt.date]) -> Iterator[PoolOffer]:
    """Return the pools without a calendar that the round before offers."""
    before = session.scalars(
        select(RoundRow)
        .where(
            col(RoundRow.starts_on) < days[0],
            col(RoundRow.state) != RoundState.CANCELLED,
            is_of_a_sprint(),
        )
        .order_by(col(RoundRow.starts_on).desc(), col(RoundRow.key))
        .limit(1)
    ).first()
    if before is None:
        return
    has_calendar = select(col(PoolVersionRow.pool_id)).where(col(PoolVersionRow.state) == IN_FORCE)
    offered = (
        select(PoolRow, col(RoundPoolRow.reserve_price_credits))
        .join(RoundPoolRow, col(RoundPoolRow.pool_id) == col(PoolRow.id))
        .where(col(RoundPoolRow.round_id) == before.id, col(PoolRow.id).not_in(has_calendar))
    )
    for pool, price in session.execute(offered).all():
        again = Calendar(days[0], week_offered(session, pool.id, before.id))
        yield PoolOffer(pool, price, tuple(_units(pool, again, days)), before.key)


def _units(pool: PoolRow, calendar: Calendar, days: Sequence[dt.date]) -> Iterator[DayUnits]:
    for one in capacity_on(calendar, days):
        if one.cause is not Cause.BEFORE_FIRST_DAY:
            yield DayUnits(PoolKey(pool.key), one.day, *one.units)


def _teams_for(session: Session, rule: SprintRule) -> list[tuple[TeamRow, int]]:
    """Return every team that is not retired with the credits of the rule, by key."""
    teams = session.scalars(select(TeamRow).where(is_active()).order_by(col(TeamRow.key)))
    return [(row, rule.team_credits.get(row.key, rule.credits_per_team)) for row in teams]


def _label(pool: PoolRow) -> PoolLabel:
    return PoolLabel(
        pool.name, pool.kind, pool.unit, pool.owner, pool.description, pool.classification
    )
