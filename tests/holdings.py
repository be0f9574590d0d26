"""A market with awards that run for some days, and the people who give parts of them back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from broker.access import Actor
from broker.db import Database, transact
from broker.holdings.releases import ReleaseAward, Released, release_award
from broker.rounds import close_round
from tests.builders import FIRST_DAY, an_alternative, an_item
from tests.deliveries import lead_of
from tests.markets import run_it
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
