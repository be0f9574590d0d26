"""The log as a tree: its size, its root at any size, and proofs, read in O(log n)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.proofs.leaves import LoggedEvent
from broker.proofs.sealing import split_hashes
from broker.proofs.tables import AuditLeafRow
from broker.proofs.trees import Subtrees, consistency_path, inclusion_path, root_at
from broker.tables import AuditEventRow

T = TypeVar("T")


def log_size(session: Session) -> int:
    """Return how many events the log has."""
    return session.scalar(select(func.max(col(AuditLeafRow.sequence)))) or 0


def log_root(session: Session, size: int) -> bytes:
    """Return the root of the first events. Raises: KeyError if there are not that many."""
    return _asking(session, lambda subtrees: root_at(subtrees, size))


def log_inclusion(session: Session, sequence: int, size: int) -> list[bytes]:
    """Return the proof that an event is among the first. Raises: IndexError, KeyError."""
    return _asking(session, lambda subtrees: inclusion_path(subtrees, sequence - 1, size))


def log_consistency(session: Session, old_size: int, size: int) -> list[bytes]:
    """Return the proof that the log only grew. Raises: IndexError, KeyError."""
    return _asking(session, lambda subtrees: consistency_path(subtrees, old_size, size))


def logged_event(session: Session, sequence: int) -> LoggedEvent:
    """Return an event as it is hashed. Raises: KeyError if there is none."""
    row = session.get(AuditEventRow, sequence)
    leaf = session.get(AuditLeafRow, sequence)
    if row is None or leaf is None:
        raise KeyError(sequence)
    said = row.happened_at, row.actor, row.kind, row.subject, row.facts
    return LoggedEvent(sequence, *said, leaf.changes)


def _asking(session: Session, ask: Callable[[Subtrees], T]) -> T:
    """Ask twice: first for which subtrees, which are then read at once, then for the answer."""
    ends: set[int] = set()

    def note(begin: int, level: int) -> bytes:
        ends.add(begin + (1 << level))
        return bytes(32)

    ask(note)
    columns = (col(AuditLeafRow.sequence), col(AuditLeafRow.hashes))
    kept = session.execute(select(*columns).where(columns[0].in_(ends)))
    hashes = {sequence: split_hashes(text) for sequence, text in kept}
    return ask(lambda begin, level: hashes[begin + (1 << level)][level])
