"""Columns and constraints, no behaviour: what the market remembers.

Every rule that a row can break alone is a CHECK here, because a table model validates nothing.
Column types are chosen so that every SQLite table is STRICT. States and their transitions stand
in states.py; who writes which table stands in the module named after it.
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, MetaData, SQLModel

from allocation.outcome import Reason

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
STRICT = {"sqlite_strict": True}


class Instant(TypeDecorator[dt.datetime]):
    """An aware instant, kept in UTC; text of fixed width on SQLite, so that it sorts by time."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use the database's own type where there is one."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Refuse an instant without a zone: it would mean another moment elsewhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone.")
        instant = value.astimezone(dt.UTC)
        if dialect.name == "sqlite":
            return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        return instant

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """Hand back an aware instant in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return dt.datetime.fromisoformat(value)
        instant: dt.datetime = value.astimezone(dt.UTC)
        return instant


class Day(TypeDecorator[dt.date]):
    """A calendar day; ISO text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use the database's own type where there is one."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(Date())

    def process_bind_param(self, value: dt.date | None, dialect: Dialect) -> Any:
        """Write the ISO form."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.isoformat()

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.date | None:
        """Read the ISO form."""
        if value is None or dialect.name != "sqlite":
            day: dt.date | None = value
            return day
        return dt.date.fromisoformat(value)


class Ratio(TypeDecorator[Fraction]):
    """An exact ratio from 0 to 1, as text such as `1/3`: no database keeps it exact otherwise."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Fraction | None, dialect: Dialect) -> str | None:
        """Refuse what is no ratio."""
        del dialect
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{value} is no ratio from 0 to 1.")
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Fraction | None:
        """Hand back the exact ratio."""
        del dialect
        return None if value is None else Fraction(value)


Whole = BigInteger().with_variant(Integer(), "sqlite")
"""Whole credits, units and points: 64 bits on every database."""


class Table(SQLModel):
    """The base of every table: named constraints, STRICT on SQLite."""

    metadata = MetaData(naming_convention=NAMING)
    __table_args__: ClassVar[Any] = (STRICT,)


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return a CHECK that a column holds one of a closed set."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def at_least(minimum: int, *columns: str) -> CheckConstraint:
    """Return a CHECK that columns are not below a minimum."""
    rule = " AND ".join(f"{column} >= {minimum}" for column in columns)
    return CheckConstraint(rule, name=f"{columns[0]}_at_least_{minimum}")


class PoolRow(Table, table=True):
    """A capacity of one kind, with an accountable owner. Its numbers stand per round."""

    __tablename__ = "pool"
    __table_args__ = (one_of("kind", "compute", "expert", "data"), STRICT)
    id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    unit: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)
    description: str = Field(default="", sa_type=Text)
    classification: str = Field(default="", sa_type=Text)


class TeamRow(Table, table=True):
    """A bidder."""

    __tablename__ = "team"
    id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)


