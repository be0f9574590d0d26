"""What is decided stays: triggers that refuse to rewrite the past, whoever asks the database.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import result_guards

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in result_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in result_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
