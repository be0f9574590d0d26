"""The hosts on which `broker tick` runs, and when each last did.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "host",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ticked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_host")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("host")
