"""People may be told that their request for an approval was answered.

Revision ID: 0018
Revises: 0017
"""

from broker.migrations.closed_sets import change_check

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BEFORE = (
    "kind IN ('deadline-near', 'result-published', 'to-approve', 'delivery-to-report', "
    "'delivery-to-confirm', 'round-opened', 'round-changed')"
)
AFTER = BEFORE.replace("'round-changed'", "'round-changed', 'approval-decided'")
TABLES = ("notice", "notice_opt_out")


def upgrade() -> None:
    for table in TABLES:
        change_check(table, f"ck_{table}_kind_known", BEFORE, AFTER)


def downgrade() -> None:
    for table in TABLES:
        change_check(table, f"ck_{table}_kind_known", AFTER, BEFORE)
