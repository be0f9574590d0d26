"""Many hosts tick one database through whole sprints: everything due happens once.

Each host is a process with a clock of its own that is up to half a minute wrong. `make torture`
lets eight of them play more sprints.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from allocation.options import Options
from allocation.problem import Problem
from broker.audit import ActorId, Change
from broker.bids.placing import PlaceBid
from broker.db import Database, connect, reading, transact
from broker.errors import InvalidInput, Refused
from broker.notices.tables import NoticeRow
from broker.rounds import create_round
from broker.tables import RoundRow
from broker.ticking import Deed, Ticked, Ticker, tick
from broker.upkeep.tables import HostRow
from broker.upkeep.ticks import note_tick
from tests.cast import Places, bring_people
from tests.crashes import half_done
from tests.markets import (
    NOON,
    a_change,
    a_scarce_problem,
    address_of,
    better_baseline,
    bring_bid,
    described,
    events,
)
from tests.past import moved

IS_TORTURE = "BROKER_TORTURE" in os.environ
HOSTS, SPRINTS = (8, 6) if IS_TORTURE else (2, 2)
TEAMS = Places(team="red", other_team="red")
SPRINT = dt.timedelta(days=14)
WRONG_BY = (0, 20, -20, 5, -5, 30, -30, 1)
"""How many seconds the clock of each host is wrong."""
PATIENCE_SECONDS = 300


def sprint(number: int) -> Problem:
    """Return a sprint with what teams will ask for in it."""
    return moved(a_scarce_problem(), f"sprint-{number}", number + 1)


def announce(db: Database, number: int) -> str:
    """Announce a sprint that opens so many fortnights after the first."""
    offer = described(replace(sprint(number), bids=()))
    opens_at = NOON + number * SPRINT
    closes_at = opens_at + dt.timedelta(days=2)
    transact(
        db,
        lambda session: create_round(
            session, offer, a_change(), opens_at=opens_at, closes_at=closes_at
        ),
    )
    return offer.problem.round_key


def bid(db: Database, host: str, number: int, at: dt.datetime) -> None:
    """Ask for everything in a sprint, once for every host; bids that come too late are lost."""
    for one in sprint(number).bids:
        key = f"{host}-{one.key}"
        wish = PlaceBid(sprint(number).round_key, key, one.team_key, key, one.alternatives)
        with suppress(Refused, InvalidInput):
            transact(db, lambda session, w=wish: bring_bid(session, w, Change(ActorId(host), at)))


def moments() -> list[dt.datetime]:
    """Return when hosts tick: past every opening, close and end, and in between."""
    days = [n * SPRINT + dt.timedelta(days=day) for n in range(SPRINTS) for day in (0, 1, 2, 3)]
    ends = [n * SPRINT + dt.timedelta(days=40) for n in range(SPRINTS)]
    return [NOON + dt.timedelta(minutes=2) + at for at in sorted([*days, *ends])]


def one_host(address: str, number: int, barrier: Barrier) -> list[str]:
    """Tick and bid at every moment together with the others, and return what was done."""
    db, name = connect(address), f"host-{number}"
    done: list[str] = []
    for moment in moments():
        now = moment + dt.timedelta(seconds=WRONG_BY[number])
        barrier.wait(PATIENCE_SECONDS)
        done += [_line(ticked) for ticked in tick_once(db, name, now)]
        for opened in range(SPRINTS):
            bid(db, name, opened, now)
    db.dispose()
    return done


def tick_once(db: Database, name: str, now: dt.datetime) -> list[Ticked]:
    transact(db, lambda session: note_tick(session, name, now))
    return list(
        tick(Ticker(db, lambda: now, ActorId(name), Options(), better_baseline, lambda _: None))
    )


def _line(ticked: Ticked) -> str:
    return f"{ticked.deed} {ticked.round_key}"


@pytest.mark.timeout(900)
def test_whole_sprints_happen_once_however_many_hosts_tick(either_market: Database) -> None:
    keys = [announce(either_market, number) for number in range(SPRINTS)]
    bring_people(either_market, TEAMS)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(HOSTS) as pool:
        barrier = manager.Barrier(HOSTS)
        jobs = [(address_of(either_market), n, barrier) for n in range(HOSTS)]
        told = Counter(line for host in pool.starmap(one_host, jobs, 1) for line in host)

    for key in keys:
        for deed in (Deed.OPENED, Deed.CLOSED, Deed.PUBLISHED, Deed.FINISHED):
            assert told[f"{deed} {key}"] == 1, (deed, key, told)
    assert not [line for line in told if line.startswith(Deed.FAILED)]
    assert half_done(either_market) == []
    with reading(either_market) as session:
        states = set(session.scalars(select(col(RoundRow.state))))
        notices = session.execute(select(col(NoticeRow.person_id), col(NoticeRow.key))).all()
        hosts = session.scalar(select(func.count()).select_from(HostRow))
        kinds = Counter((event.kind, event.subject) for event in events(session))
    assert states == {"finished"}
    assert len(notices) == len(set(notices)) > 0
    assert hosts == HOSTS
    assert {kinds[f"round.{state}", f"round:{key}"] for key in keys for state in STATES} == {1}


STATES = ("scheduled", "open", "closed", "published", "finished")
