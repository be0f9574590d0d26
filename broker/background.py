"""What happens by itself: one periodic job, so that no request has to wait for it.

Every minute the job explains what is due, for less than a minute; what is left waits for the next.
Nothing is queued that the database does not know, so a job that is lost loses nothing. What is
computed stands in counterfactuals/working.py.
"""

from __future__ import annotations

from typing import Any

import structlog
from huey import MemoryHuey, crontab

from broker.clock import Clock
from broker.counterfactuals.answers import rounds_to_explain
from broker.counterfactuals.working import Budget, explain_due, processes
from broker.db import Database, reading
from broker.errors import BrokerError

EVERY_MINUTE = crontab(minute="*")
BUDGET = Budget(seconds=45.0, seconds_per_bid=5.0, workers=1)
"""What the job may use of a minute; one process, so that the others are left to the market."""

log = structlog.get_logger()


def background(db: Database, clock: Clock) -> Any:
    """Return the queue of a process that does the periodic job, and does it at once."""
    huey = MemoryHuey("broker", utc=True, results=False)
    job = huey.periodic_task(EVERY_MINUTE, name="explain")(lambda: explain_what_is_due(db, clock))
    job()
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
