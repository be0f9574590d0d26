"""The proof in a receipt of submission, once bidding ended: from the entry to a checkpoint.

inclusions.py checks what is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import literal, select
from sqlmodel import Session, col

from allocation.wire import Document
from broker.proofs.checkpoints import read_checkpoint
from broker.proofs.leaves import leaf_content
from broker.proofs.logs import log_inclusion, log_size, logged_event
from broker.proofs.sealed import SealedEntry, find_entries, sealing_event
from broker.proofs.tables import AuditCheckpointRow
from broker.proofs.trees import inclusion_path, subtrees_of


class Place(Protocol):
    """A round, by its id and its key."""

    @property
    def id(self) -> str:
        """Its opaque id."""

    @property
    def key(self) -> str:
        """Its key."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """Where a version of a bid stands in the sealed log of its round, counted from 0."""

    place: int
    entries: Sequence[SealedEntry]
    sequence: int
    """The event that ended the bidding and entered the root."""

    @property
    def number(self) -> int:
        """The place as people count."""
        return self.place + 1


def enclosed(session: Session, where: Place, bid_id: str, version: int) -> Enclosed | None:
    """Find a version in the sealed log; None before the close, or for what was never submitted."""
    found = find_entries(session, where.id, sealing_event(literal(f"round:{where.key}")))
    if found.sequence is None:
        return None
    wanted = (bid_id, version)
    for place, entry in enumerate(found.entries):
        if (entry.bid_id, entry.version) == wanted:
            return Enclosed(place, found.entries, found.sequence)
    return None


def inclusion_document(session: Session, found: Enclosed) -> Document:
    """Return what proves that an entry was there when the bidding ended. Source: docs/audit.md."""
    kept = select(AuditCheckpointRow).where(col(AuditCheckpointRow.size) >= found.sequence)
    row = session.scalars(kept.order_by(col(AuditCheckpointRow.size)).limit(1)).first()
    size = read_checkpoint(row.line).size if row else log_size(session)
    leaves = [entry.leaf for entry in found.entries]
    path = inclusion_path(subtrees_of(leaves), found.place, len(leaves))
    return {
        "entry": found.entries[found.place].content.decode(),
        "entry_proof": _proof(found.place, len(leaves), path),
        "event": leaf_content(logged_event(session, found.sequence)).decode(),
        "event_proof": _proof(
            found.sequence - 1, size, log_inclusion(session, found.sequence, size)
        ),
        "checkpoint": row.line if row else None,
    }


def _proof(place: int, size: int, path: Sequence[bytes]) -> Document:
    return {"place": place, "size": size, "path": [step.hex() for step in path]}
