"""Columns and constraints of decision rights and approvals, no behaviour.

Versions and steps are append-only, a request is decided once and by a person: who decides has an
account, is not who asked, and has no role in the team that asked. The triggers stand in the
migration that made these tables.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, text
from sqlmodel import Field

from broker.approvals.matrices import Lane, Step
from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class MatrixState(StrEnum):
    """Where a version of the decision rights stands; the newest active one is in force."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REFUSED = "refused"


class RequestState(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class DecisionMatrixRow(Table, table=True):
    """A version of the decision rights: proposed by one person, put in force by another."""

    __tablename__ = "decision_matrix"
    __table_args__ = (
        at_least(1, "version"),
        one_of("state", *MatrixState),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint("state <> 'active' OR decided_by <> author", name="approver_is_another"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decided_says_who_and_when",
        ),
        Index(
            "uq_decision_matrix_proposed",
            "state",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        STRICT,
    )
    version: int = Field(primary_key=True, sa_type=Integer)
    document: str = Field(sa_type=Text)
    document_sha256: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    author: str = Field(foreign_key="person.id", sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    decided_by: str | None = Field(default=None, foreign_key="person.id", sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class ApprovalRequestRow(Table, table=True):
    """A team's request to use a pool for a purpose in a period, and what was answered.

    `classification`, `lane` and `matrix_version` are those of the moment in which it was asked.
    """

    __tablename__ = "approval_request"
    __table_args__ = (
        one_of("lane", *Lane),
        one_of("state", *RequestState),
        at_least(1, "most_credits"),
        at_least(0, "matrix_version"),
        CheckConstraint("valid_from <= valid_until", name="period_in_order"),
        CheckConstraint("purpose <> ''", name="purpose_given"),
        CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided_says_when"),
        CheckConstraint(
            "(decided_by IS NULL) = (state = 'waiting' OR lane = 'rule')", name="a_person_decides"
        ),
        CheckConstraint("lane <> 'rule' OR state = 'approved'", name="rules_only_let_pass"),
        CheckConstraint(
            "state NOT IN ('approved', 'rejected') OR decided_by IS NULL OR decided_by <> asked_by",
            name="nobody_decides_the_own_request",
        ),
        CheckConstraint("state <> 'rejected' OR reason <> ''", name="rejected_for_a_reason"),
        Index("ix_approval_request_team_id_pool_id", "team_id", "pool_id"),
        Index(
            "uq_approval_request_waiting",
            "team_id",
            "pool_id",
            "purpose_key",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    pool_id: str = Field(foreign_key="pool.id", sa_type=Text)
    purpose_key: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)
    most_credits: int = Field(sa_type=Whole)
    valid_from: dt.date = Field(sa_type=Day)
    valid_until: dt.date = Field(sa_type=Day)
    classification: str = Field(sa_type=Text)
    lane: str = Field(sa_type=Text)
    matrix_version: int = Field(sa_type=Integer)
    asked_by: str = Field(foreign_key="person.id", sa_type=Text)
    asked_at: dt.datetime = Field(sa_type=Instant)
    state: str = Field(sa_type=Text)
    decided_by: str | None = Field(default=None, foreign_key="person.id", sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    reason: str = Field(default="", sa_type=Text)


class ApprovalStepRow(Table, table=True):
    """For whom a request waits, since when and until when; the last step has no end."""

    __tablename__ = "approval_step"
    __table_args__ = (
        at_least(1, "position"),
        one_of("step", *Step),
        CheckConstraint("(step = 'all-admins') = (due_at IS NULL)", name="only_the_last_waits"),
        CheckConstraint("due_at IS NULL OR due_at > begun_at", name="due_after_it_began"),
        STRICT,
    )
    request_id: str = Field(primary_key=True, foreign_key="approval_request.id", sa_type=Text)
    position: int = Field(primary_key=True, sa_type=Integer)
    step: str = Field(sa_type=Text)
    begun_at: dt.datetime = Field(sa_type=Instant)
    due_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class RoundApprovalRow(Table, table=True):
    """An approval that held for a round when it closed."""

    __tablename__ = "round_approval"
    __table_args__ = (
        ForeignKeyConstraint(
            ["round_id", "team_id"], ["round_team.round_id", "round_team.team_id"]
        ),
        STRICT,
    )
    round_id: str = Field(primary_key=True, sa_type=Text)
    request_id: str = Field(primary_key=True, foreign_key="approval_request.id", sa_type=Text)
    team_id: str = Field(sa_type=Text)
