"""Columns and constraints of recurring sprints, no behaviour.

A version of the rule is decided once and may then end once; a sprint is announced once, whichever
host is first and whichever version says so. The triggers stand in the migration that made these
tables.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Integer, Text, text
from sqlmodel import Field

from broker.tables import STRICT, Day, Instant, Table, at_least, one_of


class RuleState(StrEnum):
    """Where a version of the rule stands; the newest one that was active decides, until it ends."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REFUSED = "refused"
    ENDED = "ended"


class SprintRuleRow(Table, table=True):
    """A version of the rule for sprints: proposed by one person, put in force by another."""

    __tablename__ = "sprint_rule"
    __table_args__ = (
        at_least(1, "version"),
        one_of("state", *RuleState),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint(
            "state NOT IN ('active', 'ended') OR decided_by <> author", name="approver_is_another"
        ),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decided_says_who_and_when",
        ),
        CheckConstraint(
            "(state = 'ended') = (ended_by IS NOT NULL) "
            "AND (ended_by IS NULL) = (ended_at IS NULL)",
            name="ended_says_who_and_when",
        ),
        Index(
            "uq_sprint_rule_proposed",
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
    ended_by: str | None = Field(default=None, foreign_key="person.id", sa_type=Text)
    ended_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class AnnouncedSprintRow(Table, table=True):
    """A sprint that was announced by the rule, by its first day: never a second time."""

    __tablename__ = "announced_sprint"
    __table_args__ = (at_least(0, "number"), STRICT)
    starts_on: dt.date = Field(primary_key=True, sa_type=Day)
    version: int = Field(foreign_key="sprint_rule.version", sa_type=Integer)
    number: int = Field(sa_type=Integer)
    round_id: str = Field(foreign_key="round.id", unique=True, sa_type=Text)
