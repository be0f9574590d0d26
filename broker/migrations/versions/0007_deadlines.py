"""Deadlines of rounds and their changes by two persons; why a round was cancelled.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import deadline_guards

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    create_deadline_changes()
    create_cancellations()
    for statement in deadline_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in deadline_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table("cancellation")
    op.drop_table("deadline_change")


def create_deadline_changes() -> None:
    rules = {
        "state_known": "state IN ('proposed', 'approved', 'refused')",
        "proposed_for_a_reason": "reason <> ''",
        "changes_something": "closes_at_before IS NULL OR closes_at <> closes_at_before",
        "closes_in_the_future": "closes_at > proposed_at",
        "decision_says_who_and_when": (
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)"
        ),
        "approver_is_another": "state <> 'approved' OR decided_by <> proposed_by",
    }
    op.create_table(
        "deadline_change",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closes_at_before", INSTANT, nullable=True),
        sa.Column("closes_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        *checks("deadline_change", rules),
        sa.ForeignKeyConstraint(
            ["round_id"], ["round.id"], name=op.f("fk_deadline_change_round_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_change")),
        **STRICT,
    )
    op.create_index(op.f("ix_deadline_change_round_id"), "deadline_change", ["round_id"])
    is_proposed = sa.text("state = 'proposed'")
    op.create_index(
        "uq_deadline_change_proposed",
        "deadline_change",
        ["round_id"],
        unique=True,
        sqlite_where=is_proposed,
        postgresql_where=is_proposed,
    )


def create_cancellations() -> None:
    op.create_table(
        "cancellation",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cancelled_by", sa.Text(), nullable=False),
        sa.Column("cancelled_at", INSTANT, nullable=False),
        *checks("cancellation", {"cancelled_for_a_reason": "reason <> ''"}),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_cancellation_round_id")),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_cancellation")),
        **STRICT,
    )


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
