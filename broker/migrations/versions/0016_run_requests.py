"""Rehearsals and runs that people ask for on a page, and what rehearsals decided.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import run_guards

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    create_requests()
    create_outcomes()
    for statement in run_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in run_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table("run_outcome")
    op.drop_table("run_request")


def create_requests() -> None:
    op.create_table(
        "run_request",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("id", "round_id", "purpose", "asked_by")
        ),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('publication', 'rehearsal')", name=op.f("ck_run_request_purpose_known")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_run_request_round_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_request_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_request")),
        sqlite_strict=True,
    )
    for column in ("round_id", "run_id"):
        op.create_index(op.f(f"ix_run_request_{column}"), "run_request", [column])
    is_waiting = sa.text("run_id IS NULL")
    op.create_index(
        "uq_run_request_waiting",
        "run_request",
        ["round_id"],
        unique=True,
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )


def create_outcomes() -> None:
    op.create_table(
        "run_outcome",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_outcome_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_outcome")),
        sqlite_strict=True,
    )
