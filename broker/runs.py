"""Runs: a closed round is claimed, solved, judged and published, exactly once.

The solver works outside any transaction and hands back an outcome; the judge speaks before
anybody sees it; publication is one transaction guarded by the round's state and the lease's
fence. Leases stand in leases.py, what a publication writes in publications.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import insert, select
from sqlmodel import Session, col

from allocation.errors import BrokenOutcome, Violation
from allocation.judge import check_outcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Pricing
from allocation.problem import Problem
from allocation.wire import (
    canonical_json,
    certificate_document,
    outcome_document,
    problem_sha256,
    report_document,
    sha256_of,
)
from broker.audit import ActorId, Change, record
from broker.builds import build_document
from broker.clock import Clock, in_words, time_of
from broker.db import Database, transact
from broker.errors import Busy, Refused
from broker.leases import Lease, kept, release_lease, take_lease
from broker.logs import about
from broker.policy.versions import policy_of_round
from broker.publications import publish_outcome
from broker.rounds import close_round, find_round, lock_round
from broker.run_outcomes import keep_outcome
from broker.run_requests import ask_again, meet_request
from broker.snapshots import frozen_problem
from broker.spot.tables import DailyRoundRow, RecoveryRoundRow
from broker.states import RoundState, RunPurpose, RunState, move_round, move_run
from broker.tables import RoundRow, RunRow, RunStageRow

log = structlog.get_logger()

ReportProgress = Callable[[Progress], None]
Solve = Callable[[Problem, Options, ReportProgress], Outcome]
"""Answers a problem. Raises: NoOutcome or BrokenOutcome."""
Now = Callable[[Session], Change]
"""Tells by whom and when something is done in a transaction."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to; `outcome` is None where the round was published before."""

    round_key: str
    round_state: RoundState
    run_id: str
    run_state: RunState
    revision: int
    outcome_sha256: str
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a run holds while it works."""

    round_key: str
    run_id: str
    lease: Lease
    problem: Problem
    pricing: Pricing | None
    """What the round's own policy says; None where its policy says nothing."""


def run_round(
    db: Database,
    round_key: str,
    options: Options,
    clock: Clock,
    actor: ActorId,
    solve: Solve,
    report_progress: ReportProgress,
    *,
    purpose: RunPurpose = RunPurpose.PUBLICATION,
) -> Ran:
    """Allocate a round and publish the result, or only rehearse it. Safe to repeat.

    Raises: NotFound; Refused if the round is in the wrong state or another host runs it;
    NoOutcome or BrokenOutcome, after which the run is failed and a new one may follow.
    """

    def now(session: Session) -> Change:
        return Change(actor, time_of(session, clock))

    holder = f"{actor}/{uuid4().hex[:12]}"
    claim = transact(db, lambda session: _claim(session, round_key, holder, purpose, now))
    if isinstance(claim, Ran):
        return claim
    with about(round_key=round_key, run_id=claim.run_id), _failing(db, claim, now):
        log.info("run.solving", fence=claim.lease.fence, purpose=purpose)
        with kept(db, claim.lease, clock):
            asked = replace(options, pricing=claim.pricing or options.pricing)
            outcome = solve(claim.problem, asked, storing(db, claim.run_id, report_progress))
            violations = check_outcome(claim.problem, outcome) or _overrides(outcome)
        if violations:
            raise BrokenOutcome(round_key, violations)
        transact(db, lambda session: _check(session, claim, outcome, now(session)))
        finish = _publish if purpose is RunPurpose.PUBLICATION else _end_rehearsal
        ran = transact(db, lambda session: finish(session, claim, outcome, now(session)))
        log.info("run.done", state=ran.run_state, outcome_sha256=ran.outcome_sha256)
        return ran


def _overrides(outcome: Outcome) -> tuple[Violation, ...]:
    """Find a claim to override, which a run of a closed round may not make."""
    if outcome.report.override is None:
        return ()
    return (Violation("override", "A run of a closed round overrides nothing."),)


