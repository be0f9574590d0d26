"""The nonce of a round is drawn when it opens, and never again.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import nonce_guards

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in nonce_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in nonce_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
