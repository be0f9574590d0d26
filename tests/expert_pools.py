"""A market with an expert pool, a roster of persons, and teams that bid for their hours."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import col

from allocation.folders import PoolLabel
from allocation.problem import Alternative, PoolKey
from broker.db import Database, reading, transact
from broker.experts.tables import ExpertHoursRow, ExpertRow
from broker.policy.pledges import NO_PLEDGE
from broker.pools.calendars import NONE, Calendar, Maintenance
from broker.pools.changes import Changed, PoolWish, change_pool
from broker.pools.definitions import PoolDefinition
from broker.pools.rosters import Absence, Roster, RosterPerson
from broker.rounds import create_round, open_round
from tests.builders import FIRST_DAY, a_calendar, a_pool, a_problem, a_team, an_alternative, an_item
from tests.cast import MEMBER, NEWCOMER, OWNER, Places, actor, bring_people
from tests.markets import NOON, a_change, described
from tests.policy_markets import bid

COUNSEL = "counsel"
GINA = "gina"
"""An expert without an account; the newcomer and the member of team red have one."""
NAMED = {GINA: "Gina Guest"}
HOURS = (6, 6, 6, 6, 6, 0, 0)


def a_roster(*persons: RosterPerson, spot_percent: int = 0) -> Roster:
    """Return the newcomer, the member of team red, and somebody without an account."""
    usual = (
        RosterPerson(NEWCOMER, HOURS, most_teams=2, skills=("contracts",)),
        RosterPerson(MEMBER, HOURS),
        RosterPerson(GINA, HOURS),
    )
    return Roster(persons or usual, spot_percent)


def away(roster: Roster, key: str, first: int, last: int) -> Roster:
    """Return a roster in which somebody is away on numbered days."""
    absence = Absence(FIRST_DAY + dt.timedelta(days=first), FIRST_DAY + dt.timedelta(days=last))
    persons = tuple(
        replace(one, absences=(absence,)) if one.key == key else one for one in roster.persons
    )
    return replace(roster, persons=persons)


def an_open_round_with_experts(db: Database) -> None:
    """Open a round with a pool of counsel, whose roster its owner defines."""
    pools = [a_pool(), a_pool(COUNSEL)]
    capacity = (*a_calendar(), *a_calendar(COUNSEL, reserved=18, spot=0))
    problem = a_problem(pools=pools, capacity=capacity, teams=[a_team("red"), a_team("blue")])
    offer = described(problem)
    label = PoolLabel("Privacy counsel", "expert", "hour", "ada", "They review", "")
    offer = replace(offer, pools={**offer.pools, PoolKey(COUNSEL): label})
    transact(db, lambda session: create_round(session, offer, a_change()))
    bring_people(db, Places(other_team="blue", pool=COUNSEL))
    enlist(db)
    transact(db, lambda session: open_round(session, "sprint-1", a_change()))


def enlist(
    db: Database,
    roster: Roster | None = None,
    *closed: Maintenance,
    follows: int = 0,
    hours: float = 0,
) -> Changed:
    """Say who is in the pool, as its owner."""
    calendar = Calendar(FIRST_DAY, (NONE,) * 7, maintenance=closed, roster=roster or a_roster())
    definition = PoolDefinition("Privacy counsel", "hour", calendar, 0, "They review")
    wish = PoolWish(COUNSEL, definition, "It is so", follows, NAMED)
    owner, at = actor(db, OWNER), NOON + dt.timedelta(hours=hours)
    return transact(db, lambda session: change_pool(session, owner, wish, at))


def counsel(*, hours: int = 6, days: int = 2, lots: int = 1, offer: int = 100) -> Alternative:
    """Return an alternative that asks for hours of counsel."""
    item = an_item(COUNSEL, units=hours, days=days)
    return an_alternative(item, offer=offer, lots=(lots, lots))


def ask(db: Database, key: str, *ways: Alternative, team: str = "red") -> str:
    """Place a bid."""
    return bid(db, key, *(ways or (counsel(),)), team=team, pledge=NO_PLEDGE)


def rows_of(db: Database, *states: str) -> list[ExpertHoursRow]:
    """Return hours in some states, else all of them, by day."""
    row = ExpertHoursRow
    wanted = select(row).order_by(col(row.day), col(row.team_id), col(row.expert_id))
    if states:
        wanted = wanted.where(col(row.state).in_(states))
    with reading(db) as session:
        return list(session.scalars(wanted))


def keys_of(db: Database) -> dict[str, str]:
    """Return the keys of experts by their ids."""
    with reading(db) as session:
        return dict(session.execute(select(col(ExpertRow.id), col(ExpertRow.key))).all())


def given(db: Database, *states: str) -> list[tuple[int, str | None, int, str]]:
    """Return day, expert, hours and state of hours, by day."""
    keys = keys_of(db)
    return [
        ((row.day - FIRST_DAY).days, keys.get(row.expert_id or ""), row.hours, row.state)
        for row in rows_of(db, *states)
    ]
