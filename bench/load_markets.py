"""A market as the load finds it: two years of sprints, a round that is open, rounds to solve.

Filled through the services, by the calendar of today: the servers go by the machine's clock. Every
user leads a team of their own and has a session of their own. Nothing here serves or measures.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlmodel import Session

from allocation.options import Options
from allocation.problem import Problem, RoundKey
from bench.generator import FIRST_DAY, Shape, generate
from bench.pages import OPERATOR, by_rules, described, moved
from broker.audit import Change
from broker.clock import system_clock
from broker.db import Database, transact
from broker.figures.keeping import keep_figures
from broker.importing import import_round
from broker.people.actors import actor_of_person
from broker.people.grants import Grant, approve_grant, propose_grant
from broker.people.persons import NewPerson, add_person, find_person
from broker.people.sessions import begin_session
from broker.run_requests import ask_run
from broker.runs import run_round
from broker.states import RunPurpose

DAYS, SPRINTS, POOLS = 14, 52, 24
PAST_BIDS, OPEN_BIDS, SOLVED_BIDS = 60, 500, 2_000
OPEN_KEY, SOLVED_KEYS = "open", ("solved-1", "solved-2")
ADMIN = "admin"


def fill(db: Database, teams: int, sprints: int) -> dict[str, str]:
    """Fill a market that is empty, and return the secret of each lead's session by team."""
    for number in range(sprints):
        _bring(db, f"past-{number + 1}", PAST_BIDS, teams, number - sprints)
        clock = _clock(number - sprints)
        key = f"past-{number + 1}"
        run_round(db, key, Options(), clock, OPERATOR.id, by_rules, lambda _: None)
    keep_figures(db)
    _bring(db, OPEN_KEY, OPEN_BIDS, teams, 1, is_open=True)
    for key in SOLVED_KEYS:
        _bring(db, key, SOLVED_BIDS, teams, 1)
    return transact(db, lambda session: _bring_people(session, teams))


def ask_for_runs(db: Database) -> None:
    """Have the closed rounds rehearsed, as somebody would on their pages."""
    for key in SOLVED_KEYS:
        transact(db, partial(_ask_for_run, key=key))


def _ask_for_run(session: Session, key: str) -> None:
    ask_run(session, OPERATOR, key, RunPurpose.REHEARSAL, system_clock())


def _bring(
    db: Database, key: str, bids: int, teams: int, sprint: int, *, is_open: bool = False
) -> None:
    shape = Shape("granular", bids, POOLS, DAYS, teams)
    folder = described(_in_sprint(generate(shape, len(key) + sprint), sprint))
    named = replace(folder, problem=replace(folder.problem, round_key=RoundKey(key)), name=key)
    change = Change(OPERATOR.id, _clock(min(sprint, 0))())
    transact(db, lambda session: import_round(session, named, change, is_open=is_open))


def _in_sprint(problem: Problem, sprint: int) -> Problem:
    return moved(problem, _first_day(sprint) - FIRST_DAY)


def _first_day(sprint: int) -> dt.date:
    """Return the Monday on which a sprint starts; sprint 0 is the one that today is in."""
    today = system_clock().date()
    return today - dt.timedelta(days=today.weekday()) + sprint * dt.timedelta(days=DAYS)


def _clock(sprint: int) -> Callable[[], dt.datetime]:
    """Return a clock that stands at noon two days before a sprint."""
    day = _first_day(sprint) - dt.timedelta(days=2)
    return lambda: dt.datetime.combine(day, dt.time(12), dt.UTC)


def _bring_people(session: Session, teams: int) -> dict[str, str]:
    at, width = system_clock(), len(str(teams))
    _add(session, ADMIN, at)
    propose_grant(session, OPERATOR, Grant(ADMIN, "platform-admin"), at)
    admin, given = actor_of_person(session, ADMIN), {}
    for team in (f"t{n + 1:0{width}}" for n in range(teams)):
        _add(session, f"lead-{team}", at)
        grant = propose_grant(session, OPERATOR, Grant(f"lead-{team}", "team-lead", team), at)
        approve_grant(session, admin, grant.id, at)
        given[team] = secrets.token_urlsafe(32)
        begin_session(session, find_person(session, f"lead-{team}"), given[team], "Bench", at)
    return given


def _add(session: Session, key: str, at: dt.datetime) -> None:
    add_person(session, OPERATOR, NewPerson(key, key.title(), f"{key}@example.org"), at)
