"""Columns and constraints of overrides, no behaviour.

A run of revision 2 or later is published only for an override that a second person approved: the
triggers stand in the migration that made this table.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field

from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of


class OverrideKind(StrEnum):
    """What an override does to a bid: it pins an award for it, or keeps it out."""

    PIN = "pin"
    EXCLUDE = "exclude"


class OverrideState(StrEnum):
    """Where an override stands; whether it is solved, its run says."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


class OverrideRow(Table, table=True):
    """What one person proposes to correct in a published result, and another one decides.

    `before_run_id` is the run that is overridden, `run_id` the one that solved the round with it.
    """

    __tablename__ = "override"
    __table_args__ = (
        one_of("kind", *OverrideKind),
        one_of("state", *OverrideState),
        ForeignKeyConstraint(
            ["bid_id", "alternative"], ["alternative.bid_id", "alternative.number"]
        ),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint(
            "(kind = 'pin') = (alternative IS NOT NULL) AND (kind = 'pin') = (start IS NOT NULL) "
            "AND (kind = 'pin') = (lots IS NOT NULL)",
            name="pin_says_what",
        ),
        at_least(1, "lots"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decision_says_who_and_when",
        ),
        CheckConstraint(
            "state <> 'approved' OR decided_by <> proposed_by", name="approver_is_another"
        ),
        CheckConstraint("state <> 'approved' OR run_id IS NOT NULL", name="approved_is_solved"),
        CheckConstraint("run_id <> before_run_id", name="solved_by_another_run"),
        Index(
            "uq_override_proposed",
            "round_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    round_id: str = Field(foreign_key="round.id", index=True, sa_type=Text)
    bid_id: str = Field(foreign_key="bid.id", index=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    alternative: int | None = Field(default=None, sa_type=Whole)
    start: dt.date | None = Field(default=None, sa_type=Day)
    lots: int | None = Field(default=None, sa_type=Whole)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    proposed_by: str = Field(sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    decided_by: str | None = Field(default=None, sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    before_run_id: str = Field(foreign_key="run.id", sa_type=Text)
    run_id: str | None = Field(default=None, unique=True, foreign_key="run.id", sa_type=Text)
