"""Run bundles: all that proves a published round, in one archive that needs nobody's trust.

A bundle holds the problem, the policy, the outcome with its certificate and report, the build, the
events of the audit log that tell of them, each with a proof that it lies under a signed checkpoint,
and a program that checks all of it. Equal content is equal bytes: the checkpoint is the first one
that covers the publication. An override's result is proven beside the outcome that it overrides.
Nobody's name is in it: keys and opaque ids only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import Session, col

from allocation.wire import (
    Document,
    canonical_json,
    outcome_document,
    round_document,
    sha256_of,
)
from broker import exports
from broker.access import Actor
from broker.counterfactuals.answers import Decided, decided_run
from broker.dashboards.briefs import find_decided
from broker.dashboards.disclosures import require_names
from broker.errors import NotFound
from broker.exports.archives import pack
from broker.exports.proofs import prove_events
from broker.overrides.tables import OverrideRow
from broker.policy.documents import policy_document
from broker.policy.frozen import frozen_scores
from broker.policy.versions import policy_of_round
from broker.rounds import find_round
from broker.runs import published_run
from broker.tables import AuditEventRow, RoundRow, RunRow, SnapshotRow

VERIFIER = "verify_bundle.py"
AMENDED, BEGAN = "round.capacity-amended", "run.solving"
CHECKED, OUT = "run.checked", "run.published"
OF_THE_ROUND = ("round.open", "round.closed", AMENDED)
OF_THE_RUN = (BEGAN, CHECKED, "ledger.settlement", OUT)
OF_AN_OVERRIDE = ("override.proposed", "override.approved")
"""The kinds of the events that a bundle holds."""


@dataclass(frozen=True, slots=True)
class _Before:
    """What people overrode: by which override, which revision, and its outcome."""

    override_id: str
    revision: int
    decided: Decided


def run_bundle(session: Session, round_key: str, revision: int | None = None) -> bytes:
    """Return the bundle of a published round: of the revision in force, or of an earlier one.

    Raises: NotFound before the result is out, and where there is no such revision; Refused while no
    signed checkpoint covers it, and if the round asks something else now than when it was decided.
    """
    find_decided(session, round_key)
    row = find_round(session, round_key)
    run = _revision(session, row, revision)
    decided, before = decided_run(session, row, run), _before(session, row, run)
    asked = _what_was_asked(session, row, decided)
    documents = {
        **asked,
        **_what_was_decided(decided),
        **_what_was_before(before),
        "policy": _policy(session, row),
        **_audit(session, row, decided, before, is_amended="snapshot" in asked),
    }
    files = {f"{name}.json": canonical_json(document) for name, document in documents.items()}
    files[VERIFIER] = verifier_source()
    return pack(files, kind="run-bundle", round_key=row.key, run_id=decided.run_id)


def public_bundle(
    session: Session, actor: Actor, round_key: str, revision: int | None = None
) -> bytes:
    """Return a bundle to somebody who asks for it. It names teams by their keys.

    Raises: as run_bundle; NotAllowed where the round shows no team names.
    """
    require_names(session, actor, find_decided(session, round_key).id)
    return run_bundle(session, round_key, revision)


def verifier_source() -> bytes:
    """Return the program that every bundle carries."""
    return Path(exports.__path__[0], VERIFIER).read_bytes()


def _revision(session: Session, row: RoundRow, revision: int | None) -> RunRow:
    found = published_run(session, row, revision)
    if found is None:
        raise NotFound(f"Round {row.key} has no published revision {revision}.", key=row.key)
    return found


def _before(session: Session, row: RoundRow, run: RunRow) -> _Before | None:
    """Return what a run overrides; None for what the market decided."""
    made = select(OverrideRow).where(col(OverrideRow.run_id) == run.id)
    override = session.scalars(made).first()
    if override is None:
        return None
    earlier = session.get_one(RunRow, override.before_run_id)
    return _Before(override.id, earlier.revision, decided_run(session, row, earlier))


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


def _what_was_before(before: _Before | None) -> dict[str, Document]:
    """Return the outcome that was overridden, with its report; the certificate is the same."""
    if before is None:
        return {}
    said = _what_was_decided(before.decided)
    return {
        "before": {
            "override": before.override_id,
            "run_id": before.decided.run_id,
            "revision": before.revision,
            "outcome": said["outcome"],
            "report": said["report"],
        }
    }


def _policy(session: Session, row: RoundRow) -> Document:
    in_force = policy_of_round(session, row)
    return {
        "version": in_force.version if in_force else None,
        "document": policy_document(in_force.policy) if in_force else None,
        "scores": frozen_scores(session, row),
    }


def _audit(
    session: Session,
    row: RoundRow,
    decided: Decided,
    before: _Before | None,
    *,
    is_amended: bool,
) -> dict[str, Document]:
    """Return the build that the run named, and the events that tell of the result, proven."""
    events = tuple(_story(session, row, decided, before, is_amended=is_amended))
    began = next(event for event in events if event.kind == BEGAN)
    solver = dict(decided.outcome.report.solver)
    return {
        "build": {"build": json.loads(began.facts).get("build"), "solver": solver},
        "audit": prove_events(session, [event.sequence for event in events]),
    }


def _story(
    session: Session,
    row: RoundRow,
    decided: Decided,
    before: _Before | None,
    *,
    is_amended: bool,
) -> Iterator[AuditEventRow]:
    """Yield the events of the close, the run and the publication, in the order of the log.

    Capacity that was amended after the close is told by its last amendment before the run.
    """
    told = select(AuditEventRow).where(or_(*_tellers(row, decided, before)))
    events = session.scalars(told.order_by(col(AuditEventRow.sequence))).all()
    began_at = next(event.sequence for event in events if event.kind == BEGAN)
    amended = [e.sequence for e in events if e.kind == AMENDED and e.sequence < began_at]
    kept = amended[-1:] if is_amended else []
    for event in events:
        if event.kind != AMENDED or event.sequence in kept:
            yield event


def _tellers(
    row: RoundRow, decided: Decided, before: _Before | None
) -> Iterator[ColumnElement[bool]]:
    """Yield which events tell of a result: by their kinds and what they are about."""

    def about(kinds: Iterable[str], *subjects: str) -> ColumnElement[bool]:
        return and_(col(AuditEventRow.subject).in_(subjects), col(AuditEventRow.kind).in_([*kinds]))

    run = (f"run:{decided.run_id}", f"journal:settlement/{decided.run_id}")
    yield about(OF_THE_RUN, *run)
    if before is None:
        yield about([*OF_THE_ROUND, "round.published"], f"round:{row.key}")
    else:
        yield about(OF_THE_ROUND, f"round:{row.key}")
        yield about([CHECKED, OUT], f"run:{before.decided.run_id}")
        yield about(OF_AN_OVERRIDE, f"override:{before.override_id}")
