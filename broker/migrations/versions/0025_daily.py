"""Declined bids wait, and daily rounds hand out what is free.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import spot_guards

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
STEP, DAILY = "waitlist_step", "daily_round"


def upgrade() -> None:
    create_steps()
    create_daily_rounds()
    for statement in spot_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in spot_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table(DAILY)
    op.drop_table(STEP)


def create_steps() -> None:
    op.create_table(
        STEP,
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("wished_by", sa.Text(), nullable=False),
        sa.Column("wished_at", INSTANT, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f(f"ck_{STEP}_number_at_least_1")),
        sa.CheckConstraint("wish IN ('take', 'leave')", name=op.f(f"ck_{STEP}_wish_known")),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f(f"fk_{STEP}_bid_id")),
        sa.PrimaryKeyConstraint("bid_id", "number", name=op.f(f"pk_{STEP}")),
        sqlite_strict=True,
    )


def create_daily_rounds() -> None:
    op.create_table(
        DAILY,
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("sprint_round_id", sa.Text(), nullable=False),
        sa.Column("day", DAY, nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f(f"fk_{DAILY}_round_id")),
        sa.ForeignKeyConstraint(
            ["sprint_round_id"], ["round.id"], name=op.f(f"fk_{DAILY}_sprint_round_id")
        ),
        sa.PrimaryKeyConstraint("round_id", name=op.f(f"pk_{DAILY}")),
        sa.UniqueConstraint("sprint_round_id", "day", name=op.f(f"uq_{DAILY}_sprint_round_id_day")),
        sqlite_strict=True,
    )
