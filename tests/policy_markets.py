"""Markets with a policy: an open round in which teams place bids, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import Alternative, Problem
from broker.audit import ActorId
from broker.bids.placing import PlaceBid
from broker.db import Database, reading, transact
from broker.policy.documents import Policy
from broker.policy.frozen import Score, score_of
from broker.policy.pledges import Pledge
from broker.policy.versions import Adoption, adopt_policy
from broker.rounds import create_round, find_round, open_round
from broker.snapshots import frozen_problem
from broker.tables import BidRow, DeclineRow
from tests.builders import a_problem, a_team, an_alternative
from tests.markets import (
    a_change,
    bring_bid,
    described,
)
from tests.policies import READY

LAWYER = ActorId("grace")
CLOSED_DOOR = [{"classification": "internal", "ask": "the data board", "approved_teams": ["red"]}]
"""A rule for pools of the classification that `described` gives to every pool."""


def do(db: Database, service: Callable[..., Any], *arguments: Any, hours: float = 0) -> Any:
    return transact(db, lambda session: service(session, *arguments, a_change(hours)))


def adopt(db: Database, policy: Policy, *, hours: float = 0, **more: Any) -> int | None:
    version: int | None = do(db, adopt_policy, Adoption(policy, "Because.", **more), hours=hours)
    return version


def an_open_round(db: Database) -> None:
    teams = [a_team("red"), a_team("blue")]
    offer: RoundFolder = described(a_problem(teams=teams))
    do(db, create_round, offer)
    do(db, open_round, "sprint-1")


def bid(
    db: Database,
    key: str,
    *alternatives: Alternative,
    team: str = "red",
    pledge: Pledge = READY,
    hours: float = 0,
) -> str:
    wish = PlaceBid("sprint-1", key, team, "Train", alternatives or (an_alternative(),), pledge)
    bid_id: str = do(db, bring_bid, wish, hours=hours)
    return bid_id


def score(db: Database, bid_id: str, hours: float = 0) -> Score:
    with reading(db) as session:
        return score_of(session, session.get_one(BidRow, bid_id), a_change(hours).at)


def frozen(db: Database) -> Problem:
    with reading(db) as session:
        return frozen_problem(session, find_round(session, "sprint-1"))


def value_scores(db: Database) -> dict[str, list[int]]:
    return {
        one.key: [way.value_score_per_lot for way in one.alternatives] for one in frozen(db).bids
    }


def declines(db: Database) -> dict[str, DeclineRow]:
    with reading(db) as session:
        rows = session.execute(
            select(col(BidRow.key), DeclineRow).join(
                DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id)
            )
        )
        return dict(rows.all())


def drop_guard(session: Session, table: str) -> None:
    """Let a table's rows be rewritten, as whoever owns the database can."""
    on = f" ON {table}" if session.get_bind().dialect.name == "postgresql" else ""
    session.execute(text(f"DROP TRIGGER guard_{table}_update{on}"))
