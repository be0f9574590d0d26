"""Replays: past rounds under another policy, asked for once, solved outside of any request.

What is asked for stands in the database; whoever works takes one replay after another, solves it as
`broker run` would and keeps the comparison. A worker that stops leaves its replay to the next one.
The problem comes from refreezing.py, what is compared stands in comparing.py.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import and_, or_, select, update
from sqlmodel import Session, col

from allocation.errors import AllocationError
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Pricing
from allocation.problem import Problem
from allocation.wire import canonical_json, problem_sha256, report_from_document
from broker.access import Action, Actor, require
from broker.audit import ActorId, Change, record
from broker.clock import Clock, time_of
from broker.db import Database, transact
from broker.errors import Refused
from broker.policy.comparing import (
    Comparison,
    Decided,
    changed_winners,
    comparison_document,
    figures,
    price_pairs,
    value_by,
    value_pairs,
)
from broker.policy.documents import Policy, policy_sha256, policy_text
from broker.policy.refreezing import problem_under
from broker.policy.tables import PolicyReplayRow
from broker.run_outcomes import decided_by, published_decision
from broker.runs import Solve, published_run
from broker.spot.tables import is_of_a_sprint
from broker.states import RoundState
from broker.tables import BidRow, RoundRow, RunRow, TeamRow

ROUNDS = 6
"""How many past rounds a policy is replayed on."""
WAITING, SOLVING, DONE, FAILED = "waiting", "solving", "done", "failed"
BUDGET_SECONDS = 105.0
"""How long the replays of a policy may be solved together; what one leaves, others get.

A round that is proven in its part of it is what `broker run` publishes; another one says that it is
not proven.
"""
LEAST_SECONDS = 5.0
LONGEST = dt.timedelta(minutes=5)
"""After this time whoever solves a replay is taken to have stopped."""
REPLAYER = ActorId("replays")


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a replay needs while it is solved, without the database."""

    replay_id: str
    round_key: str
    began: dt.datetime
    problem: Problem
    options: Options
    run_id: str
    real: Decided
    credits_by_team: dict[str, int]


def ask_replays(
    session: Session, actor: Actor, policy: Policy, at: dt.datetime, rounds: int = ROUNDS
) -> str:
    """Have a policy replayed on the newest published rounds, and return the policy's hash.

    What is replayed already stays; what failed is tried again.

    Raises: NotAllowed; Refused if no round is published yet.
    """
    require(actor, Action.REPLAY_POLICY)
    past = _past_rounds(session, rounds)
    if not past:
        raise Refused("No round is published yet, so there is nothing to replay a policy on.")
    sha256 = policy_sha256(policy)
    known = {one.round_id: one for one in replays_of(session, sha256)}
    for row in past:
        _ask(session, known.get(row.id), row, policy, Change(actor.id, at))
    session.flush()
    return sha256


def replays_of(session: Session, sha256: str) -> tuple[PolicyReplayRow, ...]:
    """Return the replays of a policy, by its hash."""
    asked = select(PolicyReplayRow).where(col(PolicyReplayRow.policy_sha256) == sha256)
    return tuple(session.scalars(asked))


def replay_next(db: Database, clock: Clock, solve: Solve, sha256: str | None = None) -> bool:
    """Solve one replay that waits, of a policy or of any; False if none does.

    Raises: NoOutcome or BrokenOutcome, after which the replay has failed.
    """
    claim = transact(db, lambda session: _claim(session, sha256, time_of(session, clock)))
    if claim is None:
        return False
    try:
        outcome = solve(claim.problem, claim.options, _telling(db, claim))
    except AllocationError as error:
        why = str(error)
        transact(db, lambda session: _fail(session, claim, why, time_of(session, clock)))
        raise
    comparison = _compared(claim, outcome)
    transact(db, lambda session: _keep(session, claim, comparison, time_of(session, clock)))
    return True


def _past_rounds(session: Session, most: int) -> tuple[RoundRow, ...]:
    published = (
        select(RoundRow)
        .where(
            col(RoundRow.state).in_([RoundState.PUBLISHED, RoundState.FINISHED]), is_of_a_sprint()
        )
        .order_by(col(RoundRow.starts_on).desc(), col(RoundRow.key))
        .limit(most)
    )
    return tuple(session.scalars(published))


def _ask(
    session: Session,
    known: PolicyReplayRow | None,
    row: RoundRow,
    policy: Policy,
    change: Change,
) -> None:
    if known is None:
        known = _replay(row, policy, change)
        session.add(known)
    elif known.state == FAILED:
        known.state, known.stage, known.failure = WAITING, "", None
        known.started_at = known.finished_at = None
    else:
        return
    session.flush()
    _record(session, known, "asked", row.key, change)


def _replay(row: RoundRow, policy: Policy, change: Change) -> PolicyReplayRow:
    return PolicyReplayRow(
        id=str(uuid4()),
        policy_sha256=policy_sha256(policy),
        document=policy_text(policy),
        round_id=row.id,
        state=WAITING,
        asked_by=change.actor,
        asked_at=change.at,
    )


