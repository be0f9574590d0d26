"""What is due by the clock: rounds are announced, open, close, are allocated and finish alone.

A rehearsal that somebody asked for comes before the allocation.

Safe at any time and on every host at once. Each deed is one transaction that locks its round and
looks again whether it is due; an allocation runs under a lease, so that only one host solves. What
goes wrong with one round is told, and the others go on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sqlalchemy import ColumnElement, exists, func, select
from sqlmodel import Session, col

from allocation.errors import AllocationError
from allocation.options import Options
from broker.audit import ActorId, Change
from broker.clock import Clock, in_words, time_of
from broker.counterfactuals.answers import decided_round, write_estimates
from broker.db import Database, reading, transact
from broker.errors import BrokerError, HeldElsewhere
from broker.figures.keeping import keep_figures
from broker.overrides.tables import OverrideRow, OverrideState
from broker.overrides.working import SolveOverride, solve_next_override
from broker.round_tables import RunRequestRow
from broker.rounds import close_round, finish_round, lock_round, open_round
from broker.runs import Ran, ReportProgress, Solve, run_round
from broker.solving import solve_override
from broker.spot.acceptances import has_lapsed, lapse_awards
from broker.spot.days import announce_daily_round, open_daily_round, takes_late_bids
from broker.spot.first_places import has_first_places
from broker.spot.recoveries import open_recovery_round
from broker.spot.tables import CapacityLossRow, has_daily_round_to_close, is_of_a_sprint
from broker.spot.waitlists import is_waiting
from broker.sprints.announcing import announce_sprint, due_sprints
from broker.sprints.rules import Sprint
from broker.states import RoundState, RunPurpose, RunState
from broker.tables import BidRow, RoundPoolRow, RoundRow, RunRow

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=1)
MOST_DOUBLED = 10
"""How long a round waits after its allocation failed: twice as long each time, up to this."""


class Deed(StrEnum):
    """What a tick did about a round, or why it did nothing."""

    ANNOUNCED = "announced"
    OPENED = "opened"
    RECOVERED = "recovered"
    CLEARED = "cleared"
    LAPSED = "lapsed"
    CLOSED = "closed"
    REHEARSED = "rehearsed"
    PUBLISHED = "published"
    FINISHED = "finished"
    OVERRIDE_SOLVED = "override-solved"
    HELD_ELSEWHERE = "held-elsewhere"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ticked:
    """One thing that a tick did; `error` says what went wrong where something did."""

    round_key: str
    deed: Deed
    sentence: str
    error: BrokerError | AllocationError | None = None


@dataclass(frozen=True, slots=True)
class Ticker:
    """Where and how it ticks: a market, its clock, who acts, and what solves."""

    db: Database
    clock: Clock
    actor: ActorId
    options: Options
    solve: Solve
    report_progress: ReportProgress
    solve_override: SolveOverride = solve_override


Act = Callable[[Ticker, str], Ticked | None]
"""Does what is due for one round; None if it turns out that nothing is."""


def tick(ticker: Ticker) -> Iterator[Ticked]:
    """Do all that is due now, and tell each deed when it is done.

    What became due by an earlier deed is done as well: a round that closes is allocated at once.
    """
    for sprint in _sprints_due(ticker):
        ticked = _try(ticker, sprint.key, partial(_announce, sprint=sprint))
        if ticked is not None:
            yield ticked
    for is_due, act in _STEPS:
        for key in _due(ticker, is_due):
            ticked = _try(ticker, key, act)
            if ticked is not None:
                yield ticked
    keep_figures(ticker.db)


def _sprints_due(ticker: Ticker) -> list[Sprint]:
    """Return the sprints that the rule wants announced, the earliest first."""
    with reading(ticker.db) as session:
        return due_sprints(session, time_of(session, ticker.clock))


def _due(ticker: Ticker, is_due: Callable[[dt.datetime], ColumnElement[bool]]) -> list[str]:
    """Return the rounds for which something looks due, the earliest sprint first."""
    with reading(ticker.db) as session:
        at = time_of(session, ticker.clock)
        rounds = select(col(RoundRow.key)).where(is_due(at))
        return list(session.scalars(rounds.order_by(col(RoundRow.starts_on), col(RoundRow.key))))


def _try(ticker: Ticker, key: str, act: Act) -> Ticked | None:
    try:
        return act(ticker, key)
    except HeldElsewhere as error:
        return Ticked(key, Deed.HELD_ELSEWHERE, error.sentence)
    except (BrokerError, AllocationError) as error:
        return Ticked(key, Deed.FAILED, str(error), error)


# --- what is due ------------------------------------------------------------------------------


def _opens(at: dt.datetime) -> ColumnElement[bool]:
    return (col(RoundRow.state) == RoundState.SCHEDULED) & (col(RoundRow.opens_at) <= at)


def _closes(at: dt.datetime) -> ColumnElement[bool]:
    """Say which rounds of sprints are to close; daily rounds are looked after apart."""
    has_come = (col(RoundRow.state) == RoundState.OPEN) & (col(RoundRow.closes_at) <= at)
    return has_come & is_of_a_sprint()


def _rehearses(at: dt.datetime) -> ColumnElement[bool]:
    del at
    asked = exists().where(
        col(RunRequestRow.round_id) == col(RoundRow.id),
        col(RunRequestRow.purpose) == RunPurpose.REHEARSAL,
        col(RunRequestRow.run_id).is_(None),
    )
    return (col(RoundRow.state) == RoundState.CLOSED) & asked


def _runs(at: dt.datetime) -> ColumnElement[bool]:
    del at
    return col(RoundRow.state) == RoundState.CLOSED


def _overrides(at: dt.datetime) -> ColumnElement[bool]:
    del at
    asked = exists().where(
        col(OverrideRow.round_id) == col(RoundRow.id),
        col(OverrideRow.state) == OverrideState.PROPOSED,
        col(OverrideRow.run_id).is_(None),
    )
    return (col(RoundRow.state) == RoundState.PUBLISHED) & asked


def _finishes(at: dt.datetime) -> ColumnElement[bool]:
    """Say which rounds may have ended; how long a sprint is, is asked of each of them."""
    return (col(RoundRow.state) == RoundState.PUBLISHED) & (col(RoundRow.starts_on) < at.date())


def _has_ended(row: RoundRow, at: dt.datetime) -> bool:
    return row.starts_on + dt.timedelta(days=row.days) <= at.date()


def _waits(at: dt.datetime) -> ColumnElement[bool]:
    """Say in which running sprints somebody waits for what is free, or a daily round closes."""
    waiting = exists().where(col(BidRow.round_id) == col(RoundRow.id), is_waiting())
    running = (col(RoundRow.state) == RoundState.PUBLISHED) & (waiting | has_first_places())
    return running | has_daily_round_to_close(at)


def _goes_on(at: dt.datetime) -> ColumnElement[bool]:
    """Say which sprints may run, and have no daily round that takes bids."""
    is_published = (col(RoundRow.state) == RoundState.PUBLISHED) & is_of_a_sprint()
    return is_published & ~has_daily_round_to_close(dt.datetime.max.replace(tzinfo=at.tzinfo))


def _breaks(at: dt.datetime) -> ColumnElement[bool]:
    """Say in which running sprints capacity is lost from today on."""
    lost = exists().where(
        col(RoundPoolRow.round_id) == col(RoundRow.id),
        col(RoundPoolRow.pool_id) == col(CapacityLossRow.pool_id),
        col(CapacityLossRow.last_day) >= at.date(),
    )
    return (col(RoundRow.state) == RoundState.PUBLISHED) & lost & is_of_a_sprint()


# --- what is done ------------------------------------------------------------------------------


def _announce(ticker: Ticker, key: str, sprint: Sprint) -> Ticked | None:
    def work(session: Session) -> bool:
        return announce_sprint(session, sprint.number, _now(ticker, session))

    words = f"is announced; it opens at {in_words(sprint.opens_at)}"
    return _told(key, Deed.ANNOUNCED, words, is_new=transact(ticker.db, work))


def _open(ticker: Ticker, key: str) -> Ticked | None:
    def work(session: Session) -> bool:
        row = lock_round(session, key)
        change = _now(ticker, session)
        is_due = row.state == RoundState.SCHEDULED and _has_come(row.opens_at, change.at)
        return is_due and open_round(session, key, change)

    return _told(key, Deed.OPENED, "is open for bids", is_new=transact(ticker.db, work))


def _close(ticker: Ticker, key: str) -> Ticked | None:
    def work(session: Session) -> bool:
        row = lock_round(session, key)
        change = _now(ticker, session)
        is_due = row.state == RoundState.OPEN and _has_come(row.closes_at, change.at)
        return is_due and close_round(session, key, change)

    return _told(key, Deed.CLOSED, "is closed", is_new=transact(ticker.db, work))


def _finish(ticker: Ticker, key: str) -> Ticked | None:
    def work(session: Session) -> bool:
        row = lock_round(session, key)
        change = _now(ticker, session)
        is_due = row.state == RoundState.PUBLISHED and _has_ended(row, change.at)
        return is_due and finish_round(session, key, change)

    return _told(key, Deed.FINISHED, "is finished", is_new=transact(ticker.db, work))


def _recover(ticker: Ticker, key: str) -> Ticked | None:
    def work(session: Session) -> str | None:
        return open_recovery_round(session, key, _now(ticker, session))

    recovery = transact(ticker.db, work)
    words = "is closed: it says who keeps what where capacity is lost"
    return _told(recovery or key, Deed.RECOVERED, words, is_new=recovery is not None)


def _clear(ticker: Ticker, key: str) -> Ticked | None:
    def work(session: Session) -> str | None:
        return open_daily_round(session, key, _now(ticker, session))

    daily = transact(ticker.db, work)
    words = "is closed: what is free in the sprint goes to those who wait"
    return _told(daily or key, Deed.CLEARED, words, is_new=daily is not None)


def _lapse(ticker: Ticker, key: str) -> Ticked | None:
    lapsed = transact(ticker.db, lambda session: lapse_awards(session, key, _now(ticker, session)))
    words = "takes back what nobody accepted in time"
    return _told(key, Deed.LAPSED, words, is_new=lapsed > 0)


def _take_bids(ticker: Ticker, key: str) -> Ticked | None:
    with reading(ticker.db) as session:
        if not takes_late_bids(session, time_of(session, ticker.clock)):
            return None

    def work(session: Session) -> str | None:
        return announce_daily_round(session, key, _now(ticker, session))

    daily = transact(ticker.db, work)
    words = "takes bids for spot capacity on the days that remain"
    return _told(daily or key, Deed.OPENED, words, is_new=daily is not None)


def _run(ticker: Ticker, key: str) -> Ticked | None:
    with reading(ticker.db) as session:
        until = _pauses_until(session, key)
        if until is not None and time_of(session, ticker.clock) < until:
            sentence = (
                f"The allocation of round {key} failed; it is tried again after {in_words(until)}."
            )
            return Ticked(key, Deed.WAITING, sentence)
    ran = _run_round(ticker, key, RunPurpose.PUBLICATION)
    if ran.outcome is None:
        return None
    transact(ticker.db, lambda session: write_estimates(session, decided_round(session, key)))
    return Ticked(key, Deed.PUBLISHED, f"Round {key} is published: outcome {ran.outcome_sha256}")


def _rehearse(ticker: Ticker, key: str) -> Ticked | None:
    ran = _run_round(ticker, key, RunPurpose.REHEARSAL)
    if ran.outcome is None or ran.run_state is RunState.PUBLISHED:
        return None
    return Ticked(key, Deed.REHEARSED, f"Round {key} is rehearsed: outcome {ran.outcome_sha256}")


def _override(ticker: Ticker, key: str) -> Ticked | None:
    solved = solve_next_override(
        ticker.db,
        ticker.clock,
        ticker.actor,
        ticker.options,
        ticker.solve_override,
        ticker.report_progress,
    )
    if solved is None:
        return None
    sentence = f"An override of round {key} is solved and waits for a second person."
    return Ticked(solved.round_key, Deed.OVERRIDE_SOLVED, sentence)


def _run_round(ticker: Ticker, key: str, purpose: RunPurpose) -> Ran:
    return run_round(
        ticker.db,
        key,
        ticker.options,
        ticker.clock,
        ticker.actor,
        ticker.solve,
        ticker.report_progress,
        purpose=purpose,
    )


def _pauses_until(session: Session, key: str) -> dt.datetime | None:
    """Return until when nobody tries again to allocate a round; None if it never failed."""
    failed = (
        select(func.count(), func.max(col(RunRow.finished_at)))
        .join(RoundRow, col(RoundRow.id) == col(RunRow.round_id))
        .where(
            col(RoundRow.key) == key,
            col(RunRow.state) == RunState.FAILED,
            col(RunRow.purpose) == RunPurpose.PUBLICATION,
        )
    )
    times, last_at = session.execute(failed).one()
    if last_at is None:
        return None
    doubled: int = min(times - 1, MOST_DOUBLED)
    ended_at: dt.datetime = last_at
    return ended_at + min(FIRST_PAUSE * (1 << doubled), LONGEST_PAUSE)


def _now(ticker: Ticker, session: Session) -> Change:
    """Return the change of this moment, which comes after every bid that the lock waited for."""
    return Change(ticker.actor, time_of(session, ticker.clock))


def _has_come(moment: dt.datetime | None, at: dt.datetime) -> bool:
    return moment is not None and moment <= at


def _told(key: str, deed: Deed, words: str, *, is_new: bool) -> Ticked | None:
    return Ticked(key, deed, f"Round {key} {words}.") if is_new else None


_STEPS: tuple[tuple[Callable[[dt.datetime], ColumnElement[bool]], Act], ...] = (
    (_finishes, _finish),
    (_opens, _open),
    (_closes, _close),
    (_rehearses, _rehearse),
    (has_lapsed, _lapse),
    (_breaks, _recover),
    (_waits, _clear),
    (_runs, _run),
    (_goes_on, _take_bids),
    (_overrides, _override),
)
"""What is looked after, in this order: what happens at once comes before what takes a minute."""