class RoundRow(Table, table=True):
    """The market event that hands out one sprint's capacity."""

    __tablename__ = "round"
    __table_args__ = (
        one_of("state", "scheduled", "open", "closed", "published", "finished", "cancelled"),
        CheckConstraint("days BETWEEN 1 AND 366", name="days_of_a_sprint"),
        CheckConstraint(
            "(state IN ('published', 'finished')) = (published_at IS NOT NULL)",
            name="published_says_when",
        ),
        CheckConstraint(
            "state NOT IN ('closed', 'published', 'finished') OR closed_at IS NOT NULL",
            name="closed_says_when",
        ),
        CheckConstraint("opens_at < closes_at", name="opens_before_it_closes"),
        CheckConstraint("(lease_holder IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
        at_least(0, "fence"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    starts_on: dt.date = Field(sa_type=Day, index=True)
    days: int = Field(sa_type=Integer)
    nonce: str = Field(sa_type=Text)
    floor_ratio: Fraction = Field(default=Fraction(0), sa_type=Ratio)
    imported_sha256: str | None = Field(default=None, sa_type=Text)
    opens_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    closes_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    closed_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    published_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    lease_holder: str | None = Field(default=None, sa_type=Text)
    lease_until: dt.datetime | None = Field(default=None, sa_type=Instant)
    fence: int = Field(default=0, sa_type=Integer)


class RoundPoolRow(Table, table=True):
    """A pool as one round offers it."""

    __tablename__ = "round_pool"
    __table_args__ = (
        at_least(0, "reserve_price_credits"),
        one_of("kind", "compute", "expert", "data"),
        STRICT,
    )
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    pool_id: str = Field(primary_key=True, foreign_key="pool.id", sa_type=Text)
    kind: str = Field(sa_type=Text)
    unit: str = Field(sa_type=Text)
    reserve_price_credits: int = Field(default=0, sa_type=Whole)


class CapacityRow(Table, table=True):
    """The units of a pool and day that a round hands out, gross of commitments."""

    __tablename__ = "capacity"
    __table_args__ = (
        ForeignKeyConstraint(
            ["round_id", "pool_id"], ["round_pool.round_id", "round_pool.pool_id"]
        ),
        at_least(0, "reserved_units", "spot_units"),
        STRICT,
    )
    round_id: str = Field(primary_key=True, sa_type=Text)
    pool_id: str = Field(primary_key=True, sa_type=Text)
    day: dt.date = Field(primary_key=True, sa_type=Day)
    reserved_units: int = Field(sa_type=Whole)
    spot_units: int = Field(sa_type=Whole)


class CommitmentRow(Table, table=True):
    """The units of a pool and day that earlier awards still hold in a round."""

    __tablename__ = "commitment"
    __table_args__ = (
        ForeignKeyConstraint(
            ["round_id", "pool_id"], ["round_pool.round_id", "round_pool.pool_id"]
        ),
        at_least(0, "reserved_units", "spot_units"),
        STRICT,
    )
    round_id: str = Field(primary_key=True, sa_type=Text)
    pool_id: str = Field(primary_key=True, sa_type=Text)
    day: dt.date = Field(primary_key=True, sa_type=Day)
    reserved_units: int = Field(sa_type=Whole)
    spot_units: int = Field(sa_type=Whole)


class RoundTeamRow(Table, table=True):
    """The credits that a team can spend in a round."""

    __tablename__ = "round_team"
    __table_args__ = (at_least(0, "credits"), STRICT)
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    team_id: str = Field(primary_key=True, foreign_key="team.id", sa_type=Text)
    credits: int = Field(sa_type=Whole)


class BidRow(Table, table=True):
    """What one team asks for in one round."""

    __tablename__ = "bid"
    __table_args__ = (
        ForeignKeyConstraint(
            ["round_id", "team_id"], ["round_team.round_id", "round_team.team_id"]
        ),
        UniqueConstraint("round_id", "key"),
        Index("ix_bid_round_id_team_id", "round_id", "team_id"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    round_id: str = Field(sa_type=Text)
    team_id: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    submitted_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class AlternativeRow(Table, table=True):
    """One way to serve a bid."""

    __tablename__ = "alternative"
    __table_args__ = (
        one_of("tier", "reserved", "spot"),
        at_least(1, "number", "offer_credits_per_lot", "value_score_per_lot", "min_lots"),
        CheckConstraint("min_lots <= max_lots", name="lots_in_order"),
        CheckConstraint("earliest_start <= latest_start", name="window_in_order"),
        STRICT,
    )
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", sa_type=Text)
    number: int = Field(primary_key=True, sa_type=Whole)
    tier: str = Field(sa_type=Text)
    offer_credits_per_lot: int = Field(sa_type=Whole)
    value_score_per_lot: int = Field(sa_type=Whole)
    min_lots: int = Field(sa_type=Whole)
    max_lots: int = Field(sa_type=Whole)
    earliest_start: dt.date = Field(sa_type=Day)
    latest_start: dt.date = Field(sa_type=Day)


class ItemRow(Table, table=True):
    """One pool of an alternative; `position` keeps the order in which it was entered."""

    __tablename__ = "item"
    __table_args__ = (
        ForeignKeyConstraint(["bid_id", "number"], ["alternative.bid_id", "alternative.number"]),
        at_least(0, "offset_days"),
        at_least(1, "days", "units_per_lot"),
        STRICT,
    )
    bid_id: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(primary_key=True, sa_type=Whole)
    position: int = Field(primary_key=True, sa_type=Integer)
    pool_id: str = Field(foreign_key="pool.id", sa_type=Text, index=True)
    offset_days: int = Field(sa_type=Integer)
    days: int = Field(sa_type=Integer)
    units_per_lot: int = Field(sa_type=Whole)


class SnapshotRow(Table, table=True):
    """The frozen problem of a closed round as canonical JSON; written once, used by every run."""

    __tablename__ = "snapshot"
    round_id: str = Field(primary_key=True, foreign_key="round.id", sa_type=Text)
    document: str = Field(sa_type=Text)
    document_sha256: str = Field(sa_type=Text)
    problem_sha256: str = Field(sa_type=Text)
    taken_at: dt.datetime = Field(sa_type=Instant)


class RunRow(Table, table=True):
    """One attempt to allocate a closed round, to publish it or only to rehearse."""

    __tablename__ = "run"
    __table_args__ = (
        one_of("purpose", "publication", "rehearsal"),
        one_of("state", "solving", "checked", "published", "failed", "stale"),
        at_least(1, "revision", "fence"),
        CheckConstraint(
            "state NOT IN ('checked', 'published') OR "
            "(outcome_sha256 IS NOT NULL AND report IS NOT NULL AND certificate IS NOT NULL)",
            name="checked_has_an_outcome",
        ),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_says_why"),
        CheckConstraint("(state = 'solving') = (finished_at IS NULL)", name="over_says_when"),
        CheckConstraint(
            "state <> 'published' OR purpose = 'publication'", name="rehearsals_stay_unpublished"
        ),
        Index(
            "uq_run_published",
            "round_id",
            "revision",
            unique=True,
            sqlite_where=text("state = 'published'"),
            postgresql_where=text("state = 'published'"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    round_id: str = Field(foreign_key="round.id", sa_type=Text, index=True)
    purpose: str = Field(default="publication", sa_type=Text)
    state: str = Field(sa_type=Text)
    revision: int = Field(default=1, sa_type=Integer)
    fence: int = Field(sa_type=Integer)
    problem_sha256: str = Field(sa_type=Text)
    started_at: dt.datetime = Field(sa_type=Instant)
    finished_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    failure: str | None = Field(default=None, sa_type=Text)
    outcome_sha256: str | None = Field(default=None, sa_type=Text)
    report: str | None = Field(default=None, sa_type=Text)
    certificate: str | None = Field(default=None, sa_type=Text)


class RunStageRow(Table, table=True):
    """One line of progress of a run: the best value and bound after a stage."""

    __tablename__ = "run_stage"
    run_id: str = Field(primary_key=True, foreign_key="run.id", sa_type=Text)
    position: int = Field(primary_key=True, sa_type=Integer)
    stage: str = Field(sa_type=Text)
    value: int | None = Field(default=None, sa_type=Whole)
    bound: int | None = Field(default=None, sa_type=Whole)
    milliseconds: int = Field(sa_type=Integer)


class AwardRow(Table, table=True):
    """A bid that won in a run; value score and payment are of the whole award."""

    __tablename__ = "award"
    __table_args__ = (
        ForeignKeyConstraint(
            ["bid_id", "alternative"], ["alternative.bid_id", "alternative.number"]
        ),
        at_least(1, "lots", "value_score"),
        at_least(0, "payment_credits"),
        STRICT,
    )
    run_id: str = Field(primary_key=True, foreign_key="run.id", sa_type=Text)
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", index=True, sa_type=Text)
    alternative: int = Field(sa_type=Whole)
    start: dt.date = Field(sa_type=Day)
    lots: int = Field(sa_type=Whole)
    value_score: int = Field(sa_type=Whole)
    payment_credits: int = Field(sa_type=Whole)


class DeclineRow(Table, table=True):
    """A bid that did not win in a run, its reason code and the facts that decided it."""

    __tablename__ = "decline"
    __table_args__ = (one_of("reason", *Reason), STRICT)
    run_id: str = Field(primary_key=True, foreign_key="run.id", sa_type=Text)
    bid_id: str = Field(primary_key=True, foreign_key="bid.id", index=True, sa_type=Text)
    reason: str = Field(sa_type=Text)
    alternative: int | None = Field(default=None, sa_type=Whole)
    pool_id: str | None = Field(default=None, foreign_key="pool.id", sa_type=Text)
    day: dt.date | None = Field(default=None, sa_type=Day)
    minimum_winning_offer_credits: int | None = Field(default=None, sa_type=Whole)
    detail: str = Field(default="", sa_type=Text)


class ListPriceRow(Table, table=True):
    """The published price of a unit of a pool on a day, in millionths of a credit."""

    __tablename__ = "list_price"
    __table_args__ = (
        one_of("tier", "reserved", "spot"),
        at_least(0, "list_price_microcredits"),
        STRICT,
    )
    run_id: str = Field(primary_key=True, foreign_key="run.id", sa_type=Text)
    pool_id: str = Field(primary_key=True, foreign_key="pool.id", sa_type=Text)
    day: dt.date = Field(primary_key=True, sa_type=Day)
    tier: str = Field(primary_key=True, sa_type=Text)
    list_price_microcredits: int = Field(sa_type=Whole)


class AuditEventRow(Table, table=True):
    """One change of state: what, to whom, by whom. Gapless, append-only."""

    __tablename__ = "audit_event"
    sequence: int = Field(primary_key=True, sa_type=Integer)
    happened_at: dt.datetime = Field(sa_type=Instant)
    actor: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text, index=True)
    facts: str = Field(sa_type=Text)


class InstallationRow(Table, table=True):
    """What this database is: one row a fact, such as `purpose` = `demo`."""

    __tablename__ = "installation"
    key: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(sa_type=Text)
