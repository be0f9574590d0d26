"""Whether the market is what its rules say: the invariants of the ledger, of rounds and of runs.

Each check reads stored state and changes nothing. What somebody rewrote so that nobody can read it
any more is a finding too.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import func, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlmodel import Session, col

from allocation.errors import AllocationError, Violation
from allocation.judge import check_outcome, check_overridden
from allocation.outcome import Outcome, Override
from allocation.wire import problem_sha256
from broker.bids.openings import check_submissions
from broker.counterfactuals.answers import Decided, decided_run
from broker.errors import BrokerError
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.ledger.tables import JournalRow, PeriodRow
from broker.nonces import nonce_sha256
from broker.policy.frozen import check_scores
from broker.proofs.findings import Finding
from broker.proofs.leaves import LoggedEvent
from broker.rounds import find_round
from broker.runs import published_runs
from broker.snapshots import frozen_problem
from broker.spot.recoveries import overheld
from broker.spot.tables import is_of_a_sprint
from broker.states import TRANSITIONS, RoundState, RunState
from broker.tables import AuditEventRow, RoundRow, RunRow, SnapshotRow

OPENED = "round.open"
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    AllocationError,
    BrokerError,
    InvalidRequestError,
)
"""What reading raises where somebody changed what is stored."""
TWO_PERSONS = {
    "journal": "approver = actor",
    "policy_version": "approver = author",
    "policy_proposal": "state = 'activated' AND decided_by = author",
    "decision_matrix": "state = 'active' AND decided_by = author",
    "deadline_change": "state = 'approved' AND decided_by = proposed_by",
    "pool_version": "basis = 'two-persons' AND state = 'in-force' AND decided_by = proposed_by",
    "role_grant": "approved_by = proposed_by OR approved_by = person_id",
    "delivery_verdict": "approver = author",
    "override": "state = 'approved' AND decided_by = proposed_by",
    "approval_request": "state IN ('approved', 'rejected') AND decided_by = asked_by",
}
"""Where one person would have been two, by table."""


@dataclass
class Lives:
    """What the log says of the states of rounds and runs, in the order of the events."""

    of: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    def see(self, event: LoggedEvent) -> None:
        """Note an event that says a state."""
        noun, _, state = event.kind.partition(".")
        if (noun == "round" and state in _ROUND_STATES) or (noun == "run" and state in _RUN_STATES):
            self.of[event.subject].append((event.sequence, state))


_ROUND_STATES = frozenset(state.value for state in RoundState)
_RUN_STATES = frozenset(state.value for state in RunState)


def check_ledger(session: Session) -> Iterator[Finding]:
    """I1, I2, I5, I9: of the ledger; I11: nothing was posted in a closed period afterwards."""
    yield from ledger_violations(read_ledger(session))
    late = (
        select(col(JournalRow.number), col(PeriodRow.key))
        .join(PeriodRow, col(PeriodRow.key) == col(JournalRow.period_key))
        .where(col(JournalRow.posted_at) > col(PeriodRow.closed_at))
    )
    for number, key in session.execute(late):
        yield Finding("I11", f"Journal {number} is in period {key}, which was closed.", number)


def check_persons(session: Session) -> Iterator[Finding]:
    """I10: nobody was both persons where two decide."""
    for table, wrong in TWO_PERSONS.items():
        asked = f"SELECT count(*) FROM {table} WHERE {wrong}"  # noqa: S608  # ours
        count = session.scalar(text(asked))
        if count:
            yield Finding("I10", f"In {count} rows of {table} one person was both.")


def check_states(session: Session, lives: Lives) -> Iterator[Finding]:
    """I7: the log tells every state of every round and run, and no other; I4: one publication."""
    rounds = session.execute(select(col(RoundRow.key), col(RoundRow.state))).all()
    runs = session.execute(select(col(RunRow.id), col(RunRow.state))).all()
    for key, state in rounds:
        yield from _check_life(f"round:{key}", state, RoundState, lives)
    for key, state in runs:
        yield from _check_life(f"run:{key}", state, RunState, lives)
    published = (
        select(col(RunRow.round_id), col(RunRow.revision))
        .where(col(RunRow.state) == RunState.PUBLISHED)
        .group_by(col(RunRow.round_id), col(RunRow.revision))
        .having(func.count() > 1)
    )
    for round_id, revision in session.execute(published):
        yield Finding("I4", f"Round {round_id} has revision {revision} published more than once.")


def _check_life(
    subject: str, state: str, kind: type[RoundState | RunState], lives: Lives
) -> Iterator[Finding]:
    told = lives.of.get(subject, [])
    for (_, before), (sequence, after) in pairwise(told):
        if kind(after) not in TRANSITIONS[kind][kind(before)]:
            yield Finding("I7", f"{subject} went from {before} to {after}.", sequence)
    if not told or told[-1][1] != state:
        where, last = told[-1] if told else (None, "nothing")
        yield Finding("I7", f"{subject} is {state}, and the log says {last} last.", where)


def check_round(session: Session, key: str) -> Iterator[Finding]:
    """I3, I5, I6 and hashes: a closed round's snapshot, scores, bids, and its published outcome."""
    row = find_round(session, key)
    snapshot = session.get(SnapshotRow, row.id)
    if snapshot is None:
        return
    if hashlib.sha256(snapshot.document.encode()).hexdigest() != snapshot.document_sha256:
        yield Finding("snapshot", f"Round {row.key}: its snapshot does not have its hash.")
    yield from _check_nonce(session, row)
    for sentence in check_scores(session, row):
        yield Finding("scores", sentence)
    for sentence in check_submissions(session, row):
        yield Finding("I6", sentence)
    if row.published_at is not None:
        yield from _check_published(session, row)
        yield from _check_held(session, row)


