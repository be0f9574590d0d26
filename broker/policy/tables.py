"""Columns and constraints of the policy, no behaviour.

Versions are append-only. What a bid pledges changes while its round is open; what a round froze at
its close stays: the triggers stand in the migration that made these tables.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from broker.policy.documents import LEAST_PERCENT, MOST_PERCENT
from broker.policy.rules import BARRED_REASONS
from broker.policy.scores import FactorKind
from broker.tables import STRICT, Day, Instant, Table, Whole, at_least, one_of

STORED_FACTORS = tuple(kind for kind in FactorKind if kind is not FactorKind.AS_IMPORTED)
"""What the close writes down; an imported score is its own record."""


class PolicyVersionRow(Table, table=True):
    """A policy as it was adopted: the document, by whom, why, and from when on it is in force."""

    __tablename__ = "policy_version"
    __table_args__ = (
        at_least(1, "version"),
        CheckConstraint("approver IS NULL OR approver <> author", name="approver_is_another"),
        CheckConstraint("reason <> ''", name="adopted_for_a_reason"),
        CheckConstraint("in_force_from >= adopted_at", name="never_in_force_before"),
        STRICT,
    )
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    document: str = Field(sa_type=Text)
    document_sha256: str = Field(sa_type=Text)
    author: str = Field(sa_type=Text)
    approver: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(sa_type=Text)
    adopted_at: dt.datetime = Field(sa_type=Instant)
    in_force_from: dt.datetime = Field(sa_type=Instant)


class BidPledgeRow(Table, table=True):
    """What a team pledges with a bid. A bid without this row came from a folder of files."""

    __tablename__ = "bid_pledge"
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", sa_type=Text)
    theme_key: str | None = Field(default=None, sa_type=Text)
    owner_after_award: str = Field(default="", sa_type=Text)
    success_measure: str = Field(default="", sa_type=Text)
    ends_on: dt.date | None = Field(default=None, sa_type=Day)


class BidPurposeRow(Table, table=True):
    """What the data are for that a bid asks for; a bid that says nothing of it has no row."""

    __tablename__ = "bid_purpose"
    __table_args__ = (CheckConstraint("purpose <> ''", name="purpose_said"), STRICT)
    bid_id: str = Field(primary_key=True, foreign_key="bid_pledge.bid_id", sa_type=Text)
    purpose: str = Field(sa_type=Text)


class RoundPolicyRow(Table, table=True):
    """The policy that a round froze at its close, and the hash of all scores and bars under it."""

    __tablename__ = "round_policy"
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    policy_version: int | None = Field(
        default=None, foreign_key="policy_version.version", sa_type=Integer
    )
    scores_sha256: str = Field(sa_type=Text)
    frozen_at: dt.datetime = Field(sa_type=Instant)


class BidScoreRow(Table, table=True):
    """The multiplier of a bid, as it was frozen at the close of its round."""

    __tablename__ = "bid_score"
    __table_args__ = (
        CheckConstraint(
            f"multiplier_percent BETWEEN {LEAST_PERCENT} AND {MOST_PERCENT}",
            name="multiplier_in_bounds",
        ),
        STRICT,
    )
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", sa_type=Text)
    multiplier_percent: int = Field(sa_type=Integer)


class BidFactorRow(Table, table=True):
    """One factor of a frozen multiplier, with its reason."""

    __tablename__ = "bid_factor"
    __table_args__ = (one_of("kind", *STORED_FACTORS), at_least(1, "position", "percent"), STRICT)
    bid_id: str = Field(primary_key=True, foreign_key="bid_score.bid_id", sa_type=Text)
    position: int = Field(primary_key=True, sa_type=Integer)
    kind: str = Field(sa_type=Text)
    percent: int = Field(sa_type=Integer)
    reason: str = Field(sa_type=Text)


class BarredAlternativeRow(Table, table=True):
    """A rule that barred an alternative at the close, and how to meet it next time."""

    __tablename__ = "barred_alternative"
    __table_args__ = (
        ForeignKeyConstraint(["bid_id", "number"], ["alternative.bid_id", "alternative.number"]),
        one_of("reason", *BARRED_REASONS),
        at_least(1, "position"),
        STRICT,
    )
    bid_id: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(primary_key=True, sa_type=Whole)
    position: int = Field(primary_key=True, sa_type=Integer)
    reason: str = Field(sa_type=Text)
    pool_id: str | None = Field(default=None, foreign_key="pool.id", sa_type=Text)
    detail: str = Field(sa_type=Text)


class PolicyProposalRow(Table, table=True):
    """A policy that one person proposes and another one activates, which makes it a version.

    Whoever may activate may also refuse; who proposed it may take it back in the same way.
    """

    __tablename__ = "policy_proposal"
    __table_args__ = (
        one_of("state", "proposed", "activated", "refused"),
        CheckConstraint("reason <> ''", name="proposed_for_a_reason"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decision_says_who_and_when",
        ),
        CheckConstraint("state <> 'activated' OR decided_by <> author", name="approver_is_another"),
        CheckConstraint(
            "(state = 'activated') = (version IS NOT NULL)", name="activated_is_a_version"
        ),
        Index(
            "uq_policy_proposal_proposed",
            "state",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    state: str = Field(sa_type=Text)
    document: str = Field(sa_type=Text)
    document_sha256: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    author: str = Field(sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    decided_by: str | None = Field(default=None, sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    version: int | None = Field(default=None, foreign_key="policy_version.version", sa_type=Integer)


class PolicyReplayRow(Table, table=True):
    """A past round under another policy: asked for, solved by the worker, then kept as it is.

    `result` is canonical JSON; `stage` is how far the solver is.
    """

    __tablename__ = "policy_replay"
    __table_args__ = (
        one_of("state", "waiting", "solving", "done", "failed"),
        CheckConstraint("(state = 'waiting') = (started_at IS NULL)", name="begun_says_when"),
        CheckConstraint(
            "(state IN ('done', 'failed')) = (finished_at IS NOT NULL)", name="over_says_when"
        ),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_says_why"),
        CheckConstraint("(state = 'done') = (result IS NOT NULL)", name="done_has_a_result"),
        UniqueConstraint("policy_sha256", "round_id"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    policy_sha256: str = Field(sa_type=Text)
    document: str = Field(sa_type=Text)
    round_id: str = Field(foreign_key="round.id", index=True, sa_type=Text)
    state: str = Field(sa_type=Text)
    stage: str = Field(default="", sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: dt.datetime = Field(sa_type=Instant)
    started_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    finished_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    failure: str | None = Field(default=None, sa_type=Text)
    result: str | None = Field(default=None, sa_type=Text)
