"""Events of the audit log with proofs that they lie under a signed checkpoint.

The checkpoint is the first one that covers them, so that the same events have the same proof for
ever. Source: docs/audit.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.wire import Document
from broker.errors import Refused
from broker.proofs.leaves import leaf_content
from broker.proofs.logs import log_inclusion, logged_event
from broker.proofs.tables import AuditCheckpointRow


def prove_events(session: Session, sequences: Sequence[int]) -> Document:
    """Return a checkpoint and events, each with the proof that it is in the log that was signed.

    Raises: Refused while no checkpoint covers them.
    """
    checkpoint = _first_over(session, max(sequences))
    return {
        "checkpoint": json.loads(checkpoint.line),
        "events": [_proven(session, sequence, checkpoint.size) for sequence in sequences],
    }


def _first_over(session: Session, sequence: int) -> AuditCheckpointRow:
    covering = select(AuditCheckpointRow).where(col(AuditCheckpointRow.size) >= sequence)
    found = session.scalars(covering.order_by(col(AuditCheckpointRow.size)).limit(1)).first()
    if found is None:
        raise Refused(
            f"No signed checkpoint covers event {sequence} of the audit log yet.",
            hint="`broker checkpoint` signs the log as it stands.",
        )
    return found


def _proven(session: Session, sequence: int, size: int) -> Document:
    event = json.loads(leaf_content(logged_event(session, sequence)))
    path = log_inclusion(session, sequence, size)
    return {"event": event, "path": [step.hex() for step in path]}
