"""What the log vouches for, row by row, and where the rows differ from it.

The last event that speaks of a row says what hash it has, or that it is gone. Reads every audited
row once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy import Table as Rows
from sqlmodel import Session, col

from broker.proofs.audited import (
    SALTED,
    Salts,
    audited_tables,
    hashed,
    hashed_columns,
    key_text,
    sealed_in,
)
from broker.proofs.sealed import sealing_event
from broker.proofs.tables import AuditLeafRow, SaltRow
from broker.tables import RoundRow

Lines = dict[str, tuple[str | None, int]]
"""By key the hash of a row, None if it is gone, and the event that says so."""
Vouched = dict[str, Lines]
"""By table what the log says of its rows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not as the log says; `now` is its hash, None where it is gone.

    `sequence` is the last event about the row, None where no event ever spoke of it.
    """

    table: str
    key: str
    now: str | None
    sequence: int | None


def vouched(session: Session) -> Vouched:
    """Return what the log says of every row that it ever spoke of."""
    said = Vouched()
    columns = (col(AuditLeafRow.sequence), col(AuditLeafRow.changes))
    spoken = select(*columns).where(columns[1].is_not(None)).order_by(columns[0])
    for sequence, changes in session.execute(spoken):
        take_in(said, sequence, changes)
    return said


def take_in(said: Vouched, sequence: int, changes: str) -> None:
    """Add what an event says to what was said before. Raises: ValueError if it is no such text."""
    document = json.loads(changes)
    try:
        for table, lines in document.items():
            known = said.setdefault(table, {})
            for key, hash_ in lines.items():
                known[key] = (hash_, sequence)
    except AttributeError as error:
        raise ValueError("It does not list rows by table and key.") from error


def differences(session: Session, said: Vouched) -> Iterator[Difference]:
    """Return every row that is not as the log says, table by table. Empties `said`."""
    ended = sealing_event("round:" + col(RoundRow.key)).is_not(None)
    closed = sealed_in(col(RoundRow.closed_at).is_not(None) | ended)
    for name, rows in audited_tables().items():
        salts = _salts(session, name) if name in SALTED else {}
        found = dict(hashed(rows, session.execute(select(*hashed_columns(rows))), salts))
        here = said.pop(name, {})
        if name in closed:
            _leave_out_open(session, rows, closed[name], found, here)
        yield from _in_table(rows, found, here)
    for name, lines in said.items():
        yield from (Difference(name, key, None, event) for key, (_, event) in lines.items())


def _leave_out_open(
    session: Session, rows: Rows, closed: ColumnElement[bool], found: dict[str, str], said: Lines
) -> None:
    """Leave out bids of rounds that still take bids, of which no event may speak."""
    keys = session.execute(select(*rows.primary_key).where(closed))
    entered = {key_text(key) for key in keys}
    for key in found.keys() - entered - said.keys():
        del found[key]


def _in_table(rows: Rows, found: dict[str, str], said: Lines) -> Iterator[Difference]:
    for key, now in found.items():
        hash_, sequence = said.pop(key, (None, None))
        if hash_ != now:
            yield Difference(rows.name, key, now, sequence)
    for key, (hash_, sequence) in said.items():
        if hash_ is not None:
            yield Difference(rows.name, key, None, sequence)


def _salts(session: Session, table: str) -> Salts:
    kept = select(col(SaltRow.row_key), col(SaltRow.salt)).where(col(SaltRow.table_name) == table)
    return dict(session.execute(kept).all())
