"""What would have won, per declined bid: computed after the publication.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "counterfactual",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("lower_credits", WHOLE, nullable=True),
        sa.Column("upper_credits", WHOLE, nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "standing IN ('exact', 'interval', 'estimate')",
            name=op.f("ck_counterfactual_standing_known"),
        ),
        sa.CheckConstraint(
            "lower_credits >= 1 AND upper_credits >= 1",
            name=op.f("ck_counterfactual_lower_credits_at_least_1"),
        ),
        sa.CheckConstraint(
            "lower_credits <= upper_credits", name=op.f("ck_counterfactual_bounds_in_order")
        ),
        sa.CheckConstraint(
            "(standing = 'estimate') = (answered_at IS NULL)",
            name=op.f("ck_counterfactual_answered_says_when"),
        ),
        sa.CheckConstraint(
            "standing <> 'exact' OR lower_credits = upper_credits "
            "OR (lower_credits IS NULL AND upper_credits IS NULL)",
            name=op.f("ck_counterfactual_exact_is_one_offer"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "bid_id"],
            ["decline.run_id", "decline.bid_id"],
            name=op.f("fk_counterfactual_run_id_bid_id"),
        ),
        sa.PrimaryKeyConstraint("run_id", "bid_id", name=op.f("pk_counterfactual")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_counterfactual_bid_id"), "counterfactual", ["bid_id"])


def downgrade() -> None:
    op.drop_table("counterfactual")
