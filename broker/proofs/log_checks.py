"""Whether the log is whole: no gap, every leaf, the tree, the chain, and every checkpoint.

One walk through the events in their order. Every hash is compared with the ones that are stored
beside it, so that a change is found where it is; what was hashed anew from some event on is found
by the checkpoints, which nobody can sign without the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Text, func, select, type_coerce
from sqlmodel import Session, col

from broker.errors import InvalidCheckpoint
from broker.proofs.checkpoints import Checkpoint, read_checkpoint
from broker.proofs.findings import FORK, LOG, ROLLBACK, Finding
from broker.proofs.leaves import LoggedEvent, leaf_of
from broker.proofs.sealing import split_hashes
from broker.proofs.standing import Vouched, take_in
from broker.proofs.tables import AuditCheckpointRow, AuditLeafRow, TouchedRow
from broker.proofs.trees import FIRST_LINK, link_hash, node_hash
from broker.tables import AuditEventRow

SeeEvent = Callable[[LoggedEvent], None]


@dataclass
class Walk:
    """What a walk through the log comes to: its size, roots, what it vouches for, what is wrong."""

    size: int = 0
    head: bytes = FIRST_LINK
    peaks: list[tuple[int, bytes]] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    said: Vouched = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def find(self, sequence: int, sentence: str) -> None:
        """Note what is wrong with an event."""
        self.findings.append(Finding(LOG, f"Event {sequence} {sentence}.", sequence))


def walk_log(session: Session, sizes: Iterable[int], see: Iterable[SeeEvent] = ()) -> Walk:
    """Check every event and its leaf; return the roots at some sizes, and what rows should be."""
    walk, wanted, seers = Walk(), frozenset(sizes), tuple(see)
    for row in session.execute(_events_and_leaves()):
        event = LoggedEvent(*row[:7])
        _step(walk, event, row)
        for seer in seers:
            seer(event)
        if event.sequence in wanted:
            walk.roots[event.sequence] = _root(walk.peaks)
    _look_past_the_end(session, walk)
    return walk


def _events_and_leaves() -> Any:
    event, leaf = AuditEventRow, AuditLeafRow
    return (
        select(
            col(event.sequence),
            type_coerce(col(event.happened_at), Text()),
            col(event.actor),
            col(event.kind),
            col(event.subject),
            col(event.facts),
            col(leaf.changes),
            col(leaf.hashes),
            col(leaf.head),
        )
        .outerjoin(leaf, col(leaf.sequence) == col(event.sequence))
        .order_by(col(event.sequence))
        .execution_options(yield_per=2000)
    )


def _step(walk: Walk, event: LoggedEvent, row: Row[Any]) -> None:
    if event.sequence != walk.size + 1:
        walk.find(walk.size + 1, f"is missing; the next one is {event.sequence}")
    walk.size = event.sequence
    if row.hashes is None:
        walk.find(event.sequence, "has no leaf; it was written past the log")
        return
    try:
        hashes, head = split_hashes(row.hashes), bytes.fromhex(row.head)
    except ValueError:
        walk.find(event.sequence, "has a leaf that holds no hashes")
        return
    if leaf_of(event) != hashes[0]:
        walk.find(event.sequence, "is not what its leaf was made of")
    if link_hash(walk.head, hashes[0]) != head:
        walk.find(event.sequence, "is not chained to the one before")
    walk.head = head
    _grow(walk, event.sequence, hashes)
    if event.changes is not None:
        try:
            take_in(walk.said, event.sequence, event.changes)
        except ValueError:
            walk.find(event.sequence, "lists its changes in a way that nobody can read")


def _grow(walk: Walk, size: int, hashes: list[bytes]) -> None:
    """Compare the subtrees that end with an event with those that they are made of."""
    peaks = walk.peaks
    for level, root in enumerate(hashes[:-1]):
        if not peaks or peaks[-1][0] != level or node_hash(peaks[-1][1], root) != hashes[level + 1]:
            walk.find(size, "does not fit into the tree")
            break
        peaks.pop()
    else:
        if size % (1 << len(hashes)) == 0:
            walk.find(size, "lacks subtrees that end with it")
    peaks.append((len(hashes) - 1, hashes[-1]))


def _root(peaks: list[tuple[int, bytes]]) -> bytes:
    root = peaks[-1][1] if peaks else b""
    for _, peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def _look_past_the_end(session: Session, walk: Walk) -> None:
    last = session.scalar(select(func.max(col(AuditLeafRow.sequence)))) or 0
    if last > walk.size:
        walk.find(walk.size + 1, f"is missing, and so is every one up to {last}: leaves are left")
    for table in session.scalars(select(col(TouchedRow.table_name)).distinct()):
        sentence = f"Rows of {table} were changed by a transaction that wrote no event."
        walk.findings.append(Finding("row", sentence, walk.size + 1))


# --- checkpoints -----------------------------------------------------------------------------


def kept_checkpoints(session: Session) -> Mapping[int, str]:
    """Return the checkpoints that are kept beside the log, as they are stored, by their size."""
    columns = (col(AuditCheckpointRow.size), col(AuditCheckpointRow.line))
    return dict(session.execute(select(*columns).order_by(columns[0])).all())


def check_checkpoints(walk: Walk, kept: Mapping[int, str], key: str) -> Iterator[Finding]:
    """Compare the log with the checkpoints beside it, which this installation's key signed."""
    good = 0
    for size, line in sorted(kept.items()):
        problem = _problem(walk, size, line, key)
        if problem:
            yield Finding("checkpoint", f"The checkpoint of {size} events {problem}.", good + 1)
        else:
            good = size


def _problem(walk: Walk, size: int, line: str, key: str) -> str:
    try:
        checkpoint = read_checkpoint(line)
    except InvalidCheckpoint:
        return "is none"
    if checkpoint.size != size or checkpoint.key != key or not checkpoint.is_signed():
        return "was not signed with the key of this installation"
    if size > walk.size:
        return f"is of a longer log: this one has {walk.size}"
    return "" if walk.roots.get(size, b"").hex() == checkpoint.root else "has another root"


def last_good_size(walk: Walk, kept: Mapping[int, str], key: str, below: int) -> int:
    """Return up to which event checkpoints vouch for the log, below a size."""
    good = (size for size, line in kept.items() if not _problem(walk, size, line, key))
    return max((size for size in good if size < below), default=0)


def check_kept_elsewhere(
    walk: Walk, elsewhere: Iterable[Checkpoint], kept: Mapping[int, str], key: str
) -> Iterator[Finding]:
    """Compare the log with checkpoints that were kept where nobody could change them."""
    lines = {**kept, **{one.size: one.line for one in elsewhere}}
    for one in sorted(elsewhere, key=lambda one: one.size):
        if one.size > walk.size:
            sentence = f"The log has {walk.size} events, and had {one.size} at {one.taken_at}: "
            yield Finding(ROLLBACK, f"{sentence}this is a rollback.", walk.size + 1)
        elif walk.roots.get(one.size, b"").hex() != one.root:
            good = last_good_size(walk, lines, key, one.size)
            sentence = f"The first {one.size} events are not those of {one.taken_at}: "
            where = f"this is a fork, from an event between {good + 1} and {one.size} on."
            yield Finding(FORK, f"{sentence}{where}", good + 1)
