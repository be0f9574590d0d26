"""What published rounds came to, in sums: per round, pool and team.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import figure_guards

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ROUND, POOL, TEAM = "round_figure", "pool_figure", "team_figure"
OF_ROUND = ("value", "first_come_value", "greedy_value", "bids", "awards")
OF_POOL = (
    "reserved_unit_days",
    "spot_unit_days",
    "held_unit_days",
    "reserved_used_unit_days",
    "spot_used_unit_days",
    "spot_on_reserved_unit_days",
    "wanted_unit_days",
)
SCARCITY = ("reserved_scarcity", "spot_scarcity")
OF_TEAM = ("credits", "bids", "awards", "value", "payment_credits")


def upgrade() -> None:
    op.create_table(
        ROUND,
        sa.Column("run_id", sa.Text(), nullable=False),
        *wholes(*OF_ROUND),
        *wholes("jain_millionths", "wait_minutes", nullable=True),
        at_least_0(ROUND, OF_ROUND),
        sa.CheckConstraint(
            "jain_millionths BETWEEN 0 AND 1000000", name=op.f(f"ck_{ROUND}_jain_in_bounds")
        ),
        reference(ROUND, "run_id", "run.id"),
        sa.PrimaryKeyConstraint("run_id", name=op.f(f"pk_{ROUND}")),
        sqlite_strict=True,
    )
    op.create_table(
        POOL,
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        *wholes(*OF_POOL),
        *wholes("reserved_price_microcredits", "spot_price_microcredits", nullable=True),
        *wholes(*SCARCITY),
        sa.Column("scarcest_on", DAY, nullable=True),
        at_least_0(POOL, (*OF_POOL, *SCARCITY)),
        reference(POOL, "run_id", f"{ROUND}.run_id"),
        reference(POOL, "pool_id", "pool.id"),
        sa.PrimaryKeyConstraint("run_id", "pool_id", name=op.f(f"pk_{POOL}")),
        sqlite_strict=True,
    )
    op.create_table(
        TEAM,
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        *wholes(*OF_TEAM),
        at_least_0(TEAM, OF_TEAM),
        reference(TEAM, "run_id", f"{ROUND}.run_id"),
        reference(TEAM, "team_id", "team.id"),
        sa.PrimaryKeyConstraint("run_id", "team_id", name=op.f(f"pk_{TEAM}")),
        sqlite_strict=True,
    )
    for statement in figure_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in figure_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in (TEAM, POOL, ROUND):
        op.drop_table(table)


def wholes(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, WHOLE, nullable=nullable) for name in names]


def at_least_0(table: str, names: tuple[str, ...]) -> sa.CheckConstraint:
    rule = " AND ".join(f"{name} >= 0" for name in names)
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{names[0]}_at_least_0"))


def reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
