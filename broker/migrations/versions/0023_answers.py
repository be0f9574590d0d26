"""What programs were answered, by the keys under which they asked.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TABLE = "api_answer"


def upgrade() -> None:
    op.create_table(
        TABLE,
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("asker", "key", "request_sha256", "answer")
        ),
        sa.Column("answered_at", INSTANT, nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f(f"ck_{TABLE}_answer_has_a_key")),
        sa.PrimaryKeyConstraint("asker", "key", name=op.f(f"pk_{TABLE}")),
        sqlite_strict=True,
    )
    op.create_index(op.f(f"ix_{TABLE}_answered_at"), TABLE, ["answered_at"])


def downgrade() -> None:
    op.drop_table(TABLE)
