"""Hosts that die, stop or lose their database in the middle of a run, and what is left of it.

A host here is a forked process with a connection of its own. `half_done` says what no market may
ever show, however its hosts ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Engine, event, exists, func, select
from sqlmodel import Session, col

from broker.db import Database, connect, reading
from broker.errors import BrokerError
from broker.ledger.tables import JournalKind, JournalRow
from broker.runs import Solve
from broker.tables import AuditEventRow, AwardRow, BidRow, DeclineRow, RoundRow, RunRow
from tests.ledgers import violations
from tests.markets import address_of, at, better_baseline, run_it

MOMENTS = ("before_cursor_execute", "after_cursor_execute", "commit", "reset")
"""Before and after every word to the database, before a commit, and after it."""
REFUSED, CRASHED = 3, 9
DECIDED = ("published", "finished")


def a_host(does: Callable[[], Any]) -> int:
    """Start a host and return its process; it leaves with 0, or 3 if the market refused."""
    pid = os.fork()
    if pid:
        return pid
    code = CRASHED
    try:
        does()
        code = 0
    except BrokerError:
        code = REFUSED
    finally:
        os._exit(code)


def end_of(pid: int) -> int:
    """Wait for a host and return its code, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_until(db: Database, word: int, run: Callable[[Database], Any]) -> int:
    """Let a host run a round and die at its so-manieth word; return how it ended."""
    address = address_of(db)

    def does() -> None:
        mine = connect(address)
        _die_at(mine.writer, word)
        run(mine)

    return end_of(a_host(does))


def words_of(db: Database, run: Callable[[Database], Any]) -> int:
    """Run a round and return how many words that takes."""
    spoken: list[int] = []
    mine = connect(address_of(db))
    _at_every_moment(mine.writer, lambda: spoken.append(1))
    run(mine)
    mine.dispose()
    return len(spoken)


def _die_at(engine: Engine, word: int) -> None:
    left = [word]

    def die() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _at_every_moment(engine, die)


def _at_every_moment(engine: Engine, does: Callable[[], None]) -> None:
    for moment in MOMENTS:
        event.listen(engine, moment, lambda *_: does())


def as_usual(db: Database, solve: Solve = better_baseline) -> Any:
    """Run the round as every host does."""
    return run_it(db, solve=solve, clock=at(1))


def a_while_later(db: Database) -> Any:
    """Run the round as another host does once the lease of the first has ended."""
    return run_it(db, clock=at(1.1))


# --- what is left ------------------------------------------------------------------------------


def half_done(db: Database) -> list[str]:
    """Say what a market shows that is neither before a publication nor after it."""
    with reading(db) as session:
        return [*_findings_in_results(session), *_findings_in_log(session), *violations(db)]


def _findings_in_results(session: Session) -> Iterator[str]:
    for row in session.scalars(select(RoundRow)).all():
        runs = session.scalars(select(RunRow).where(col(RunRow.round_id) == row.id)).all()
        published = [run.id for run in runs if run.state == "published"]
        if len(published) != (row.state in DECIDED):
            yield f"{row.key} is {row.state} with {len(published)} published runs"
        bids = _count(session, col(BidRow.round_id) == row.id)
        for run in runs:
            decided = sum(
                session.scalar(select(func.count()).where(col(table.run_id) == run.id)) or 0
                for table in (AwardRow, DeclineRow)
            )
            if decided != (bids if run.id in published else 0):
                yield f"{row.key} has a {run.state} run with {decided} of {bids} bids decided"
        settled = exists().where(
            col(JournalRow.round_id) == row.id,
            col(JournalRow.kind).in_([JournalKind.SETTLEMENT, JournalKind.RELEASE]),
        )
        if session.scalar(select(settled)) != (row.state in DECIDED):
            yield f"{row.key} is {row.state} and its credits say otherwise"


def _findings_in_log(session: Session) -> Iterator[str]:
    events = session.scalars(select(AuditEventRow).order_by(col(AuditEventRow.sequence))).all()
    if [one.sequence for one in events] != list(range(1, len(events) + 1)):
        yield "the log has gaps"
    for row in session.scalars(select(RoundRow)).all():
        told = [one.kind for one in events if one.subject == f"round:{row.key}"]
        if told.count("round.published") != (row.state in DECIDED):
            yield f"{row.key} is {row.state} and the log says otherwise"


def _count(session: Session, *which: Any) -> int:
    return session.scalar(select(func.count()).select_from(BidRow).where(*which)) or 0
