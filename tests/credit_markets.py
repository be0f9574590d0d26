"""A market whose teams were endowed, bid, paid and were paid back over several sprints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import col

from allocation.problem import Problem, Team, TeamKey
from broker.access import Actor, Role, TeamRole
from broker.audit import ActorId
from broker.bids.placing import PlaceBid
from broker.db import Database, reading, transact
from broker.ledger.holds import Refund, refund_award
from broker.rounds import close_round, create_round
from broker.tables import AwardRow
from tests.builders import a_calendar, a_pool, a_problem, an_alternative, an_item
from tests.ledgers import announce, give, team_ids
from tests.markets import a_change, at, bring_bid, described, run_it
from tests.past import moved

TEAMS = (Team(TeamKey("red"), 1000), Team(TeamKey("blue"), 500))
SPRINT_DAYS = dt.timedelta(days=14)


def a_sprint(number: int) -> Problem:
    """Return an announced round of two teams and a pool with a reserve price, without bids."""
    problem = a_problem(
        pools=[a_pool(reserve_price_credits=20)], capacity=a_calendar(days=5), teams=TEAMS
    )
    return moved(problem, f"sprint-{number}", number)


def place(db: Database, number: int, team: str, offer: int) -> None:
    """Place a bid of a team for six units on the first day of a sprint."""
    key = f"sprint-{number}"
    one = an_alternative(an_item(units=6), offer=offer)
    by = SPRINT_DAYS * (number - 1)
    one = replace(one, earliest_start=one.earliest_start + by, latest_start=one.latest_start + by)
    wish = PlaceBid(key, f"{team}-{number}", team, f"{team}'s wish {number}", (one,))
    transact(db, lambda session: bring_bid(session, wish, a_change(0.1)))


def play_sprint(db: Database, number: int, offer: int) -> None:
    """Announce a sprint, let red bid, close it and publish."""
    announce(db, a_sprint(number))
    place(db, number, "red", offer)
    publish(db, number)


def publish(db: Database, number: int) -> None:
    """Close a sprint's round and publish its result."""
    key = f"sprint-{number}"
    transact(db, lambda session: close_round(session, key, a_change(0.5)))
    run_it(db, key, clock=at(1))


def build_credits(db: Database) -> None:
    """Fill a market: three decided sprints, a gift, a refund, an open sprint and one ahead."""
    for number, offer in enumerate((400, 300, 200), 1):
        play_sprint(db, number, offer)
    give(db, "red", 30)
    pay_back(db, 40)
    announce(db, a_sprint(4))
    ahead = described(a_sprint(5))
    transact(
        db,
        lambda session: create_round(
            session, ahead, a_change(), opens_at=a_change(24).at, closes_at=a_change(48).at
        ),
    )


def pay_back(db: Database, amount: int) -> None:
    """Pay a part of red's first award back."""
    with reading(db) as session:
        award = session.scalars(select(AwardRow).order_by(col(AwardRow.start))).first()
        assert award is not None
    refund = Refund("r1", award.run_id, award.bid_id, amount, "=Broken, partly.")
    transact(db, lambda session: refund_award(session, refund, a_change(3)))


def a_member(db: Database, *teams: str) -> Actor:
    """Return a member of some teams."""
    ids = team_ids(db)
    roles = {ids[team]: TeamRole.MEMBER for team in teams}
    return Actor(ActorId("p-1"), "p-1", "Mia", teams=roles)


def an_auditor() -> Actor:
    return Actor(ActorId("p-2"), "p-2", "Cleo", frozenset({Role.FINANCE_AUDITOR}))


def an_admin() -> Actor:
    return Actor(ActorId("p-3"), "p-3", "Ada", frozenset({Role.PLATFORM_ADMIN}))


READERS: Mapping[str, Actor] = {"auditor": an_auditor(), "admin": an_admin()}
"""Those who may look at every team's credits."""
