"""Rules for sprints to try, and a market in which one is in force."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.options import Options
from broker.db import Database, reading, transact
from broker.sprints.announcing import Coming, coming_sprints
from broker.sprints.rules import SprintRule, read_rule
from broker.sprints.versions import activate_rule, propose_rule
from broker.tables import RoundRow
from broker.ticking import Ticked, Ticker, tick
from tests.cast import ADMIN, SECOND_ADMIN, Places, actor, bring_people
from tests.integration.test_rounds import an_offer
from tests.markets import ADA, NOON, better_baseline, bring, described
from tests.pool_changes import a_wish, change

FIRST = dt.date(2026, 4, 6)
"""A Monday, well after the market's first round."""
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "key_pattern": "s-{number}",
    "name_pattern": "Sprint {number}",
    "zone": "Europe/Berlin",
    "first_day": FIRST.isoformat(),
    "first_number": 7,
    "days": 14,
    "announce_days": 21,
    "open_days": 14,
    "open_time": "09:00",
    "close_days": 3,
    "close_time": "18:00",
    "holidays": [],
    "credits_per_team": 500,
    "team_credits": {},
}


def document(**changes: Any) -> str:
    """Return a rule as JSON."""
    return json.dumps(DOCUMENT | changes)


def a_rule(**changes: Any) -> SprintRule:
    return read_rule(document(**changes).encode())


def a_market(db: Database, *, has_calendar: bool = True) -> None:
    """Bring a round of a pool `gpu` and two teams, the cast, and the pool's calendar."""
    bring(db, described(an_offer()), is_open=True)
    bring_people(db, Places(team="red", other_team="blue"))
    if has_calendar:
        change(db, ADMIN, a_wish())


def put_in_force(db: Database, at: dt.datetime = NOON, **changes: Any) -> int:
    """Put a rule in force, with two persons."""
    one, two = actor(db, ADMIN), actor(db, SECOND_ADMIN)
    text = document(**changes)
    version = transact(db, lambda session: propose_rule(session, one, text, "Because.", at))
    transact(db, lambda session: activate_rule(session, two, version, at))
    return version


def ticked(db: Database, at: dt.datetime) -> Iterator[Ticked]:
    """Do all that is due at a moment, with a solve that takes no time."""
    return tick(Ticker(db, lambda: at, ADA, Options(), better_baseline, lambda _: None))


def rounds_of(db: Database) -> list[RoundRow]:
    """Return the rounds that the rule announced, in their order."""
    with reading(db) as session:
        return _rounds(session)


def coming(db: Database, rule: SprintRule, at: dt.datetime, count: int = 3) -> tuple[Coming, ...]:
    with reading(db) as session:
        return coming_sprints(session, rule, at, count)


def _rounds(session: Session) -> list[RoundRow]:
    rounds = select(RoundRow).where(col(RoundRow.key).like("s-%"))
    return list(session.scalars(rounds.order_by(col(RoundRow.starts_on))))
