"""A market with awards that run for some days, and the people who give parts of them back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from allocation.options import Options
from broker.access import Actor
from broker.db import Database, transact
from broker.holdings.releases import ReleaseAward, Released, release_award
from broker.rounds import close_round
from broker.spot.tables import WaitlistWish
from broker.spot.waitlists import wish_for
from broker.ticking import Ticker, tick
from tests.builders import FIRST_DAY, an_alternative, an_item
from tests.deliveries import lead_of
from tests.markets import ADA, better_baseline, run_it
from tests.policies import a_policy
from tests.policy_markets import adopt, an_open_round, bid, do

SPOT = {
    "minimum_runtime_days": 2,
    "notice_days": 1,
    "broken_promise_percent": 10,
    "release_refunds": [
        {"days_ahead": 1, "refund_percent": 50},
        {"days_ahead": 3, "refund_percent": 80},
    ],
}
"""Rules that give back half of what is released a day ahead, more three days ahead."""
THE_DAY_BEFORE = dt.datetime.combine(FIRST_DAY - dt.timedelta(days=1), dt.time(9), dt.UTC)


def day(number: int) -> dt.date:
    """Return a day of the sprint; the first is number 1."""
    return FIRST_DAY + dt.timedelta(days=number - 1)


def morning(number: int) -> dt.datetime:
    """Return nine o'clock on a day of the sprint."""
    return dt.datetime.combine(day(number), dt.time(9), dt.UTC)


SECOND_DAY = day(2)


def a_running_sprint(db: Database, **changes: Any) -> str:
    """Publish a round in which red wins four lots of two units for four days, and say its bid."""
    adopt(db, a_policy(**{"spot": SPOT, "pricing": "pay-as-bid"} | changes))
    an_open_round(db)
    asked = an_alternative(an_item(days=4, units=2), offer=100, lots=(1, 4))
    bid_id = bid(db, "b0", asked)
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    return bid_id


def release(
    db: Database,
    bid_id: str,
    lots: int = 1,
    from_day: dt.date = SECOND_DAY,
    *,
    by: Actor | None = None,
    at: dt.datetime = THE_DAY_BEFORE,
    follows: int = 0,
) -> Released:
    """Release lots of an award, as the lead of red unless told otherwise."""
    wish = ReleaseAward(bid_id, lots, from_day, follows)
    actor = by or lead_of(db)
    return transact(db, lambda session: release_award(session, actor, wish, at))


def a_scarce_sprint(db: Database, **changes: Any) -> tuple[str, str]:
    """Publish a sprint in which red's award leaves too little for blue's bid; return both bids.

    Red holds four lots of two units of ten for four days; blue wants eight units for two days, to
    begin on any of the first three.
    """
    adopt(db, a_policy(**{"spot": SPOT, "pricing": "pay-as-bid"} | changes))
    an_open_round(db)
    won = bid(db, "won", an_alternative(an_item(days=4, units=2), offer=500, lots=(1, 4)))
    wanted = an_alternative(an_item(days=2, units=8), offer=300, starts=(0, 2))
    lost = bid(db, "lost", wanted, team="blue")
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    return won, lost


def wait(
    db: Database,
    bid_id: str,
    wish: WaitlistWish = WaitlistWish.TAKE,
    *,
    by: Actor | None = None,
    at: dt.datetime = THE_DAY_BEFORE,
) -> bool:
    """Put a bid on the waitlist, or take it off, as the lead of blue unless told otherwise."""
    actor = by or lead_of(db, "blue")
    return transact(db, lambda session: wish_for(session, actor, bid_id, wish, at))


def tick_at(db: Database, at: dt.datetime) -> list[str]:
    """Do all that is due at a moment; say what was done to which round."""
    ticker = Ticker(db, lambda: at, ADA, Options(), better_baseline, lambda _: None)
    return [f"{one.deed} {one.round_key}" for one in tick(ticker)]
