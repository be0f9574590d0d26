"""The close is a lock: what was acknowledged is in the snapshot, all else was refused as late.

`make torture` runs the whole campaign: six bidders with sixty bids each, twenty closes on each
database, by hand and by time.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import URL, text
from sqlmodel import Session

from allocation.options import Options
from broker.access import Actor, Role
from broker.audit import ActorId
from broker.clock import database_time, system_clock
from broker.db import Database, transact, writing
from broker.deadlines import DeadlineWish, approve_deadline, propose_deadline
from broker.errors import Busy
from broker.rounds import lock_round
from broker.rounds_by_hand import close_by_hand
from broker.ticking import Deed, Ticker, tick
from tests.close_races import (
    HOST,
    Race,
    Told,
    announce_rounds,
    frozen_bids,
    is_in_order,
    locked,
    look,
    run_race,
    store,
    unlocked,
    without_guards,
)
from tests.markets import better_baseline
from tests.postgresql import a_market

IS_TORTURE = "BROKER_TORTURE" in os.environ
RACE = Race(bidders=6, bids=60, rounds=20) if IS_TORTURE else Race(bidders=3, bids=12)
SLOW_RACE = replace(RACE, pause_seconds=0.03 if IS_TORTURE else 0.1)
ONE = Race(bidders=1, bids=1)
NEAR = dt.timedelta(milliseconds=100)


def close_by_hand_now(db: Database, key: str) -> None:
    def work(session: Session) -> bool:
        lock_round(session, key)
        return close_by_hand(session, HOST, key, database_time(session))

    transact(db, work)


def close_by_time(db: Database, key: str) -> None:
    """Let two persons bring the closing time near, wait for it, and let the clock do the rest."""
    closes_at = transact(db, lambda session: approve_near_deadline(session, key))
    while system_clock() <= closes_at:
        time.sleep(0.01)
    ticker = Ticker(db, system_clock, HOST.id, Options(), better_baseline, lambda _: None)
    deeds = [ticked.deed for ticked in tick(ticker) if ticked.round_key == key]
    assert deeds == [Deed.CLOSED, Deed.PUBLISHED]


def approve_near_deadline(session: Session, key: str) -> dt.datetime:
    ada, ben = an_admin("ada"), an_admin("ben")
    now = database_time(session)
    wish = DeadlineWish(key, now + NEAR, "A rehearsed close.")
    change_id = propose_deadline(session, ada, wish, now)
    approve_deadline(session, ben, key, change_id, now)
    return wish.closes_at


def an_admin(name: str) -> Actor:
    return Actor(ActorId(name), name, name, frozenset({Role.PLATFORM_ADMIN}))


def lost_bids(db: Database, told: dict[str, Told]) -> set[str]:
    """Return the bids that were acknowledged and then ignored."""
    return {
        f"{key}/{bid}"
        for key, said in told.items()
        for bid in said.acknowledged - frozen_bids(db, key)
    }


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("close", "race"), [(close_by_hand_now, RACE), (close_by_time, SLOW_RACE)])
def test_what_was_acknowledged_is_in_the_snapshot_and_all_else_was_late(
    either_market: Database, close: Callable[[Database, str], None], race: Race
) -> None:
    announce_rounds(either_market, race)
    told = run_race(either_market, race, partial(close, either_market))
    for key, said in told.items():
        assert said.acknowledged == frozen_bids(either_market, key)
        assert len(said.acknowledged) + len(said.late) == race.bidders * race.bids
        assert is_in_order(either_market, key)
    assert all(said.acknowledged for said in told.values())
    print(f"late: {[len(said.late) for said in told.values()]}")  # noqa: T201  # for `pytest -s`
    assert any(said.late for said in told.values())


# --- the usual mistake, with the lock and without ----------------------------------------------


def test_a_close_waits_for_a_bid_that_is_being_stored(server: URL) -> None:
    with a_market(server) as db, Session(db.writer) as bidder:
        announce_rounds(db, ONE)
        locked(bidder, "sprint-0", "b1", "team-0")
        with pytest.raises(Busy, match="stayed locked"):
            close_in_a_hurry(db)
        bidder.commit()
        close_in_a_hurry(db)
        assert frozen_bids(db, "sprint-0") == {"b1"}


def test_without_the_lock_a_close_forgets_a_bid_that_is_being_stored(server: URL) -> None:
    with a_market(server) as db, Session(db.writer) as bidder:
        announce_rounds(db, ONE)
        without_guards(db)
        look(bidder, "sprint-0")
        close_in_a_hurry(db)
        store(bidder, "sprint-0", "b1", "team-0")
        bidder.commit()
        assert frozen_bids(db, "sprint-0") == set()


def close_in_a_hurry(db: Database) -> None:
    with writing(db) as session:
        session.execute(text("SET LOCAL lock_timeout = '100ms'"))
        close_by_hand(session, HOST, "sprint-0", database_time(session))


@pytest.mark.timeout(1200)
@pytest.mark.skipif(not IS_TORTURE, reason="the long race belongs to `make torture`")
def test_without_the_lock_the_race_loses_bids(server: URL) -> None:
    with a_market(server) as db:
        announce_rounds(db, RACE)
        without_guards(db)
        told = run_race(db, RACE, partial(close_by_hand_now, db), unlocked)
        assert lost_bids(db, told)