def _check_nonce(session: Session, row: RoundRow) -> Iterator[Finding]:
    """Compare the nonce of a round with what its opening committed to, if it did."""
    opened = select(col(AuditEventRow.facts)).where(
        col(AuditEventRow.subject) == f"round:{row.key}", col(AuditEventRow.kind) == OPENED
    )
    told = json.loads(session.scalars(opened).first() or "{}").get("nonce_sha256")
    nonce = frozen_problem(session, row).nonce
    if told is not None and (told, row.nonce) != (nonce_sha256(nonce), nonce):
        sentence = f"Round {row.key}: its nonce is not the one that its opening committed to."
        yield Finding("nonce", sentence)


def _check_published(session: Session, row: RoundRow) -> Iterator[Finding]:
    """Judge every stored revision again, against the stored snapshot, without the solver."""
    before: Outcome | None = None
    for run in published_runs(session, row):
        decided = decided_run(session, row, run)
        if problem_sha256(frozen_problem(session, row)) != run.problem_sha256:
            yield Finding("run", f"Run {run.id} is of another problem than round {row.key} froze.")
        if decided.outcome.report.outcome_sha256 != run.outcome_sha256:
            yield Finding("run", f"Run {run.id} does not have the hash of its report.")
        for violation in _judged(decided, before):
            yield Finding(violation.code, f"Round {row.key}: {violation.sentence}")
        before = decided.outcome
    if before is None:
        yield Finding("run", f"Round {row.key} is out, and no run of it is published.")


def _check_held(session: Session, row: RoundRow) -> Iterator[Finding]:
    """Compare what awards of a sprint hold together, cuts taken off, with what there is now."""
    is_sprint = select(col(RoundRow.id)).where(col(RoundRow.id) == row.id, is_of_a_sprint())
    if session.scalars(is_sprint).first() is None:
        return
    for pool_key, day in overheld(session, row):
        sentence = f"Round {row.key}: awards hold more of pool {pool_key} on {day} than there is."
        yield Finding("I3", sentence)


def _judged(decided: Decided, before: Outcome | None) -> tuple[Violation, ...]:
    """Judge an outcome: alone, or beside the one that people overrode."""
    told = decided.outcome.report.override
    if before is None:
        return check_outcome(decided.problem, decided.outcome)
    override = told.override if told is not None else Override()
    return check_overridden(decided.problem, before, override, decided.outcome)


def caught(what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Return what a check finds; what it cannot read was changed by somebody."""
    try:
        yield from check()
    except UNREADABLE as error:
        yield Finding("unreadable", f"{what} cannot be read: {error or type(error).__name__}")
