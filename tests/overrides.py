"""Markets in which a published result is overridden: proposed, solved by the engine, approved."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.engine.override import override_outcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Override
from allocation.problem import Problem, Team, TeamKey
from broker.access import Actor, Role, TeamRole
from broker.audit import ActorId
from broker.db import Database, reading, transact
from broker.overrides.approvals import approve_override
from broker.overrides.proposals import OverrideWish, propose_override
from broker.overrides.tables import OverrideKind, OverrideRow
from broker.overrides.working import Solved, solve_next_override
from broker.rounds import find_round
from broker.tables import AwardRow, BidRow, RunRow, TeamRow
from tests.builders import FIRST_DAY, a_bid, a_pool, a_problem, an_alternative, an_item
from tests.markets import at, bring, described, run_it

KEY = "sprint-1"
ADMINS = frozenset({Role.PLATFORM_ADMIN})
ADA = Actor(ActorId("ada"), "ada", "Ada", ADMINS)
LINUS = Actor(ActorId("linus"), "linus", "Linus", ADMINS)
WORKER = ActorId("runs")
WHY = "The regulator asked for it."


def a_contest() -> Problem:
    """Return a round in which red wins the pool with one bid, and blue and a small one do not."""
    wishes = [("b1", "blue", 700, 8), ("r1", "red", 900, 8), ("r2", "red", 90, 2)]
    bids = [
        a_bid(key, an_alternative(an_item(units=n), offer=o, lots=(1, 1)), team=team)
        for key, team, o, n in wishes
    ]
    pools = [a_pool(reserve_price_credits=2)]
    teams = [Team(TeamKey("red"), 1000), Team(TeamKey("blue"), 800)]
    return a_problem(*bids, pools=pools, teams=teams)


def a_published_contest(db: Database) -> None:
    bring(db, described(a_contest()))
    run_it(db)


def engine(
    problem: Problem,
    before: Outcome,
    override: Override,
    options: Options,
    report: Callable[[Progress], None],
) -> Outcome:
    return override_outcome(problem, before, override, options, time.monotonic, report)


def a_pin(bid_key: str = "b1", **more: Any) -> OverrideWish:
    fields = {"alternative": 1, "start": FIRST_DAY, "lots": 1, **more}
    return OverrideWish(KEY, bid_key, OverrideKind.PIN, WHY, **fields)


def an_exclusion(bid_key: str = "r1") -> OverrideWish:
    return OverrideWish(KEY, bid_key, OverrideKind.EXCLUDE, WHY)


def propose(
    db: Database, wish: OverrideWish | None = None, actor: Actor = ADA, hours: float = 2
) -> str:
    moment = at(hours)()
    return transact(db, lambda session: propose_override(session, actor, wish or a_pin(), moment))


def work(db: Database, hours: float = 3, solve: Any = engine, seconds: float = 20) -> Solved | None:
    return solve_next_override(db, at(hours), WORKER, Options(seconds), solve, lambda _: None)


def approve(db: Database, override_id: str, actor: Actor = LINUS, hours: float = 4) -> None:
    moment = at(hours)()
    transact(db, lambda session: approve_override(session, actor, override_id, moment))


def override(db: Database, wish: OverrideWish | None = None, hours: float = 2) -> str:
    """Have an override proposed, solved and approved."""
    override_id = propose(db, wish, hours=hours)
    assert work(db, hours + 1)
    approve(db, override_id, hours=hours + 2)
    return override_id


def of_team(db: Database, key: str) -> Actor:
    """Return a platform admin who is a member of a team."""
    with reading(db) as session:
        team_id = session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == key)).one()
    return Actor(ActorId("max"), "max", "Max", ADMINS, {team_id: TeamRole.MEMBER})


def runs_of(session: Session) -> list[RunRow]:
    row = find_round(session, KEY)
    found = select(RunRow).where(col(RunRow.round_id) == row.id)
    return list(session.scalars(found.order_by(col(RunRow.revision), col(RunRow.started_at))))


def awards(db: Database, revision: int) -> dict[str, int]:
    """Return what every awarded bid of a revision pays, by its key."""
    with reading(db) as session:
        rows = session.execute(
            select(col(BidRow.key), col(AwardRow.payment_credits))
            .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
            .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
            .where(col(RunRow.revision) == revision, col(RunRow.state) == "published")
        )
        return dict(rows.all())


def stored(db: Database, override_id: str) -> OverrideRow:
    with reading(db) as session:
        return session.get_one(OverrideRow, override_id)
