"""A market whose first sprint is over, and the people who say what came of its awards."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import RoundKey
from broker.access import Actor, Role, TeamRole
from broker.audit import ActorId
from broker.bids.placing import PlaceBid
from broker.db import Database, reading, transact
from broker.deliveries.reports import ReportDelivery, report_delivery
from broker.deliveries.verdicts import GiveVerdict, Verdict, give_verdict
from broker.rounds import close_round, create_round, open_round
from broker.tables import PoolRow, TeamRow
from tests.builders import FIRST_DAY, a_problem, a_team, an_alternative, an_item
from tests.markets import a_change, bring_bid, described, run_it
from tests.policies import READY, a_policy
from tests.policy_markets import adopt, an_open_round, bid, do

LAST_DAY = FIRST_DAY + dt.timedelta(days=1)
"""The last day of every award in here: they take two days from the first one on."""
AFTER = dt.datetime.combine(LAST_DAY + dt.timedelta(days=1), dt.time(9), dt.UTC)
HOURS_AFTER = (AFTER - a_change().at) / dt.timedelta(hours=1)
LINK = "https://results.example/board?sprint=1#care"


def a_past_sprint(db: Database, *offers: int) -> list[str]:
    """Publish a round in which red wins a bid per offer; return the bids in their order."""
    adopt(db, a_policy())
    an_open_round(db)
    two_days = an_item(days=2)
    ids = [
        bid(db, f"b{n}", an_alternative(two_days, offer=offer))
        for n, offer in enumerate(offers or (400,))
    ]
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    return ids


def the_next_round(db: Database, hours: float) -> dict[str, str]:
    """Open another round and let red and blue bid in it; return the bids by team."""
    problem = replace(a_problem(teams=[a_team("red"), a_team("blue")]), round_key=RoundKey("s-2"))
    do(db, create_round, described(problem), hours=hours)
    do(db, open_round, "s-2", hours=hours)
    wishes = {
        team: PlaceBid("s-2", f"{team}-1", team, "Train", (an_alternative(),), READY)
        for team in ("red", "blue")
    }
    return {team: do(db, bring_bid, wish, hours=hours) for team, wish in wishes.items()}


def someone(
    db: Database,
    name: str,
    *roles: Role,
    pool: str = "",
    **teams: TeamRole,
) -> Actor:
    """Return a person with roles in teams, by the keys of these, and perhaps a pool."""
    with reading(db) as session:
        of_teams = {team_id(session, key): role for key, role in teams.items()}
        pools = session.scalars(select(col(PoolRow.id)).where(col(PoolRow.key) == pool))
        return Actor(
            ActorId(name), name, name.title(), frozenset(roles), of_teams, frozenset(pools)
        )


def team_id(session: Session, key: str) -> str:
    return session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == key)).one()


def lead_of(db: Database, team: str = "red") -> Actor:
    return someone(db, f"lead-of-{team}", **{team: TeamRole.TEAM_LEAD})


def report(
    db: Database,
    bid_id: str,
    percent: int = 80,
    *,
    by: Actor | None = None,
    at: dt.datetime = AFTER,
    follows: int = 0,
    **texts: str,
) -> int:
    """Report what an award delivered, as the lead of red unless told otherwise."""
    said = {
        "evidence": "Readmissions fell by eight percent",
        "link": LINK,
        "correction": "Counted anew" if follows else "",
    }
    wish = ReportDelivery(bid_id, percent, follows=follows, **(said | texts))
    actor = by or lead_of(db)
    return transact(db, lambda session: report_delivery(session, actor, wish, at))


def decide(
    db: Database,
    bid_id: str,
    verdict: Verdict = Verdict.CONFIRMED,
    *,
    by: Actor | None = None,
    version: int = 1,
    note: str = "I saw the board",
    at: dt.datetime = AFTER,
) -> bool:
    """Decide on a report, as the lead of blue unless told otherwise."""
    wish = GiveVerdict(bid_id, version, verdict, note)
    actor = by or lead_of(db, "blue")
    return transact(db, lambda session: give_verdict(session, actor, wish, at))