def published_runs(session: Session, row: RoundRow) -> Sequence[RunRow]:
    """Return the runs whose outcomes a round has shown, the first revision first."""
    published = (
        select(RunRow)
        .where(col(RunRow.round_id) == row.id, col(RunRow.state) == RunState.PUBLISHED)
        .order_by(col(RunRow.revision))
    )
    return session.scalars(published).all()


def published_run(session: Session, row: RoundRow, revision: int | None = None) -> RunRow | None:
    """Return the run of a revision, the latest without one; None where it is not out."""
    runs = published_runs(session, row)
    found = [run for run in runs if revision in {None, run.revision}]
    return found[-1] if found else None


def market_run(session: Session, row: RoundRow) -> RunRow | None:
    """Return the run that decided a round before anybody overrode it; None before it is out."""
    return published_run(session, row, revision=1)


def _claim(
    session: Session, round_key: str, holder: str, purpose: RunPurpose, now: Now
) -> _Claim | Ran:
    row = lock_round(session, round_key)
    change = now(session)
    published = published_run(session, row)
    if published is not None:
        return _ran(row, published, None)
    _close_if_due(session, row, change)
    if row.state != RoundState.CLOSED:
        raise Refused(f"Round {round_key} is {row.state}; only a closed round can be run.")
    lease = take_lease(session, row, holder, change.at)
    _give_up_earlier_runs(session, row, change)
    problem = frozen_problem(session, row)
    run_id = _start_run(session, row, purpose, problem, change)
    return _Claim(round_key, run_id, lease, problem, _pricing_of(session, row))


def _pricing_of(session: Session, row: RoundRow) -> Pricing | None:
    """Return the pricing of the policy that a round froze; a round from files has none.

    A round during a sprint was made here, though its bids keep their value scores as those of files
    do.
    """
    in_force = policy_of_round(session, row)
    is_made_here = any(session.get(table, row.id) for table in (DailyRoundRow, RecoveryRoundRow))
    is_from_files = row.imported_sha256 is not None and not is_made_here
    if in_force is None or is_from_files:
        return None
    return in_force.policy.pricing_rule


def _close_if_due(session: Session, row: RoundRow, change: Change) -> None:
    if row.state != RoundState.OPEN:
        return
    is_daily = session.get(DailyRoundRow, row.id) is not None
    if is_daily or row.closes_at is None or change.at < row.closes_at:
        until = f"until {in_words(row.closes_at)}" if row.closes_at else "and has no closing time"
        raise Refused(
            f"Round {row.key} is open for bids {until}.",
            hint="`broker tick` closes it."
            if is_daily
            else f"`broker round close {row.key}` closes it now.",
        )
    close_round(session, row.key, change)


def _give_up_earlier_runs(session: Session, row: RoundRow, change: Change) -> None:
    """End the runs of a host whose lease ran out; rehearsals that were checked stay."""
    earlier = select(RunRow).where(
        col(RunRow.round_id) == row.id, col(RunRow.state).in_([RunState.SOLVING, RunState.CHECKED])
    )
    for run in session.scalars(earlier).all():
        if run.state == RunState.SOLVING:
            why = "Its host stopped before it was done, and its lease ran out."
            move_run(session, run, RunState.FAILED, change, failure=why, finished_at=change.at)
            ask_again(session, run)
        elif run.purpose == RunPurpose.PUBLICATION:
            move_run(session, run, RunState.STALE, change)


def _start_run(
    session: Session, row: RoundRow, purpose: RunPurpose, problem: Problem, change: Change
) -> str:
    run = RunRow(
        id=str(uuid4()),
        round_id=row.id,
        purpose=purpose,
        state=RunState.SOLVING,
        fence=row.fence,
        problem_sha256=problem_sha256(problem),
        started_at=change.at,
    )
    session.add(run)
    session.flush()
    facts = {
        "round_key": row.key,
        "purpose": purpose,
        "problem_sha256": run.problem_sha256,
        "build": build_document(),
    }
    record(session, change, f"run.{run.state}", f"run:{run.id}", **facts)
    meet_request(session, run)
    return run.id


