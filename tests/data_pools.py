"""A market with a pool of data in it, defined with terms, and teams that bid for it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import col

from allocation.folders import PoolLabel
from allocation.problem import Alternative, PoolKey
from broker.access_grants.tables import AccessGrantRow
from broker.db import Database, reading, transact
from broker.people.persons import find_person
from broker.policy.pledges import Pledge
from broker.pools.calendars import Calendar, Units
from broker.pools.changes import PoolWish, change_pool
from broker.pools.data_terms import Catalogue, CatalogueEntry, DataTerms
from broker.pools.definitions import PoolDefinition
from broker.rounds import create_round, open_round
from tests.builders import (
    FIRST_DAY,
    a_calendar,
    a_pool,
    a_problem,
    a_team,
    an_alternative,
    an_item,
)
from tests.cast import ADMIN, NEWCOMER, Places, actor, bring_people
from tests.markets import NOON, a_change, described
from tests.policy_markets import bid

NOTES = "notes"
STEWARD = NEWCOMER
RESEARCH, CARE = "Research", "Better care"
ENTRY = CatalogueEntry(Catalogue.OPENMETADATA, "warehouse.care.public.notes")
SEATS = Calendar(FIRST_DAY, (Units(10, 5),) * 7)
READY = Pledge(None, "Head of Care", "It works", dt.date(2026, 12, 31), RESEARCH)
"""A pledge that lacks nothing, with a purpose that is allowed."""


def an_open_round_with_data(db: Database, *, is_defined: bool = True) -> None:
    """Open a round with a pool of GPUs and one of notes, whose terms the newcomer looks after."""
    pools = [a_pool(), a_pool(NOTES)]
    capacity = (*a_calendar(), *a_calendar(NOTES))
    problem = a_problem(pools=pools, capacity=capacity, teams=[a_team("red"), a_team("blue")])
    offer = described(problem)
    label = PoolLabel("Clinical notes", "data", "seat", "ada", "Free text", "restricted")
    offer = replace(offer, pools={**offer.pools, PoolKey(NOTES): label})
    transact(db, lambda session: create_round(session, offer, a_change()))
    bring_people(db, Places(other_team="blue"))
    if is_defined:
        define(db)
    transact(db, lambda session: open_round(session, "sprint-1", a_change()))


def some_terms(db: Database, *purposes: str, longest_days: int = 3) -> DataTerms:
    with reading(db) as session:
        steward = find_person(session, STEWARD).id
    return DataTerms(steward, purposes or (RESEARCH, CARE), longest_days, ENTRY)


def define(
    db: Database, terms: DataTerms | None = None, *, follows: int = 0, hours: float = 0
) -> None:
    """Define the pool of notes, as an admin."""
    definition = PoolDefinition(
        "Clinical notes", "seat", SEATS, 0, "Free text", "restricted", terms or some_terms(db)
    )
    wish, admin = PoolWish(NOTES, definition, "It is so", follows), actor(db, ADMIN)
    at = NOON + dt.timedelta(hours=hours)
    transact(db, lambda session: change_pool(session, admin, wish, at))


def notes(*, units: int = 2, days: int = 2, offset: int = 0, offer: int = 100) -> Alternative:
    """Return an alternative that asks for seats of the notes."""
    return an_alternative(an_item(NOTES, units=units, days=days, offset=offset), offer=offer)


def ask(db: Database, key: str, *ways: Alternative, team: str = "red", purpose: str = "") -> str:
    """Place a bid with a purpose, the allowed one unless another is named."""
    pledge = replace(READY, purpose=purpose or RESEARCH)
    return bid(db, key, *(ways or (notes(),)), team=team, pledge=pledge)


def grants(db: Database) -> list[AccessGrantRow]:
    """Return every grant, by award and item."""
    with reading(db) as session:
        order = (col(AccessGrantRow.bid_id), col(AccessGrantRow.position))
        return list(session.scalars(select(AccessGrantRow).order_by(*order)))
