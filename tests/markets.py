"""Markets to try things in: a database, a round in it, an hour at which things happen.

The solver here is the better baseline with a certificate that is right: real outcomes, at once.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.engine.contests import contest_outcome
from allocation.folders import PoolLabel, RoundFolder
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Bid, BidKey, Problem
from broker.access import service
from broker.audit import ActorId, Change
from broker.bids.placing import PlaceBid, place_bid
from broker.clock import Clock
from broker.db import Database, connect, reading, transact
from broker.importing import import_round
from broker.runs import Ran, Solve, run_round
from broker.states import RunPurpose
from broker.tables import AuditEventRow, Table
from tests.builders import a_bid, a_problem, an_alternative, an_item
from tests.outcomes import a_judged_outcome

NOON = dt.datetime(2026, 2, 20, 12, tzinfo=dt.UTC)
ADA = ActorId("ada")


def a_change(hours: float = 0) -> Change:
    """Return what Ada does at noon, or some hours after it."""
    return Change(ADA, NOON + dt.timedelta(hours=hours))


def at(hours: float) -> Clock:
    """Return a clock that stands still, some hours after noon."""
    return lambda: NOON + dt.timedelta(hours=hours)


def a_scarce_problem() -> Problem:
    """Return a round of four bids of which one pool cannot serve all."""
    asks = [("b1", 500, 6), ("b2", 300, 6), ("b3", 90, 3), ("b4", 5, 15)]
    bids = [a_bid(key, an_alternative(an_item(units=n), offer=o)) for key, o, n in asks]
    return a_problem(*bids)


def described(problem: Problem, **titles: str) -> RoundFolder:
    """Return a problem with names for everything in it."""
    label = PoolLabel("Large GPUs", "compute", "gpu", "ada", "Eight to a server", "internal")
    return RoundFolder(
        problem=problem,
        name="First sprint",
        pools={pool.key: label for pool in problem.pools},
        teams={team.key: f"Team {team.key}" for team in problem.teams},
        titles={bid.key: titles.get(bid.key, f"Bid {bid.key}") for bid in problem.bids},
    )


def bring(db: Database, folder: RoundFolder, *, is_open: bool = False) -> str:
    """Import a round and return its key."""
    return transact(
        db, lambda session: import_round(session, folder, a_change(), is_open=is_open)
    ).round_key


def bring_bid(session: Session, wish: PlaceBid, change: Change) -> str:
    """Bring a bid in under its key, as a program does that brings those of all teams."""
    return place_bid(session, service(change.actor), wish, change.at)


def better_baseline(
    problem: Problem, options: Options, report_progress: Callable[[Progress], None]
) -> Outcome:
    """Answer a round with the better of the two simple rules; a contest by its goals."""
    if problem.contest is not None:
        return contest_outcome(problem, options, time.monotonic, report_progress)
    outcome = a_judged_outcome(problem, pricing=options.pricing)
    report_progress(Progress("baselines", outcome.report.value, outcome.report.bound, 0.25))
    return outcome


def run_it(
    db: Database,
    key: str = "sprint-1",
    *,
    solve: Solve = better_baseline,
    clock: Clock | None = None,
    purpose: RunPurpose = RunPurpose.PUBLICATION,
    seen: list[Progress] | None = None,
) -> Ran:
    """Run a round an hour after noon, with the better baseline unless told otherwise."""
    lines: list[Progress] = [] if seen is None else seen
    return run_round(db, key, Options(), clock or at(1), ADA, solve, lines.append, purpose=purpose)


def row_counts(db: Database) -> Mapping[str, int]:
    """Return how many rows every table has."""
    with reading(db) as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Table.metadata.tables.items()
        }


def events(session: Session) -> list[AuditEventRow]:
    """Return the audit log, in its order."""
    return list(session.scalars(select(AuditEventRow).order_by(col(AuditEventRow.sequence))))


def event_kinds(db: Database) -> list[str]:
    """Return the kinds of all audit events, in their order."""
    with reading(db) as session:
        return [event.kind for event in events(session)]


def a_database(file: Path) -> Database:
    """Return a database that is not there yet."""
    return connect(f"sqlite:///{file}")


def address_of(db: Database) -> str:
    """Return what another process connects to."""
    return db.url.render_as_string(hide_password=False)


def titles_of(bids: Iterable[Bid]) -> dict[BidKey, str]:
    """Return a title for every bid."""
    return {bid.key: f"Bid {bid.key}" for bid in bids}
