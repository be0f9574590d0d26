"""Solving a proposed override outside of any request: as a run, judged, and kept for its approval.

A worker takes one after the other under the round's lease, as runs.py does for a closed round. A
worker that stops leaves its override to the next one. What is published stands in approvals.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from allocation.errors import BrokenOutcome
from allocation.judge import check_outcome, check_overridden
from allocation.options import Options
from allocation.outcome import Outcome, Override
from allocation.problem import Problem
from broker.audit import ActorId, Change, record
from broker.builds import build_document
from broker.clock import Clock, time_of
from broker.counterfactuals.answers import decided_run
from broker.db import Database, reading, transact
from broker.errors import Refused
from broker.leases import Lease, kept, release_lease, take_lease
from broker.notices.causes import tell_override_solved
from broker.overrides.decisions import override_of
from broker.overrides.proposals import overridable_run
from broker.overrides.tables import OverrideRow, OverrideState
from broker.rounds import lock_round
from broker.run_outcomes import keep_outcome
from broker.runs import ReportProgress, keep_check, storing
from broker.states import RoundState, RunPurpose, RunState, move_run
from broker.tables import RoundRow, RunRow

SolveOverride = Callable[[Problem, Outcome, Override, Options, ReportProgress], Outcome]
"""Decides a round again with what people set. Raises: NoOutcome or BrokenOutcome."""


@dataclass(frozen=True, slots=True)
class Solved:
    """An override that was solved: of which round, by which run."""

    round_key: str
    override_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a worker holds while it solves."""

    round_key: str
    override_id: str
    run_id: str
    lease: Lease
    problem: Problem
    before: Outcome
    override: Override


def solve_next_override(
    db: Database,
    clock: Clock,
    actor: ActorId,
    options: Options,
    solve: SolveOverride,
    report_progress: ReportProgress,
) -> Solved | None:
    """Solve one override that waits; None if none does.

    Raises: HeldElsewhere; NoOutcome or BrokenOutcome, after which its run has failed.
    """
    with reading(db) as session:
        found = waiting_override(session, time_of(session, clock))
    if found is None:
        return None
    holder = f"{actor}/{uuid4().hex[:12]}"

    def change(session: Session) -> Change:
        return Change(actor, time_of(session, clock))

    claim = transact(db, lambda session: _claim(session, *found, holder, change(session)))
    if claim is None:
        return None
    try:
        with kept(db, claim.lease, clock):
            report = storing(db, claim.run_id, report_progress)
            outcome = solve(claim.problem, claim.before, claim.override, options, report)
        _judge(claim, outcome)
        transact(db, lambda session: _keep(session, claim, outcome, change(session)))
    except BaseException as error:
        why = str(error) or type(error).__name__
        transact(db, lambda session: _fail(session, claim, why, change(session)))
        raise
    return Solved(claim.round_key, claim.override_id, claim.run_id)


def waiting_override(session: Session, at: dt.datetime) -> tuple[str, str] | None:
    """Return the round's key and the id of the override that waits longest to be solved."""
    is_free = or_(col(RoundRow.lease_until).is_(None), col(RoundRow.lease_until) <= at)
    is_left = col(RunRow.state) == RunState.SOLVING
    oldest = (
        select(col(RoundRow.key), col(OverrideRow.id))
        .join(RoundRow, col(RoundRow.id) == col(OverrideRow.round_id))
        .outerjoin(RunRow, col(RunRow.id) == col(OverrideRow.run_id))
        .where(
            col(OverrideRow.state) == OverrideState.PROPOSED,
            col(RoundRow.state) == RoundState.PUBLISHED,
            and_(is_free, or_(col(OverrideRow.run_id).is_(None), is_left)),
        )
        .order_by(col(OverrideRow.proposed_at), col(OverrideRow.id))
    )
    found = session.execute(oldest.limit(1)).first()
    return (found[0], found[1]) if found else None


def _claim(
    session: Session, round_key: str, override_id: str, holder: str, change: Change
) -> _Claim | None:
    """Take an override, unless it was decided or taken meanwhile."""
    row = lock_round(session, round_key)
    proposed = session.get_one(OverrideRow, override_id, populate_existing=True)
    earlier = session.get(RunRow, proposed.run_id) if proposed.run_id else None
    if proposed.state != OverrideState.PROPOSED or (
        earlier is not None and earlier.state != RunState.SOLVING
    ):
        return None
    lease = take_lease(session, row, holder, change.at, state=RoundState.PUBLISHED)
    if earlier is not None:
        why = "Its host stopped before it was done, and its lease ran out."
        move_run(session, earlier, RunState.FAILED, change, failure=why, finished_at=change.at)
    before = overridable_run(session, row)
    decided = decided_run(session, row, before)
    override = override_of(session, row, before, proposed)
    run = _begin_run(session, row, proposed, before, change)
    return _Claim(round_key, override_id, run.id, lease, decided.problem, decided.outcome, override)


def _begin_run(
    session: Session, row: RoundRow, proposed: OverrideRow, before: RunRow, change: Change
) -> RunRow:
    run = RunRow(
        id=str(uuid4()),
        round_id=row.id,
        purpose=RunPurpose.PUBLICATION,
        state=RunState.SOLVING,
        revision=before.revision + 1,
        fence=row.fence,
        problem_sha256=before.problem_sha256,
        started_at=change.at,
    )
    session.add(run)
    session.flush()
    proposed.run_id = run.id
    session.flush()
    facts = {
        "round_key": row.key,
        "purpose": run.purpose,
        "problem_sha256": run.problem_sha256,
        "build": build_document(),
        "override": proposed.id,
        "revision": run.revision,
    }
    record(session, change, f"run.{run.state}", f"run:{run.id}", **facts)
    return run


def _judge(claim: _Claim, outcome: Outcome) -> None:
    """Let the judge speak on both outcomes whose values are compared."""
    violations = check_outcome(claim.problem, claim.before) or check_overridden(
        claim.problem, claim.before, claim.override, outcome
    )
    if violations:
        raise BrokenOutcome(claim.round_key, violations)


def _keep(session: Session, claim: _Claim, outcome: Outcome, change: Change) -> None:
    """Keep what was solved for whoever approves it, if it is still asked for."""
    run = session.get_one(RunRow, claim.run_id)
    proposed = session.get_one(OverrideRow, claim.override_id)
    row = session.get_one(RoundRow, proposed.round_id)
    if run.state != RunState.SOLVING or row.fence != claim.lease.fence:
        raise Refused(f"The override of round {row.key} was decided or taken over meanwhile.")
    keep_check(session, run, outcome, change)
    keep_outcome(session, run, outcome)
    release_lease(session, claim.lease)
    tell_override_solved(session, row, proposed.id, proposed.proposed_by, change.at)


def _fail(session: Session, claim: _Claim, why: str, change: Change) -> None:
    run = session.get_one(RunRow, claim.run_id)
    if run.state in {RunState.SOLVING, RunState.CHECKED}:
        move_run(session, run, RunState.FAILED, change, failure=why, finished_at=change.at)
    release_lease(session, claim.lease)
