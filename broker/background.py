"""What happens by itself: five periodic jobs, so that no request has to wait for them.

Every minute one job explains what is due, one answers what people ask about declined bids, one
replays policies on past rounds, one runs and overrides what somebody asked for on a page and one
checks everything when finance asks, each for about a minute; what is left waits for the next.
Nothing is queued that the database does not know, so a job that is lost loses nothing. What is
computed stands in counterfactuals/working.py, counterfactuals/answering.py, policy/replaying.py,
runs.py, overrides/working.py and books/verifications.py.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from huey import MemoryHuey, crontab

from allocation.errors import AllocationError
from allocation.options import Options
from broker.audit import ActorId
from broker.books.verifications import Notary, verify_next
from broker.clock import Clock, time_of
from broker.counterfactuals.answering import Bench, answer_next, has_question
from broker.counterfactuals.answers import decided_round, rounds_to_explain, write_estimates
from broker.counterfactuals.working import Budget, explain_due, processes
from broker.db import Database, reading, transact
from broker.errors import BrokerError
from broker.figures.keeping import keep_figures
from broker.overrides.working import solve_next_override
from broker.policy.replaying import replay_next
from broker.run_requests import next_request
from broker.runs import Solve, run_round
from broker.solving import solve_override
from broker.states import RunState

EVERY_MINUTE = crontab(minute="*")
BUDGET = Budget(seconds=45.0, seconds_per_bid=5.0, workers=1)
"""What the job may use of a minute; one process, so that the others are left to the market."""
ASKED_BUDGET = Budget(seconds=45.0, seconds_per_bid=20.0, workers=1)
"""What one question may use: more for each bid than the job that goes through all of them."""
ANSWER_SECONDS = 50.0
"""How long of every minute a job looks for questions, so that nobody waits for the next."""
REPLAY_SECONDS = 50.0
"""How long of every minute another job looks for replays, so that nobody waits for the next."""
RUN_SECONDS = 50.0
"""How long of every minute a fourth job looks for runs that somebody asked for."""
CHECK_SECONDS = 50.0
"""How long of every minute a fifth job looks for checks that finance asked for."""
PAUSE_SECONDS = 2.0
RUNNER = ActorId("runs")

log = structlog.get_logger()


def background(db: Database, clock: Clock, solve: Solve, notary: Notary) -> Any:
    """Return the queue of a process that does the periodic jobs, and does them at once."""
    huey = MemoryHuey("broker", utc=True, results=False)
    every_minute = huey.periodic_task(EVERY_MINUTE, name="explain")
    explain = every_minute(lambda: explain_what_is_due(db, clock))
    every_minute = huey.periodic_task(EVERY_MINUTE, name="replay")
    replay = every_minute(lambda: replay_what_is_asked(db, clock, solve, REPLAY_SECONDS))
    every_minute = huey.periodic_task(EVERY_MINUTE, name="answer")
    answer = every_minute(lambda: answer_what_is_asked(db, clock, ANSWER_SECONDS))
    every_minute = huey.periodic_task(EVERY_MINUTE, name="run")
    run = every_minute(lambda: run_what_is_asked(db, clock, solve, RUN_SECONDS))
    every_minute = huey.periodic_task(EVERY_MINUTE, name="check")
    check = every_minute(lambda: check_what_is_asked(db, clock, notary, CHECK_SECONDS))
    explain()
    answer()
    replay()
    run()
    check()
    return huey


def explain_what_is_due(db: Database, clock: Clock) -> None:
    """Explain published rounds, as far as the budget goes; the next minute tries again."""
    try:
        with reading(db) as session:
            is_due = bool(rounds_to_explain(session))
        if is_due:
            with processes(BUDGET) as executor:
                for explained in explain_due(db, BUDGET, clock, executor):
                    log.info("round.explained", round_key=explained.round_key)
    except BrokerError as error:
        log.warning("round.not-explained", why=str(error))


def answer_what_is_asked(db: Database, clock: Clock, seconds: float) -> None:
    """Answer questions for some time, as people ask; what fails is taken up again later."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if has_question(db, clock()):
                with processes(ASKED_BUDGET) as executor:
                    _answer_all(Bench(db, ASKED_BUDGET, clock, executor), until)
        except (AllocationError, BrokerError) as error:
            log.warning("question.not-answered", why=str(error))
        time.sleep(min(PAUSE_SECONDS, max(0.0, until - time.monotonic())))


def _answer_all(bench: Bench, until: float) -> None:
    while time.monotonic() < until and answer_next(bench):
        log.info("question.answered")


def replay_what_is_asked(db: Database, clock: Clock, solve: Solve, seconds: float) -> None:
    """Replay policies for some time, as people ask for it; what fails says so on its page."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            is_found = replay_next(db, clock, solve)
        except (AllocationError, BrokerError) as error:
            log.warning("policy.not-replayed", why=str(error))
            is_found = False
        if not is_found:
            time.sleep(PAUSE_SECONDS)


def run_what_is_asked(db: Database, clock: Clock, solve: Solve, seconds: float) -> None:
    """Rehearse, run and override for some time as people ask; what fails says so in its run."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            is_found = run_next(db, clock, solve) or override_next(db, clock)
            keep_figures(db)
        except (AllocationError, BrokerError) as error:
            log.warning("run.not-done", why=str(error))
            is_found = False
        if not is_found:
            time.sleep(min(PAUSE_SECONDS, max(0.0, until - time.monotonic())))


def run_next(db: Database, clock: Clock, solve: Solve) -> bool:
    """Do one run that somebody asked for; False if nobody did."""
    with reading(db) as session:
        asked = next_request(session, time_of(session, clock))
    if asked is None:
        return False
    key, purpose = asked
    ran = run_round(db, key, Options(), clock, RUNNER, solve, lambda _: None, purpose=purpose)
    if ran.run_state is RunState.PUBLISHED:
        transact(db, lambda session: write_estimates(session, decided_round(session, key)))
    log.info("run.done", round_key=key, run_id=ran.run_id, state=ran.run_state)
    return True


def override_next(db: Database, clock: Clock) -> bool:
    """Solve one override that waits; False if none does."""
    solved = solve_next_override(db, clock, RUNNER, Options(), solve_override, lambda _: None)
    if solved is not None:
        log.info("override.solved", round_key=solved.round_key, override_id=solved.override_id)
    return solved is not None


def check_what_is_asked(db: Database, clock: Clock, notary: Notary, seconds: float) -> None:
    """Check everything for some time, as finance asks for it; what fails says so on its page."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            is_found = verify_next(db, clock, notary)
        except BrokerError as error:
            log.warning("books.not-checked", why=str(error))
            is_found = False
        if not is_found:
            time.sleep(PAUSE_SECONDS)
