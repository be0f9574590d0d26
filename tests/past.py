"""A market with a past to look at: decided rounds, one that takes bids, one that waits, one ahead.

Titles and names try to break screens. Bids that are sealed say so in their titles, so that a test
can look for the word.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from allocation.folders import PoolLabel, RoundFolder
from allocation.problem import Alternative, Bid, DayUnits, PoolKey, Problem, RoundKey
from broker.db import Database, transact
from broker.figures.keeping import keep_figures
from broker.rounds import create_round, finish_round
from broker.runs import Solve
from broker.states import RunPurpose
from tests.builders import FIRST_DAY, a_bid, a_problem, a_team, an_alternative, an_item
from tests.markets import a_change, better_baseline, bring, run_it
from tests.rounds import invented_round

SEALED = "WHISPERED"
HOSTILE_TITLES = (
    "=HYPERLINK(0)",
    "+1",
    "-1",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "\u202eright to left, 研究用GPU, Größe ‘ü’",
    "x" * 300,
)
POOLS = {
    "gpu": PoolLabel("H100 <nodes> & more", "compute", "gpu", "Ada", "Eight to a server", ""),
    "expert": PoolLabel("Privacy counsel", "expert", "hour", "Ben", "", "internal"),
    "seat": PoolLabel("Claims history", "data", "seat", "Cleo", "", "restricted"),
}


def build_past(
    db: Database, *, bids: int = 130, solve: Solve = better_baseline, rehearsed: str = ""
) -> None:
    """Fill an empty market: past-1 finished, past-2 published, then one of each state.

    One of the decided rounds may have been rehearsed before.
    """
    for number in (1, 2):
        key = bring(db, decided_round(f"past-{number}", number, bids))
        if key == rehearsed:
            run_it(db, key, solve=solve, purpose=RunPurpose.REHEARSAL)
        run_it(db, key, solve=solve)
    keep_figures(db)
    transact(db, lambda session: finish_round(session, "past-1", a_change(hours=2)))
    bring(db, sealed_round("waiting", 3))
    bring(db, sealed_round("taking-bids", 4), is_open=True)
    transact(db, lambda session: create_round(session, sealed_round("ahead", 5), a_change()))


def decided_round(key: str, sprint: int, bids: int) -> RoundFolder:
    """Return a round of three pools with many bids, some of them with awkward titles."""
    folder = invented_round(sprint, bids)
    problem = moved(_with_odd_days(folder.problem), key, sprint)
    titles = dict(folder.titles) | dict(
        zip((bid.key for bid in problem.bids), HOSTILE_TITLES, strict=False)
    )
    return replace(
        folder,
        problem=problem,
        name=f"Sprint {sprint} of “{key}”",
        pools=labels(problem),
        titles=titles,
    )


def sealed_round(key: str, sprint: int, *, offer: int = 100) -> RoundFolder:
    """Return a round with two bids that nobody may see."""
    bids = [
        a_bid(f"{SEALED.lower()}-{n}", an_alternative(an_item(units=n), offer=offer))
        for n in (1, 2)
    ]
    problem = moved(a_problem(*bids, teams=[a_team("red")], days=14), key, sprint)
    return RoundFolder(
        problem=problem,
        name=f"Sprint {sprint}",
        pools=labels(problem),
        teams={team.key: "Red team" for team in problem.teams},
        titles={bid.key: f"{SEALED} {bid.key} {offer}" for bid in problem.bids},
    )


def labels(problem: Problem) -> dict[PoolKey, PoolLabel]:
    """Return the words for the pools of a problem."""
    return {pool.key: POOLS[pool.key] for pool in problem.pools}


def moved(problem: Problem, key: str, sprint: int) -> Problem:
    """Return the same round under another key, some fortnights later."""
    by = dt.timedelta(days=14 * (sprint - 1))
    return replace(
        problem,
        round_key=RoundKey(key),
        nonce="",
        starts_on=FIRST_DAY + by,
        capacity=tuple(_later_units(row, by) for row in problem.capacity),
        commitments=tuple(_later_units(row, by) for row in problem.commitments),
        bids=tuple(_later_bid(bid, by) for bid in problem.bids),
    )


def _with_odd_days(problem: Problem) -> Problem:
    """Close the experts at weekends, and let earlier awards hold some GPUs."""
    held = tuple(
        DayUnits(row.pool_key, row.day, 2, 1)
        for row in problem.capacity
        if row.pool_key == "gpu" and row.day.day % 2
    )
    days = tuple(r for r in problem.capacity if r.pool_key != "expert" or r.day.weekday() < 5)
    return replace(problem, capacity=days, commitments=held)


def _later_units(row: DayUnits, by: dt.timedelta) -> DayUnits:
    return replace(row, day=row.day + by)


def _later_bid(bid: Bid, by: dt.timedelta) -> Bid:
    return replace(bid, alternatives=tuple(_later(one, by) for one in bid.alternatives))


def _later(one: Alternative, by: dt.timedelta) -> Alternative:
    return replace(one, earliest_start=one.earliest_start + by, latest_start=one.latest_start + by)
