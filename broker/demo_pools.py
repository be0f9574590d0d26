"""The demo's pools as their owners define them: data with terms, experts with their hours.

What they say stands in company/; the story of the rounds in demo.py.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import PoolKey
from broker.access_grants.endings import AT_ONCE, expire_access, revoke_access
from broker.access_grants.tables import AccessGrantRow
from broker.audit import ActorId, Change
from broker.company.calendars import SATURDAY, Person, Sprint, Units, is_working_day
from broker.company.calendars import Roster as CompanyRoster
from broker.company.data import DATA_PLANS
from broker.company.experts import DECLINED_FOR, expert_key, most_teams_of, skills_of
from broker.company.people import FIRST_ADMIN, LEAVER, SECOND_ADMIN
from broker.company.pools import POOLS, PoolPlan
from broker.experts.answers import confirm_hours, decline_hours
from broker.experts.tables import ExpertHoursRow, ExpertRow
from broker.people.actors import actor_of_person
from broker.people.persons import disable_person, find_person
from broker.people.tables import PersonRow
from broker.pools.calendars import WEEKDAYS, Calendar, Maintenance
from broker.pools.calendars import Units as PoolUnits
from broker.pools.changes import PoolWish, change_pool
from broker.pools.data_terms import DataTerms
from broker.pools.definitions import PoolDefinition
from broker.pools.rosters import Absence, Roster, RosterPerson
from broker.states import AccessState, HoursState
from broker.tables import BidRow, PoolRow, RoundRow

SPRINT_START = ActorId("sprint-start")
WHY_DEFINED = "Whoever uses these data should know for what and for how long they may."
WHY_ENLISTED = "An award should say who works on what, and nobody should be promised twice."
WHY_REVOKED = "The notes turned out to hold names that should not be there; they are cleaned first."
CLEANED = PoolKey("clinical-notes")
EXPERT_POOLS = {
    key: pool.calendar for key, pool in POOLS.items() if isinstance(pool.calendar, CompanyRoster)
}
"""The company's pools of experts, with who is in them."""


def define_pools(session: Session, sprints: Sequence[Sprint], seed: int, at: dt.datetime) -> None:
    """Write down for some sprints what data may be used for, and who is in each pool of experts."""
    admin = actor_of_person(session, FIRST_ADMIN.key)
    for key, plan in DATA_PLANS.items():
        steward = find_person(session, plan.steward_key)
        terms = DataTerms(steward.id, plan.purposes, plan.longest_days, plan.entry)
        definition = replace(_definition(POOLS[key], _seats(POOLS[key], sprints)), data=terms)
        change_pool(session, admin, PoolWish(key, definition, WHY_DEFINED), at)
    for key, experts in EXPERT_POOLS.items():
        names = {expert_key(person): person.name for person in experts.persons}
        calendar = _working_days(key, experts, sprints, seed)
        wish = PoolWish(key, _definition(POOLS[key], calendar), WHY_ENLISTED, names=names)
        change_pool(session, admin, wish, at)


def _definition(pool: PoolPlan, calendar: Calendar) -> PoolDefinition:
    return PoolDefinition(
        pool.name,
        pool.unit,
        calendar,
        pool.reserve_price_credits,
        pool.description,
        pool.classification,
    )


def _working_days(
    key: PoolKey, experts: CompanyRoster, sprints: Sequence[Sprint], seed: int
) -> Calendar:
    """Return the working calendars of a pool's experts, with their leave and public holidays."""
    days = [day for sprint in sprints for day in sprint.days]
    persons = tuple(
        RosterPerson(
            key=expert_key(person),
            hours=(*person.hours_by_weekday, 0, 0),
            most_teams=most_teams_of(place),
            skills=skills_of(key, place),
            absences=tuple(_absences(person, sprints, seed)),
        )
        for place, person in enumerate(experts.persons)
    )
    return Calendar(
        first_day=days[0],
        week=(PoolUnits(0, 0),) * len(WEEKDAYS),
        maintenance=tuple(
            Maintenance(day, note="Public holiday")
            for day in days
            if day.weekday() < SATURDAY and not is_working_day(day)
        ),
        roster=Roster(persons, experts.spot_percent),
    )


def _absences(person: Person, sprints: Sequence[Sprint], seed: int) -> Iterator[Absence]:
    for sprint in sprints:
        leave = sorted(person.leave(sprint, seed))
        if leave:
            yield Absence(leave[0], leave[-1])


def answer_hours(session: Session, round_key: str, at: dt.datetime, *, is_over: bool) -> None:
    """Let experts confirm the hours of a round; in the sprint of today some have not answered yet.

    Those with an account answer for themselves, for the others a platform admin does. One declines.
    """
    admin = actor_of_person(session, FIRST_ADMIN.key)
    for key, ids in _asked(session, round_key):
        actor = actor_of_person(session, key) if key else admin
        answered = ids if is_over else ids[: len(ids) * 2 // 3]
        if answered:
            confirm_hours(session, actor, answered, at)
        if key and not is_over:
            decline_hours(session, actor, ids[-1:], DECLINED_FOR, at)


def _asked(session: Session, round_key: str) -> list[tuple[str, list[str]]]:
    """Return the hours that a round asks for, by the account that answers; the admins' is empty."""
    rows = session.execute(
        select(col(ExpertHoursRow.id), col(PersonRow.key))
        .join(BidRow, col(BidRow.id) == col(ExpertHoursRow.bid_id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .join(ExpertRow, col(ExpertRow.id) == col(ExpertHoursRow.expert_id))
        .outerjoin(PersonRow, col(PersonRow.id) == col(ExpertRow.person_id))
        .where(col(RoundRow.key) == round_key, col(ExpertHoursRow.state) == HoursState.ASKED)
        .order_by(col(ExpertHoursRow.day), col(BidRow.key), col(ExpertHoursRow.hours))
    ).all()
    found: dict[str, list[str]] = defaultdict(list)
    for id_, key in rows:
        found[key or ""].append(id_)
    return sorted(found.items())


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
