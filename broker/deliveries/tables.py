"""Columns and constraints of deliveries, no behaviour.

Reports and verdicts are append-only: a correction is the next version, and what a round froze of a
team's record stays. The triggers stand in the migration that made these tables.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Integer, Text, UniqueConstraint
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, Whole, at_least, one_of

MOST_PERCENT = 150
"""How much more than promised can count."""


class DeliveryRow(Table, table=True):
    """What a team's lead reports about an award, in versions; the newest one speaks for it."""

    __tablename__ = "delivery"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "bid_id"], ["award.run_id", "award.bid_id"]),
        UniqueConstraint("bid_id", "version"),
        UniqueConstraint("id", "author"),
        at_least(1, "version"),
        CheckConstraint(
            f"delivered_percent BETWEEN 0 AND {MOST_PERCENT}", name="delivered_in_bounds"
        ),
        CheckConstraint("evidence <> ''", name="evidence_given"),
        CheckConstraint("link LIKE 'http://_%' OR link LIKE 'https://_%'", name="link_is_http"),
        CheckConstraint("(version = 1) = (correction = '')", name="corrected_for_a_reason"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(sa_type=Text)
    bid_id: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)
    delivered_percent: int = Field(sa_type=Integer)
    evidence: str = Field(sa_type=Text)
    link: str = Field(sa_type=Text)
    correction: str = Field(default="", sa_type=Text)
    author: str = Field(sa_type=Text)
    reported_at: dt.datetime = Field(sa_type=Instant)


class DeliveryVerdictRow(Table, table=True):
    """What another person says about one version of a report: once, and never its author."""

    __tablename__ = "delivery_verdict"
    __table_args__ = (
        ForeignKeyConstraint(["delivery_id", "author"], ["delivery.id", "delivery.author"]),
        one_of("verdict", "confirmed", "disputed"),
        CheckConstraint("approver <> author", name="approver_is_another"),
        CheckConstraint("verdict = 'confirmed' OR note <> ''", name="disputed_for_a_reason"),
        STRICT,
    )
    delivery_id: str = Field(primary_key=True, sa_type=Text)
    author: str = Field(sa_type=Text)
    verdict: str = Field(sa_type=Text)
    note: str = Field(default="", sa_type=Text)
    approver: str = Field(sa_type=Text)
    decided_at: dt.datetime = Field(sa_type=Instant)


class TeamRecordRow(Table, table=True):
    """What a team's confirmed deliveries came to when a round closed. Units: points."""

    __tablename__ = "team_record"
    __table_args__ = (
        ForeignKeyConstraint(
            ["round_id", "team_id"], ["round_team.round_id", "round_team.team_id"]
        ),
        at_least(1, "awards", "promised_points"),
        at_least(0, "delivered_points"),
        STRICT,
    )
    round_id: str = Field(primary_key=True, sa_type=Text)
    team_id: str = Field(primary_key=True, sa_type=Text)
    awards: int = Field(sa_type=Integer)
    promised_points: int = Field(sa_type=Whole)
    delivered_points: int = Field(sa_type=Whole)
