"""Awards give up what they hold, and people are told.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import holding_guards
from broker.migrations.closed_sets import change_check

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "holding_cut"
RULES = {
    "number_at_least_1": "number >= 1 AND lots >= 1",
    "refund_credits_at_least_0": "refund_credits >= 0",
    "refund_in_bounds": "refund_percent BETWEEN 0 AND 100",
    "cause_known": "cause IN ('released')",
}
BEFORE = (
    "kind IN ('deadline-near', 'result-published', 'to-approve', 'delivery-to-report', "
    "'delivery-to-confirm', 'round-opened', 'round-changed', 'approval-decided', "
    "'access-changed')"
)
AFTER = BEFORE.replace("'access-changed'", "'access-changed', 'award-cut'")
TOLD = ("notice", "notice_opt_out")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("lots", WHOLE, nullable=False),
        sa.Column("from_day", DAY, nullable=False),
        sa.Column("refund_percent", sa.Integer(), nullable=False),
        sa.Column("refund_credits", WHOLE, nullable=False),
        sa.Column("cut_by", sa.Text(), nullable=False),
        sa.Column("cut_at", INSTANT, nullable=False),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{TABLE}_{name}"))
            for name, rule in RULES.items()
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "bid_id"],
            ["award.run_id", "award.bid_id"],
            name=op.f(f"fk_{TABLE}_run_id_bid_id"),
        ),
        sa.PrimaryKeyConstraint("run_id", "bid_id", "number", name=op.f(f"pk_{TABLE}")),
        sqlite_strict=True,
    )
    for table in TOLD:
        change_check(table, f"ck_{table}_kind_known", BEFORE, AFTER)
    for statement in holding_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in holding_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in TOLD:
        change_check(table, f"ck_{table}_kind_known", AFTER, BEFORE)
    op.drop_table(TABLE)
