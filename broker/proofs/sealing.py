"""How a transaction is sealed before it commits: its events become leaves of the log.

The last event of a transaction vouches for all rows that the transaction changed: the text that
lists them, with a hash each, is part of its leaf. A transaction that changed an audited row and
wrote no event is refused. An append reads and writes O(log n) hashes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from sqlalchemy import Table as Rows
from sqlalchemy import insert, select, tuple_
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.errors import Unrecorded
from broker.proofs.audited import (
    SALTED,
    Salts,
    audited_tables,
    hashed,
    hashed_columns,
    key_text,
)
from broker.proofs.leaves import LoggedEvent, leaf_of
from broker.proofs.noting import take_touched
from broker.proofs.pending import Key, Lines, Touched, take_entered, take_events
from broker.proofs.tables import AuditLeafRow, SaltRow
from broker.proofs.trees import FIRST_LINK, completed, link_hash

AT_ONCE = 300
"""How many rows are read back with one statement."""
HEX = 64
"""How many digits a hash has."""


def seal(session: Session) -> None:
    """Make this transaction's events leaves of the log, with all that it changed.

    Raises: Unrecorded if an audited row changed without an event.
    """
    session.flush()
    events, touched = take_events(session), take_touched(session)
    if not events:
        _refuse(touched)
        return
    lines = touched_lines(session, touched) | take_entered(session)
    events[-1] = replace(events[-1], changes=changes_text(lines))
    append_leaves(session, events)


def append_leaves(session: Session, events: Iterable[LoggedEvent]) -> None:
    """Append events to the tree and to the chain. Raises: Unrecorded if one before has no leaf."""
    size, head, known = _last(session)
    leaves = []
    for event in events:
        if event.sequence != size + 1:
            raise Unrecorded(
                f"Event {size + 1} of the audit log was written past the log, so nothing more is.",
                hint="`broker verify` says what is there.",
            )
        size, leaf = event.sequence, leaf_of(event)
        hashes = completed(leaf, size, lambda end, level: known[end][level])
        known[size] = hashes
        head = link_hash(head, leaf)
        leaves.append(
            {
                "sequence": size,
                "changes": event.changes,
                "hashes": b"".join(hashes).hex(),
                "head": head.hex(),
            }
        )
    if leaves:
        session.execute(insert(AuditLeafRow), leaves)


def split_hashes(text: str) -> list[bytes]:
    """Return the hashes that a leaf keeps, the leaf first."""
    return [bytes.fromhex(text[at : at + HEX]) for at in range(0, len(text), HEX)]


def peaks_of(size: int) -> Iterator[int]:
    """Return where the largest whole subtrees end that a tree of a size is made of."""
    end = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size & (1 << level):
            end += 1 << level
            yield end


def _last(session: Session) -> tuple[int, bytes, dict[int, list[bytes]]]:
    """Return the size and head of the log, and the hashes at which appending goes on."""
    columns = (col(AuditLeafRow.sequence), col(AuditLeafRow.head))
    last = session.execute(select(*columns).order_by(columns[0].desc()).limit(1)).first()
    if last is None:
        return 0, FIRST_LINK, {}
    peaks = select(col(AuditLeafRow.sequence), col(AuditLeafRow.hashes)).where(
        col(AuditLeafRow.sequence).in_(list(peaks_of(last.sequence)))
    )
    known = {sequence: split_hashes(text) for sequence, text in session.execute(peaks)}
    return last.sequence, bytes.fromhex(last.head), known


def _refuse(touched: Mapping[str, set[Key]]) -> None:
    if touched:
        tables = ", ".join(sorted(touched))
        raise Unrecorded(f"Rows of {tables} changed without an audit event; nothing was stored.")


def changes_text(lines: Lines) -> str | None:
    """Return what a leaf keeps of changed rows: canonical JSON, by table and key."""
    return canonical_json(lines).decode() if lines else None


def touched_lines(session: Session, touched: Touched) -> Lines:
    """Hash every row that was touched as it is now."""
    tables, found = audited_tables(), Lines()
    for name, keys in touched.items():
        found[name] = {**dict.fromkeys(map(key_text, keys)), **_hashes(session, tables[name], keys)}
    return found


def _hashes(session: Session, rows: Rows, keys: set[Key]) -> dict[str, str]:
    """Return the keys and hashes of those rows that are there."""
    waiting = iter(keys)
    found: dict[str, str] = {}
    columns = hashed_columns(rows)
    while some := list(islice(waiting, AT_ONCE)):
        there = select(*columns).where(tuple_(*rows.primary_key).in_(some))
        salts = _salts(session, rows.name, some) if rows.name in SALTED else {}
        found.update(hashed(rows, session.execute(there), salts))
    return found


def _salts(session: Session, table: str, keys: Iterable[Key]) -> Salts:
    """Return the salt of every row, drawn now where there is none."""
    names = [key_text(key) for key in keys]
    here = (col(SaltRow.table_name) == table, col(SaltRow.row_key).in_(names))
    stored = select(col(SaltRow.row_key), col(SaltRow.salt)).where(*here)
    known = dict(session.execute(stored).all())
    new = {name: secrets.token_hex(32) for name in names if name not in known}
    if new:
        rows = [{"table_name": table, "row_key": key, "salt": new[key]} for key in new]
        session.execute(insert(SaltRow), rows)
    return {**known, **new}