def storing(db: Database, run_id: str, report_progress: ReportProgress) -> ReportProgress:
    """Return a reporter that also stores each line of a run, so that the screens can show it."""
    lines: list[Progress] = []

    def report(progress: Progress) -> None:
        lines.append(progress)
        stage = _stage(run_id, len(lines), progress)
        try:
            transact(db, lambda session: session.execute(insert(RunStageRow), [stage]))
        except Busy as error:
            log.warning("run.progress-not-stored", run_id=run_id, why=str(error))
        report_progress(progress)

    return report


def _stage(run_id: str, position: int, progress: Progress) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "position": position,
        "stage": progress.stage,
        "value": progress.value,
        "bound": progress.bound,
        "milliseconds": round(progress.seconds * 1000),
    }


@contextmanager
def _failing(db: Database, claim: _Claim, now: Now) -> Iterator[None]:
    """Whatever ends the work early, say so in the run and let the next one begin."""
    try:
        yield
    except BaseException as error:
        why = str(error) or type(error).__name__
        log.warning("run.not-finished", why=why)
        transact(db, lambda session: _fail(session, claim, why, now(session)))
        raise


def _fail(session: Session, claim: _Claim, why: str, change: Change) -> None:
    run = session.get_one(RunRow, claim.run_id)
    if run.state in {RunState.SOLVING, RunState.CHECKED}:
        move_run(session, run, RunState.FAILED, change, failure=why, finished_at=change.at)
    release_lease(session, claim.lease)


def _check(session: Session, claim: _Claim, outcome: Outcome, change: Change) -> None:
    """Keep what the judge found right, if the round is as it was."""
    run = session.get_one(RunRow, claim.run_id)
    if run.state == RunState.STALE:
        raise Refused(
            f"Round {claim.round_key} changed while it was being solved, so run {run.id} is stale.",
            hint=f"`broker run {claim.round_key}` solves it as it is now.",
            round_key=claim.round_key,
        )
    keep_check(session, run, outcome, change)
    if run.purpose == RunPurpose.REHEARSAL or outcome.report.contest is not None:
        keep_outcome(session, run, outcome)


def keep_check(session: Session, run: RunRow, outcome: Outcome, change: Change) -> None:
    """Say that the judge let an outcome pass, with all that proves it."""
    sha256 = outcome.report.outcome_sha256
    move_run(
        session,
        run,
        RunState.CHECKED,
        change,
        facts={"outcome_sha256": sha256, "evidence_sha256": sha256_of(outcome_document(outcome))},
        finished_at=change.at,
        outcome_sha256=sha256,
        report=canonical_json(report_document(outcome.report)).decode(),
        certificate=canonical_json(certificate_document(outcome.certificate)).decode(),
    )


def _publish(session: Session, claim: _Claim, outcome: Outcome, change: Change) -> Ran:
    """Show the outcome to everybody, if the round is still ours to publish."""
    row = find_round(session, claim.round_key)
    run = session.get_one(RunRow, claim.run_id)
    sha256 = outcome.report.outcome_sha256
    move_round(
        session,
        row,
        RoundState.PUBLISHED,
        change,
        guards=claim.lease.guards,
        facts={"run_id": run.id, "outcome_sha256": sha256},
        published_at=change.at,
        lease_holder=None,
        lease_until=None,
    )
    publish_outcome(session, row, run, outcome, change)
    return _ran(row, run, outcome)


def _end_rehearsal(session: Session, claim: _Claim, outcome: Outcome, change: Change) -> Ran:
    del change
    release_lease(session, claim.lease)
    row = find_round(session, claim.round_key)
    return _ran(row, session.get_one(RunRow, claim.run_id), outcome)


def _ran(row: RoundRow, run: RunRow, outcome: Outcome | None) -> Ran:
    return Ran(
        round_key=row.key,
        round_state=RoundState(row.state),
        run_id=run.id,
        run_state=RunState(run.state),
        revision=run.revision,
        outcome_sha256=run.outcome_sha256 or "",
        outcome=outcome,
    )
