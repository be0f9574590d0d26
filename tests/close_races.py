"""Bidders in processes of their own, who bid as fast as they can while somebody closes the round.

What they tell is compared with what the round froze. `unlocked` bids as if a look at the round's
state were enough: the broken variant that the lock is there for. The database has guards of its own
against it, which `without_guards` takes down.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import select, text
from sqlmodel import Session, col

from allocation.problem import BidKey, RoundKey
from broker.access import service
from broker.audit import ActorId, Change
from broker.bids.placing import PlaceBid, store_bids
from broker.clock import database_time
from broker.db import Database, connect, reading, transact, writing
from broker.directory import directory_of
from broker.errors import Busy, TooLate
from broker.rounds import create_round, find_round, open_round
from broker.snapshots import frozen_problem
from broker.tables import BidRow
from tests.builders import a_bid, a_calendar, a_pool, a_problem, a_team, an_alternative
from tests.markets import address_of, bring_bid, described

HOST = service(ActorId("host"))
PATIENCE_SECONDS = 120
OF_BIDS = ("team_bid", "bid_version", "bid", "alternative", "item", "bid_pledge")
Place = Callable[[Session, str, str, str], None]
"""Stores a bid: round, bid and team by their keys."""


@dataclass(frozen=True, slots=True)
class Race:
    """How many bidders race the close of how many rounds, with how many bids each."""

    bidders: int
    bids: int
    rounds: int = 1
    pause_seconds: float = 0.005
    """How long a bidder waits between two bids: without a pause SQLite serves the same one only."""

    @property
    def teams(self) -> list[str]:
        return [f"team-{number}" for number in range(self.bidders)]

    @property
    def keys(self) -> list[str]:
        return [f"sprint-{number}" for number in range(self.rounds)]


@dataclass(slots=True)
class Told:
    """What bidders were told: these bids are in, those were too late."""

    acknowledged: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)


# --- what bidders do ---------------------------------------------------------------------------


def locked(session: Session, round_key: str, bid_key: str, team_key: str) -> None:
    """Place a bid as everybody does."""
    wish = PlaceBid(round_key, bid_key, team_key, "Train", (an_alternative(),))
    bring_bid(session, wish, Change(ActorId(team_key), database_time(session)))


def unlocked(session: Session, round_key: str, bid_key: str, team_key: str) -> None:
    """Look at the round, find it open, and store the bid: what is wrong with that, is the test."""
    look(session, round_key)
    store(session, round_key, bid_key, team_key)


def look(session: Session, round_key: str) -> None:
    """Make sure that a round takes bids, for the moment."""
    row = find_round(session, round_key)
    if row.state != "open":
        raise TooLate(f"Round {round_key} is {row.state}.")


def store(session: Session, round_key: str, bid_key: str, team_key: str) -> None:
    """Write a bid."""
    directory = directory_of(session, find_round(session, round_key))
    change = Change(ActorId(team_key), database_time(session))
    bid = a_bid(bid_key, team=team_key)
    store_bids(session, directory, [bid], {BidKey(bid_key): "Train"}, change)


def bid_in(db: Database, place: Place, round_key: str, team: str, bids: int) -> Iterator[bool]:
    """Place bids one after the other, and say of each whether it was acknowledged."""
    for number in range(bids):

        def work(session: Session, key: str = f"{team}-{number}") -> None:
            place(session, round_key, key, team)

        yield is_taken(db, work)


def is_taken(db: Database, work: Callable[[Session], None]) -> bool:
    """Ask until there is an answer; a database that is busy has given none."""
    while True:
        try:
            transact(db, work)
        except TooLate:
            return False
        except Busy:
            continue
        return True


def one_bidder(
    address: str,
    place: Place,
    race: Race,
    team: str,
    barrier: Barrier,
    count: Synchronized[int],
    answers: Any,
) -> None:
    """Bid in one round after the other; nobody begins the next one before all are done."""
    db = connect(address)
    for round_key in race.keys:
        told = Told()
        barrier.wait(PATIENCE_SECONDS)
        for number, is_in in enumerate(bid_in(db, place, round_key, team, race.bids)):
            (told.acknowledged if is_in else told.late).add(f"{team}-{number}")
            with count.get_lock():
                count.value += 1
            time.sleep(race.pause_seconds)
        answers.put((round_key, told))
    db.dispose()


def without_guards(db: Database) -> None:
    """Let PostgreSQL believe whatever it is told about bids."""
    with writing(db) as session:
        for table in OF_BIDS:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


# --- the race ----------------------------------------------------------------------------------


def announce_rounds(db: Database, race: Race) -> None:
    """Open a round for every start of the race."""

    def work(session: Session) -> None:
        now = database_time(session)
        teams = [a_team(team) for team in race.teams]
        for key in race.keys:
            problem = a_problem(pools=[a_pool()], capacity=a_calendar(), teams=teams)
            problem = replace(problem, round_key=RoundKey(key))
            create_round(session, described(problem), Change(HOST.id, now))
            open_round(session, key, Change(HOST.id, now))

    transact(db, work)


def run_race(
    db: Database, race: Race, close: Callable[[str], Any], place: Place = locked
) -> dict[str, Told]:
    """Let everybody bid and close each round when half of its bids have come."""
    context = multiprocessing.get_context("spawn")
    barrier, count, answers = (
        context.Barrier(race.bidders + 1),
        context.Value("i", 0),
        context.Queue(),
    )
    common = (barrier, count, answers)
    with _running(
        context.Process(target=one_bidder, args=(address_of(db), place, race, team, *common))
        for team in race.teams
    ):
        told = {}
        for key in race.keys:
            count.value = 0
            barrier.wait(PATIENCE_SECONDS)
            _wait_for(count, race.bidders * race.bids // 2)
            close(key)
            told[key] = _together(answers.get(timeout=PATIENCE_SECONDS) for _ in race.teams)
    return told


@contextmanager
def _running(bidders: Iterator[Any]) -> Iterator[None]:
    processes = list(bidders)
    for process in processes:
        process.start()
    try:
        yield
        for process in processes:
            process.join(PATIENCE_SECONDS)
    finally:
        for process in processes:
            process.kill()


def _wait_for(count: Synchronized[int], enough: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count.value < enough and time.monotonic() < deadline:
        time.sleep(0.001)


def _together(answers: Iterator[tuple[str, Told]]) -> Told:
    together = Told()
    for _, told in answers:
        together.acknowledged |= told.acknowledged
        together.late |= told.late
    return together


def frozen_bids(db: Database, round_key: str) -> set[str]:
    """Return the bids that a round froze at its close."""
    with reading(db) as session:
        return {
            str(bid.key) for bid in frozen_problem(session, find_round(session, round_key)).bids
        }


def is_in_order(db: Database, round_key: str) -> bool:
    """Say whether no bid of a round says that it came after the close."""
    with reading(db) as session:
        row = find_round(session, round_key)
        times = session.scalars(
            select(col(BidRow.submitted_at)).where(col(BidRow.round_id) == row.id)
        )
        return all(at is not None and row.closed_at and at <= row.closed_at for at in times)
