"""Run bundles: all that proves a published round, in one archive that needs nobody's trust.

A bundle holds the problem, the policy, the outcome with its certificate and report, the build, the
events of the audit log that tell of them, each with a proof that it lies under a signed checkpoint,
and a program that checks all of it. Equal content is equal bytes: the checkpoint is the first one
that covers the publication. Nobody's name is in it: keys and opaque ids only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.wire import (
    Document,
    canonical_json,
    outcome_document,
    round_document,
    sha256_of,
)
from broker import exports
from broker.counterfactuals.answers import Decided, decided_round
from broker.dashboards.briefs import find_decided
from broker.exports.archives import pack
from broker.exports.proofs import prove_events
from broker.policy.documents import policy_document
from broker.policy.frozen import frozen_scores
from broker.policy.versions import policy_of_round
from broker.rounds import find_round
from broker.tables import AuditEventRow, RoundRow, SnapshotRow

VERIFIER = "verify_bundle.py"
AMENDED, BEGAN = "round.capacity-amended", "run.solving"
STORY = (
    *("round.closed", AMENDED, BEGAN, "run.checked", "round.published"),
    *("ledger.settlement", "run.published"),
)
"""The kinds of the events that a bundle holds."""


def run_bundle(session: Session, round_key: str) -> bytes:
    """Return the bundle of a published round, as the market decided it before any override.

    Raises: NotFound before the result is out; Refused while no signed checkpoint covers it, and if
    the round asks something else now than when it was decided.
    """
    find_decided(session, round_key)
    row = find_round(session, round_key)
    decided = decided_round(session, round_key)
    asked = _what_was_asked(session, row, decided)
    documents = {
        **asked,
        **_what_was_decided(decided),
        "policy": _policy(session, row),
        **_audit(session, row, decided, is_amended="snapshot" in asked),
    }
    files = {f"{name}.json": canonical_json(document) for name, document in documents.items()}
    files[VERIFIER] = verifier_source()
    return pack(files, kind="run-bundle", round_key=row.key, run_id=decided.run_id)


def verifier_source() -> bytes:
    """Return the program that every bundle carries."""
    return Path(exports.__path__[0], VERIFIER).read_bytes()


def _what_was_asked(session: Session, row: RoundRow, decided: Decided) -> dict[str, Document]:
    """Return the problem, and the snapshot of the close where capacity was amended since."""
    problem = round_document(decided.problem)
    snapshot = session.get_one(SnapshotRow, row.id)
    if sha256_of(problem) == snapshot.document_sha256:
        return {"problem": problem}
    return {"problem": problem, "snapshot": json.loads(snapshot.document)}


def _what_was_decided(decided: Decided) -> dict[str, Document]:
    outcome = outcome_document(decided.outcome)
    certificate, report = outcome.pop("certificate"), outcome.pop("report")
    return {"outcome": outcome, "certificate": certificate, "report": report}


def _policy(session: Session, row: RoundRow) -> Document:
    in_force = policy_of_round(session, row)
    return {
        "version": in_force.version if in_force else None,
        "document": policy_document(in_force.policy) if in_force else None,
        "scores": frozen_scores(session, row),
    }


def _audit(
    session: Session, row: RoundRow, decided: Decided, *, is_amended: bool
) -> dict[str, Document]:
    """Return the build that the run named, and the events that tell of the result, proven."""
    events = tuple(_story(session, row, decided, is_amended=is_amended))
    said = {event.kind: json.loads(event.facts) for event in events}
    solver = dict(decided.outcome.report.solver)
    return {
        "build": {"build": said["run.solving"].get("build"), "solver": solver},
        "audit": prove_events(session, [event.sequence for event in events]),
    }


def _story(
    session: Session, row: RoundRow, decided: Decided, *, is_amended: bool
) -> Iterator[AuditEventRow]:
    """Yield the events of the close, the run and the publication, in the order of the log.

    Capacity that was amended after the close is told by its last amendment before the run.
    """
    subjects = (f"round:{row.key}", f"run:{decided.run_id}", f"journal:settlement/{decided.run_id}")
    told = select(AuditEventRow).where(
        col(AuditEventRow.subject).in_(subjects), col(AuditEventRow.kind).in_(STORY)
    )
    events = session.scalars(told.order_by(col(AuditEventRow.sequence))).all()
    began_at = next(event.sequence for event in events if event.kind == BEGAN)
    amended = [e.sequence for e in events if e.kind == AMENDED and e.sequence < began_at]
    kept = amended[-1:] if is_amended else []
    for event in events:
        if event.kind != AMENDED or event.sequence in kept:
            yield event
