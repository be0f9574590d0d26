"""Columns and constraints of what people decide about a round, no behaviour.

An open round's closing time follows only from a change here that two persons decided: the triggers
stand in migration 0007. What is asked of a closed round, and what its rehearsals decided, is kept
by those of 0016. Rounds themselves stand in tables.py, the services in deadlines.py,
rounds_by_hand.py and run_requests.py.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, one_of


class DeadlineChangeRow(Table, table=True):
    """Another closing time for an open round: proposed by one person, approved by another.

    Whoever decides may also refuse; who proposed it may take it back in the same way.
    """

    __tablename__ = "deadline_change"
    __table_args__ = (
        one_of("state", "proposed", "approved", "refused"),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint(
            "closes_at_before IS NULL OR closes_at <> closes_at_before", name="changes_something"
        ),
        CheckConstraint("closes_at > proposed_at", name="closes_in_the_future"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decision_says_who_and_when",
        ),
        CheckConstraint(
            "state <> 'approved' OR decided_by <> proposed_by", name="approver_is_another"
        ),
        Index(
            "uq_deadline_change_proposed",
            "round_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    round_id: str = Field(foreign_key="round.id", index=True, sa_type=Text)
    state: str = Field(sa_type=Text)
    closes_at_before: dt.datetime | None = Field(default=None, sa_type=Instant)
    closes_at: dt.datetime = Field(sa_type=Instant)
    reason: str = Field(sa_type=Text)
    proposed_by: str = Field(sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    decided_by: str | None = Field(default=None, sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class CancellationRow(Table, table=True):
    """Why a round was cancelled, and by whom."""

    __tablename__ = "cancellation"
    __table_args__ = (CheckConstraint("reason <> ''", name="cancelled_for_a_reason"), STRICT)
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    reason: str = Field(sa_type=Text)
    cancelled_by: str = Field(sa_type=Text)
    cancelled_at: dt.datetime = Field(sa_type=Instant)


class RunRequestRow(Table, table=True):
    """A rehearsal or a run that somebody asked for on a page; `run_id` is there once it began."""

    __tablename__ = "run_request"
    __table_args__ = (
        one_of("purpose", "publication", "rehearsal"),
        Index(
            "uq_run_request_waiting",
            "round_id",
            unique=True,
            sqlite_where=text("run_id IS NULL"),
            postgresql_where=text("run_id IS NULL"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    round_id: str = Field(foreign_key="round.id", index=True, sa_type=Text)
    purpose: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: dt.datetime = Field(sa_type=Instant)
    run_id: str | None = Field(default=None, foreign_key="run.id", index=True, sa_type=Text)


class RunOutcomeRow(Table, table=True):
    """The whole outcome of a checked run that is not published, as canonical JSON."""

    __tablename__ = "run_outcome"
    run_id: str = Field(primary_key=True, foreign_key="run.id", sa_type=Text)
    document: str = Field(sa_type=Text)
