"""Columns and constraints of what proves the audit log, no behaviour.

Append-only: the triggers stand in the migration that made these tables. Who writes a leaf is
sealing.py, a checkpoint keeping.py.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, Text
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, Whole, at_least


class AuditLeafRow(Table, table=True):
    """What an event is in the tree and in the chain.

    `changes` lists the rows that its transaction changed, as canonical JSON; `hashes` holds the
    roots of all whole subtrees that end with this event, the leaf first, 64 hex digits each.
    """

    __tablename__ = "audit_leaf"
    __table_args__ = (
        CheckConstraint(
            "length(hashes) >= 64 AND length(hashes) % 64 = 0", name="hashes_are_whole"
        ),
        CheckConstraint("length(head) = 64", name="head_is_whole"),
        STRICT,
    )
    sequence: int = Field(
        sa_column=Column(
            Integer, ForeignKey("audit_event.sequence"), primary_key=True, autoincrement=False
        )
    )
    changes: str | None = Field(default=None, sa_type=Text)
    hashes: str = Field(sa_type=Text)
    head: str = Field(sa_type=Text)


class AuditCheckpointRow(Table, table=True):
    """A signed line that says what the log was at a moment."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = (at_least(1, "size"), STRICT)
    size: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    taken_at: dt.datetime = Field(sa_type=Instant)
    line: str = Field(sa_type=Text)


class SaltRow(Table, table=True):
    """What is hashed before a row of which somebody may ask that it be forgotten.

    Without its salt nobody can tell from the log's hash what the row said.
    """

    __tablename__ = "audit_salt"
    table_name: str = Field(primary_key=True, sa_type=Text)
    row_key: str = Field(primary_key=True, sa_type=Text)
    salt: str = Field(sa_type=Text)


class TouchedRow(Table, table=True):
    """A row that a transaction of PostgreSQL changed and has not sealed yet.

    What stays here was changed by somebody who wrote no event.
    """

    __tablename__ = "audit_touched"
    id: int | None = Field(default=None, sa_column=Column(Whole, primary_key=True))
    transaction_id: int = Field(sa_type=Whole, index=True)
    table_name: str = Field(sa_type=Text)
    row_key: str = Field(sa_type=Text)