def _claim(session: Session, sha256: str | None, at: dt.datetime) -> _Claim | None:
    """Take the replay that waits longest. Two workers never take the same one."""
    replay = session.scalars(_open(sha256, at)).first()
    if replay is None:
        return None
    replay.state, replay.started_at, replay.stage = SOLVING, at, ""
    session.flush()
    row = session.get_one(RoundRow, replay.round_id)
    run = published_run(session, row)
    if run is None or run.report is None:
        raise Refused(f"Round {row.key} has no published result to compare with.")
    policy = Policy.model_validate_json(replay.document)
    problem = problem_under(session, row, policy)
    return _Claim(
        replay.id,
        row.key,
        at,
        problem,
        Options(_seconds_for(session, replay), pricing=_pricing(row, run, policy)),
        run.id,
        published_decision(session, run),
        _credits_by_team(session, row, problem),
    )


def _open(sha256: str | None, at: dt.datetime) -> Any:
    """Select what waits, or waits again because its worker stopped, in the order of asking."""
    replay = PolicyReplayRow
    left = and_(col(replay.state) == SOLVING, col(replay.started_at) < at - LONGEST)
    waiting = select(replay).where(or_(col(replay.state) == WAITING, left))
    if sha256 is not None:
        waiting = waiting.where(col(replay.policy_sha256) == sha256)
    ordered = waiting.order_by(col(replay.asked_at), col(replay.id)).limit(1)
    return ordered.with_for_update(skip_locked=True)


def _seconds_for(session: Session, replay: PolicyReplayRow) -> float:
    """Return how long a replay may be solved: its part of what the earlier ones left."""
    others = [one for one in replays_of(session, replay.policy_sha256) if one.id != replay.id]
    left = 1 + sum(one.state in {WAITING, SOLVING} for one in others)
    used = sum(_seconds_of(one) for one in others)
    return max(LEAST_SECONDS, (BUDGET_SECONDS - used) / left)


def _seconds_of(replay: PolicyReplayRow) -> float:
    if replay.started_at is None or replay.finished_at is None:
        return 0.0
    return (replay.finished_at - replay.started_at).total_seconds()


def _pricing(row: RoundRow, run: RunRow, policy: Policy) -> Pricing:
    """Return how payments follow; a round from files keeps the rule of its run."""
    if row.imported_sha256 is None:
        return policy.pricing_rule
    return report_from_document(json.loads(run.report or "{}")).pricing


def _credits_by_team(session: Session, row: RoundRow, problem: Problem) -> dict[str, int]:
    """Return the credits of every team that bid, barred ones included."""
    bidders = (
        select(col(TeamRow.key))
        .join(BidRow, col(BidRow.team_id) == col(TeamRow.id))
        .where(col(BidRow.round_id) == row.id)
        .distinct()
    )
    own = {str(team.key): team.credits for team in problem.teams}
    return {key: own[key] for key in session.scalars(bidders)}


def _telling(db: Database, claim: _Claim) -> Callable[[Progress], None]:
    """Return a reporter that keeps the stage, so that the page can show it."""

    def tell(progress: Progress) -> None:
        at_work = _at_work(claim)
        transact(db, lambda session: session.execute(at_work.values(stage=progress.stage)))

    return tell


def _at_work(claim: _Claim) -> Any:
    """Name the claimed replay, as long as nobody else took it over."""
    replay = PolicyReplayRow
    return update(replay).where(
        col(replay.id) == claim.replay_id,
        col(replay.state) == SOLVING,
        col(replay.started_at) == claim.began,
    )


def _compared(claim: _Claim, outcome: Outcome) -> Comparison:
    real, credits_ = claim.real, claim.credits_by_team
    replayed = decided_by(outcome, {bid.key: str(bid.team_key) for bid in claim.problem.bids})
    return Comparison(
        run_id=claim.run_id,
        problem_sha256=problem_sha256(claim.problem),
        status=outcome.report.status,
        real=figures(real, credits_),
        replayed=figures(replayed, credits_),
        real_value_by_policy=value_by(claim.problem, real.awards),
        bids=len(claim.problem.bids),
        winners=tuple(changed_winners(real, replayed)),
        prices=tuple(price_pairs(real, replayed)),
        teams=tuple(value_pairs(real, replayed, credits_)),
    )


def _keep(session: Session, claim: _Claim, comparison: Comparison, at: dt.datetime) -> None:
    result = canonical_json(comparison_document(comparison)).decode()
    sha256 = comparison.replayed.outcome_sha256
    _end(session, claim, DONE, at, {"result": result}, outcome_sha256=sha256)


def _fail(session: Session, claim: _Claim, why: str, at: dt.datetime) -> None:
    _end(session, claim, FAILED, at, {"failure": why})


def _end(
    session: Session,
    claim: _Claim,
    state: str,
    at: dt.datetime,
    values: dict[str, str],
    **facts: str,
) -> None:
    """Write how a replay ended, unless somebody else took it over."""
    ending = _at_work(claim).values(state=state, finished_at=at, **values)
    if session.scalars(ending.returning(col(PolicyReplayRow.id))).first():
        replay = session.get_one(PolicyReplayRow, claim.replay_id, populate_existing=True)
        _record(session, replay, state, claim.round_key, Change(REPLAYER, at), **facts)


def _record(
    session: Session,
    replay: PolicyReplayRow,
    what: str,
    round_key: str,
    change: Change,
    **facts: str,
) -> None:
    record(
        session,
        change,
        f"policy.replay-{what}",
        f"policy-replay:{replay.id}",
        policy_sha256=replay.policy_sha256,
        round_key=round_key,
        **facts,
    )
