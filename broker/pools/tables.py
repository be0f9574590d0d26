"""Columns and constraints of pools that the market defines, no behaviour.

A version of a pool is proposed or in force at once; it is decided once and never changed. A round's
capacity is amended after its close only by a version that two persons made: the triggers stand in
migration 0011.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, at_least, one_of


class PoolVersionRow(Table, table=True):
    """What a pool is from a decision on: proposed by one person, decided by the same or another.

    Whoever proposed it alone brings it in force where no closed round offers the pool.
    """

    __tablename__ = "pool_version"
    __table_args__ = (
        at_least(1, "number"),
        one_of("state", "proposed", "in-force", "refused"),
        one_of("basis", "one-person", "two-persons"),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decision_says_who_and_when",
        ),
        CheckConstraint(
            "basis = 'one-person' OR state <> 'in-force' OR decided_by <> proposed_by",
            name="approver_is_another",
        ),
        CheckConstraint(
            "basis = 'two-persons' OR (state = 'in-force' AND decided_by = proposed_by)",
            name="alone_means_at_once",
        ),
        UniqueConstraint("pool_id", "number"),
        Index(
            "uq_pool_version_proposed",
            "pool_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    pool_id: str = Field(foreign_key="pool.id", sa_type=Text)
    number: int = Field(sa_type=Integer)
    state: str = Field(sa_type=Text)
    basis: str = Field(sa_type=Text)
    document: str = Field(sa_type=Text)
    document_sha256: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    proposed_by: str = Field(sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    decided_by: str | None = Field(default=None, sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class CapacityAmendmentRow(Table, table=True):
    """A version of a pool that changed what a round offers, after the round was announced."""

    __tablename__ = "capacity_amendment"
    __table_args__ = (
        at_least(1, "changed_days"),
        one_of("round_state", "scheduled", "open", "closed"),
        STRICT,
    )
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    version_id: str = Field(primary_key=True, foreign_key="pool_version.id", sa_type=Text)
    changed_days: int = Field(sa_type=Integer)
    round_state: str = Field(sa_type=Text)
    amended_at: dt.datetime = Field(sa_type=Instant)
