"""What proves the audit log: a tree and a chain over its events, checkpoints, notes of changes.

What events there are get their leaves when the schema has come to its last version, by
broker/proofs/adopting.py.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import log_guards
from broker.proofs.noting import take_notes_down

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = ("audit_leaf", "audit_checkpoint", "audit_salt", "audit_touched")


def upgrade() -> None:
    create_leaves()
    create_checkpoints()
    create_salts()
    create_touched()
    for statement in log_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    take_notes_down(op.get_bind())
    for statement in log_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in reversed(TABLES):
        op.drop_table(table)


def create_leaves() -> None:
    op.create_table(
        "audit_leaf",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.Text(), nullable=True),
        sa.Column("hashes", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "length(hashes) >= 64 AND length(hashes) % 64 = 0",
            name=op.f("ck_audit_leaf_hashes_are_whole"),
        ),
        sa.CheckConstraint("length(head) = 64", name=op.f("ck_audit_leaf_head_is_whole")),
        sa.ForeignKeyConstraint(
            ["sequence"], ["audit_event.sequence"], name=op.f("fk_audit_leaf_sequence")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_leaf")),
        **STRICT,
    )


def create_checkpoints() -> None:
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.CheckConstraint("size >= 1", name=op.f("ck_audit_checkpoint_size_at_least_1")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
        **STRICT,
    )


def create_salts() -> None:
    op.create_table(
        "audit_salt",
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "row_key", name=op.f("pk_audit_salt")),
        **STRICT,
    )


def create_touched() -> None:
    op.create_table(
        "audit_touched",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("transaction_id", WHOLE, nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_touched")),
        **STRICT,
    )
    op.create_index(op.f("ix_audit_touched_transaction_id"), "audit_touched", ["transaction_id"])
