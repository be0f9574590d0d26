"""Capacity is lost, and awards that stand compete for what is left.

Revision ID: 0030
Revises: 0029
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

from broker.migrations import holding_guards, recovery_guards
from broker.migrations.closed_sets import change_check

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CUT, CONTESTED = "holding_cut", "contested_award"
RECOVERY, FIRST, LOSS = "recovery_round", "first_place", "capacity_loss"
CAUSES = (
    "cause IN ('released')",
    "cause IN ('released', 'preempted', 'capacity-lost')",
)
PERCENTS = ("refund_percent BETWEEN 0 AND 100", "refund_percent BETWEEN 0 AND 200")


def upgrade() -> None:
    change_cuts(CAUSES, PERCENTS)
    dialect = op.get_bind().dialect.name
    run(line for line in holding_guards.RAISED[dialect] if "holding_cut_to_come" not in line)
    run(recovery_guards.CUT_RAISED[dialect])
    create_contested()
    create_rounds()
    create_losses()
    run(recovery_guards.RAISED[dialect])


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    run(recovery_guards.TAKEN_DOWN[dialect])
    for table in (LOSS, FIRST, RECOVERY, CONTESTED):
        op.drop_table(table)
    change_cuts(CAUSES[::-1], PERCENTS[::-1])
    run(holding_guards.RAISED[dialect])


def run(statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(sa.text(statement))


def change_cuts(causes: tuple[str, ...], percents: tuple[str, ...]) -> None:
    """Let cuts have other causes; the guards of their table are down afterwards."""
    run(holding_guards.TAKEN_DOWN[op.get_bind().dialect.name])
    change_check(CUT, f"ck_{CUT}_cause_known", *causes)
    change_check(CUT, f"ck_{CUT}_refund_in_bounds", *percents)


def create_contested() -> None:
    op.create_table(
        CONTESTED,
        *texts("round_id", "run_id", "bid_id"),
        sa.Column("lots", WHOLE, nullable=False),
        *texts("cause"),
        check(CONTESTED, "lots_at_least_1", "lots >= 1"),
        check(CONTESTED, "cause_known", "cause IN ('preempted', 'capacity-lost')"),
        reference(CONTESTED, "round_id", "round.id"),
        sa.ForeignKeyConstraint(
            ["run_id", "bid_id"],
            ["award.run_id", "award.bid_id"],
            name=op.f(f"fk_{CONTESTED}_run_id_bid_id"),
        ),
        sa.PrimaryKeyConstraint("round_id", "run_id", "bid_id", name=op.f(f"pk_{CONTESTED}")),
        sqlite_strict=True,
    )


def create_rounds() -> None:
    op.create_table(
        RECOVERY,
        *texts("round_id", "sprint_round_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        check(RECOVERY, "number_at_least_1", "number >= 1"),
        reference(RECOVERY, "round_id", "round.id"),
        reference(RECOVERY, "sprint_round_id", "round.id"),
        sa.PrimaryKeyConstraint("round_id", name=op.f(f"pk_{RECOVERY}")),
        sa.UniqueConstraint(
            "sprint_round_id", "number", name=op.f(f"uq_{RECOVERY}_sprint_round_id_number")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        FIRST,
        *texts("bid_id", "round_id"),
        reference(FIRST, "bid_id", "bid.id"),
        reference(FIRST, "round_id", "round.id"),
        sa.PrimaryKeyConstraint("bid_id", name=op.f(f"pk_{FIRST}")),
        sqlite_strict=True,
    )


def create_losses() -> None:
    op.create_table(
        LOSS,
        *texts("id", "pool_id"),
        sa.Column("first_day", DAY, nullable=False),
        sa.Column("last_day", DAY, nullable=False),
        sa.Column("units", WHOLE, nullable=False),
        *texts("reason", "reported_by"),
        sa.Column("reported_at", INSTANT, nullable=False),
        check(LOSS, "units_at_least_1", "units >= 1"),
        check(LOSS, "days_in_order", "first_day <= last_day"),
        check(LOSS, "reported_for_a_reason", "reason <> ''"),
        reference(LOSS, "pool_id", "pool.id"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{LOSS}")),
        sqlite_strict=True,
    )
    op.create_index(f"ix_{LOSS}_pool_id", LOSS, ["pool_id"])


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
