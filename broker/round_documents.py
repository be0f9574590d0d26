"""Rounds and their runs as documents for programs: what `broker round` prints.

Nothing in here speaks of bids, so it tells as little before the close as after it. The screens
have read models of their own.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.wire import Document
from broker.nonces import told_nonce
from broker.policy.tables import RoundPolicyRow
from broker.rounds import find_round
from broker.tables import RoundRow, RunRow, SnapshotRow

__all__ = ["Document", "list_rounds", "show_round"]


def list_rounds(session: Session) -> list[Document]:
    """Return every round, the latest sprint first."""
    rows = select(RoundRow).order_by(col(RoundRow.starts_on).desc(), col(RoundRow.key))
    return [_round(row) for row in session.scalars(rows)]


def show_round(session: Session, key: str) -> Document:
    """Return a round with its runs, the earliest first. Raises: NotFound."""
    row = find_round(session, key)
    snapshot = session.get(SnapshotRow, row.id)
    frozen = session.get(RoundPolicyRow, row.id)
    runs = select(RunRow).where(col(RunRow.round_id) == row.id).order_by(col(RunRow.fence))
    return _round(row) | {
        "problem_sha256": snapshot.problem_sha256 if snapshot else None,
        "snapshot_sha256": snapshot.document_sha256 if snapshot else None,
        "policy_version": frozen.policy_version if frozen else None,
        "scores_sha256": frozen.scores_sha256 if frozen else None,
        "runs": [_run(run) for run in session.scalars(runs)],
    }


def _round(row: RoundRow) -> Document:
    told = told_nonce(row.state, row.nonce)
    return {
        "round_key": row.key,
        "name": row.name,
        "state": row.state,
        "starts_on": row.starts_on.isoformat(),
        "ends_on": (row.starts_on + dt.timedelta(days=row.days - 1)).isoformat(),
        "days": row.days,
        "opens_at": _instant(row.opens_at),
        "closes_at": _instant(row.closes_at),
        "closed_at": _instant(row.closed_at),
        "published_at": _instant(row.published_at),
        "nonce_sha256": told.sha256,
        "nonce": told.nonce,
    }


def _run(run: RunRow) -> Document:
    return {
        "run_id": run.id,
        "state": run.state,
        "purpose": run.purpose,
        "revision": run.revision,
        "problem_sha256": run.problem_sha256,
        "outcome_sha256": run.outcome_sha256,
        "started_at": _instant(run.started_at),
        "finished_at": _instant(run.finished_at),
        "failure": run.failure,
    }


def _instant(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None
