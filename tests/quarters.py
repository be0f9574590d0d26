"""A sprint from its close to its end, played by chance: releases, bids that wait, a tick a day.

The seed fixes everything. Units of value: points of awards, those of cuts taken off by unit-days.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.options import Options
from allocation.problem import Problem, Team, Tier
from broker.dashboards.use import use_per_day
from broker.db import Database, reading, transact
from broker.errors import InvalidInput, Refused
from broker.holdings.awards import cuts_of, find_award, lots_left
from broker.holdings.releases import ReleaseAward, release_award
from broker.holdings.shares import unit_days
from broker.rounds import close_round, create_round, find_round, open_round
from broker.spot.tables import DailyRoundRow, WaitlistWish
from broker.spot.waitlists import wish_for
from broker.states import RunState
from broker.tables import AwardRow, BidRow, DeclineRow, RunRow, TeamRow
from broker.ticking import Ticker, tick
from tests.builders import FIRST_DAY, a_pool, a_problem, a_team, an_alternative, an_item
from tests.deliveries import lead_of
from tests.holdings import SPOT
from tests.markets import ADA, better_baseline, described
from tests.policies import a_policy
from tests.policy_markets import adopt, bid, do

POOLS = ("gpu", "cpu")
RELEASE_PERCENT, WAIT_PERCENT = 25, 70
"""How likely an award gives something up on a day, and that a declined bid waits."""


@dataclass(frozen=True)
class Size:
    """How large a sprint is played."""

    days: int = 6
    teams: int = 4
    bids: int = 24


@dataclass(frozen=True)
class Worth:
    """What a sprint came to: with its daily rounds, and the main round alone."""

    with_daily: int
    main_alone: int
    daily_awards: int


def begin(db: Database, draw: random.Random, size: Size) -> None:
    """Publish a round in which too many bids ask for too little."""
    adopt(db, a_policy(spot=SPOT))
    teams = [a_team(f"team-{n}") for n in range(size.teams)]
    do(db, create_round, described(_offer(size, teams)))
    do(db, open_round, "sprint-1")
    for n in range(size.bids):
        _bid(db, draw, size, n)
    do(db, close_round, "sprint-1", hours=1)


def days_of(db: Database, draw: random.Random, size: Size) -> Iterator[dt.datetime]:
    """Play each day of a sprint, and hand out the moment after it, until the sprint is over."""
    for n in range(-1, size.days + 1):
        at = dt.datetime.combine(FIRST_DAY + dt.timedelta(days=n), dt.time(9), dt.UTC)
        tick_all(db, at)
        if n == -1:
            _waits(db, draw, at)
        _releases(db, draw, at)
        tick_all(db, at)
        yield at


def tick_all(db: Database, at: dt.datetime) -> int:
    """Do all that is due; return how much that was."""
    ticker = Ticker(db, lambda: at, ADA, Options(), better_baseline, lambda _: None)
    done = list(tick(ticker))
    assert [one.sentence for one in done if one.error] == []
    return len(done)


def worth(db: Database) -> Worth:
    """Return what the sprint was worth, with its daily rounds and without."""
    with reading(db) as session:
        daily = set(session.scalars(select(col(DailyRoundRow.round_id))))
        kept = {bid.id: _kept_value(session, bid.id) for bid in _winners(session)}
        later = {bid.id for bid in _winners(session) if bid.round_id in daily}
    main = sum(value for bid_id, value in kept.items() if bid_id not in later)
    return Worth(sum(kept.values()), main, len(later))


def oversold(db: Database) -> list[tuple[object, ...]]:
    """Return the days on which more is held than there is."""
    with reading(db) as session:
        use = use_per_day(find_round(session, "sprint-1").id)
        rows = session.execute(
            select(use).where((use.c.free_units < 0) | (use.c.reserved_free_units < 0))
        )
        return [tuple(row) for row in rows]


def _offer(size: Size, teams: list[Team]) -> Problem:
    pools = [a_pool(key) for key in POOLS]
    return a_problem(pools=pools, teams=teams, days=size.days)


def _bid(db: Database, draw: random.Random, size: Size, n: int) -> None:
    items = [an_item(draw.choice(POOLS), units=draw.randint(2, 6), days=draw.randint(1, 4))]
    last = size.days - items[0].days
    way = an_alternative(
        *items,
        tier=draw.choice(list(Tier)),
        offer=draw.randint(20, 400),
        lots=(1, draw.randint(1, 3)),
        starts=(draw.randint(0, last), last),
    )
    bid(db, f"b{n}", way, team=f"team-{draw.randrange(size.teams)}")


def _releases(db: Database, draw: random.Random, at: dt.datetime) -> None:
    with reading(db) as session:
        found = [(one.id, _team(session, one)) for one in _winners(session)]
    for bid_id, team in found:
        if draw.randrange(100) < RELEASE_PERCENT:
            _release(db, draw, bid_id, team, at)


def _release(db: Database, draw: random.Random, bid_id: str, team: str, at: dt.datetime) -> None:
    with reading(db) as session:
        award = find_award(session, bid_id)
        cuts = cuts_of(session, award.row)
        left, first, last = lots_left(award.row, cuts), award.paid.first_day, award.paid.last_day
    day = max(first, at.date() + dt.timedelta(days=1))
    if not left or day > last:
        return
    from_day = day + dt.timedelta(days=draw.randint(0, (last - day).days))
    wish = ReleaseAward(bid_id, draw.randint(1, left), from_day, len(cuts))
    lead = lead_of(db, team)
    transact(db, lambda session: release_award(session, lead, wish, at))


def _waits(db: Database, draw: random.Random, at: dt.datetime) -> None:
    with reading(db) as session:
        declined = session.scalars(
            select(BidRow)
            .join(DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id))
            .order_by(col(BidRow.key))
        ).all()
        found = [(one.id, _team(session, one)) for one in declined]
    for bid_id, team in found:
        if draw.randrange(100) < WAIT_PERCENT:
            _wait(db, bid_id, team, at)


def _wait(db: Database, bid_id: str, team: str, at: dt.datetime) -> None:
    lead = lead_of(db, team)
    try:
        transact(db, lambda session: wish_for(session, lead, bid_id, WaitlistWish.TAKE, at))
    except (InvalidInput, Refused):
        return


def _winners(session: Session) -> list[BidRow]:
    won = (
        select(BidRow)
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
        .where(col(RunRow.state) == RunState.PUBLISHED)
        .order_by(col(BidRow.key), col(BidRow.round_id))
    )
    return list(session.scalars(won))


def _team(session: Session, one: BidRow) -> str:
    return session.get_one(TeamRow, one.team_id).key


def _kept_value(session: Session, bid_id: str) -> int:
    award = find_award(session, bid_id)
    whole = unit_days(award.paid.stretches) * award.row.lots
    lost = sum(
        unit_days(award.paid.stretches, cut.from_day) * cut.lots
        for cut in cuts_of(session, award.row)
    )
    return award.row.value_score * (whole - lost) // whole
