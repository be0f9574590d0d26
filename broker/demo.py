"""The demo: the fictional company's sprints, played through the services of real use.

A clock that is moved plays every round in the order of time: announced, opened, bid for, closed,
run, finished, up to the present. So the audit log and every instant read as if it had happened.
The company stands in company/, what each step does in rounds.py, bids.py and runs.py.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from time import perf_counter

from sqlmodel import Session

from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Bid
from broker.audit import Actor, Change
from broker.bids import PlaceBid, place_bid
from broker.clock import Clock
from broker.company import COMPANY, NOTICE, CompanyRound, five_rounds
from broker.db import Database, connect, writing
from broker.errors import Refused
from broker.rounds import create_round, finish_round, open_round
from broker.runs import Ran, Solve, run_round
from broker.schema import migrate
from broker.tables import InstallationRow

DEMO_DATABASE_URL = "sqlite:///demo.sqlite3"
"""Where the demo is kept when the environment names no other place."""

SEED = 1
TIME_LIMIT_SECONDS = 2.0
WORKERS = 2
NOTICE_DAYS = dt.timedelta(days=1)
"""How long before it opens a round is announced."""

PURPOSE = "purpose"
DEMO = "demo"
SIDE_FILES = ("", "-wal", "-shm")

PLATFORM_ADMIN = Actor("platform-admin")
SPRINT_START = Actor("sprint-start")

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""


@dataclass(slots=True)
class StoryClock:
    """A clock that can be moved; between moves it runs as fast as the real one, never past it."""

    real: Clock
    moved_by: dt.timedelta = field(default_factory=dt.timedelta)

    def __call__(self) -> dt.datetime:
        """Tell the present of the story."""
        return min(self.real() + self.moved_by, self.real())

    def move_to(self, at: dt.datetime) -> None:
        """Jump to a moment of the story, forward only once the story has begun."""
        self.moved_by = at - self.real()


class Rank(IntEnum):
    """What comes first when several things happen at the same moment."""

    FINISH = 0
    RUN = 1
    ANNOUNCE = 2
    OPEN = 3
    BID = 4
