"""Markets whose money moved, and what to look at in them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import col

from allocation.problem import Problem, Team, TeamKey
from broker.audit import ActorId
from broker.db import Database, reading, transact
from broker.ledger.endowments import EndowmentByHand, endow_by_hand
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.ledger.statements import Balance, read_balances
from broker.rounds import create_round, open_round
from broker.runs import Ran
from broker.tables import TeamRow
from tests.builders import a_bid, a_pool, a_problem, an_alternative, an_item
from tests.markets import a_change, bring, described, run_it

BOB = ActorId("bob")


def a_contested_problem() -> Problem:
    """Return a round of two teams whose bids cost something: each wants most of the pool."""
    wishes = [("r1", "red", 900, 6), ("r2", "red", 200, 6), ("b1", "blue", 700, 6)]
    bids = [
        a_bid(key, an_alternative(an_item(units=n), offer=o), team=team)
        for key, team, o, n in wishes
    ]
    pools = [a_pool(reserve_price_credits=2)]
    return a_problem(
        *bids, pools=pools, teams=[Team(TeamKey("red"), 1000), Team(TeamKey("blue"), 500)]
    )


def settle_one(db: Database) -> Ran:
    """Bring a contested round in and publish it."""
    bring(db, described(a_contested_problem()))
    return run_it(db)


def announce(db: Database, problem: Problem, hours: float = 0) -> str:
    """Announce a round as people do, and open it for bids."""
    change = a_change(hours)
    transact(db, lambda session: create_round(session, described(problem), change))
    transact(db, lambda session: open_round(session, problem.round_key, change))
    return problem.round_key


def give(db: Database, team: str, amount: int, key: str = "gift") -> int | None:
    """Endow a team by hand: Bob proposes, Ada approves."""
    wish = EndowmentByHand(key, team, amount, "Said so.", BOB)
    return transact(db, lambda session: endow_by_hand(session, wish, a_change()))


def balances_of(db: Database) -> Mapping[str, Balance]:
    with reading(db) as session:
        return read_balances(session)


def team_ids(db: Database) -> dict[str, str]:
    with reading(db) as session:
        return dict(session.execute(select(col(TeamRow.key), col(TeamRow.id))).all())


def violations(db: Database) -> list[str]:
    with reading(db) as session:
        return [str(violation) for violation in ledger_violations(read_ledger(session))]
