"""What people ask about declined bids, and what the answers were.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TABLE = "counterfactual_question"
RULES = {
    "verdict_known": "verdict IN ('wins', 'loses', 'unknown')",
    "begun_before_answer": "answered_at IS NULL OR begun_at IS NOT NULL",
    "verdict_has_an_answer": "(verdict IS NULL) = (answer IS NULL)",
    "answered_says_what": "(verdict IS NULL) = (answered_at IS NULL OR document = '{}')",
}


def upgrade() -> None:
    op.create_table(
        TABLE,
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("id", "run_id", "bid_id", "document", "asked_by")
        ),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("begun_at", INSTANT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{TABLE}_{name}"))
            for name, rule in RULES.items()
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "bid_id"],
            ["decline.run_id", "decline.bid_id"],
            name=op.f(f"fk_{TABLE}_run_id_bid_id"),
        ),
        sa.UniqueConstraint(
            "run_id", "bid_id", "document", name=op.f(f"uq_{TABLE}_run_id_bid_id_document")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sqlite_strict=True,
    )
    op.create_index(op.f(f"ix_{TABLE}_bid_id"), TABLE, ["bid_id"])


def downgrade() -> None:
    op.drop_table(TABLE)
