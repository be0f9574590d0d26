"""Pools with calendars of their own, version by version, and what they change in rounds.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import calendar_guards

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    create_versions()
    create_amendments()
    for statement in calendar_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in calendar_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table("capacity_amendment")
    op.drop_table("pool_version")


def create_versions() -> None:
    rules = {
        "number_at_least_1": "number >= 1",
        "state_known": "state IN ('proposed', 'in-force', 'refused')",
        "basis_known": "basis IN ('one-person', 'two-persons')",
        "proposed_for_a_reason": "reason <> ''",
        "decision_says_who_and_when": (
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)"
        ),
        "approver_is_another": (
            "basis = 'one-person' OR state <> 'in-force' OR decided_by <> proposed_by"
        ),
        "alone_means_at_once": (
            "basis = 'two-persons' OR (state = 'in-force' AND decided_by = proposed_by)"
        ),
    }
    op.create_table(
        "pool_version",
        *texts("id", "pool_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        *texts("state", "basis", "document", "document_sha256", "reason", "proposed_by"),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        *checks("pool_version", rules),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_pool_version_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool_version")),
        sa.UniqueConstraint("pool_id", "number", name=op.f("uq_pool_version_pool_id_number")),
        **STRICT,
    )
    is_proposed = sa.text("state = 'proposed'")
    op.create_index(
        "uq_pool_version_proposed",
        "pool_version",
        ["pool_id"],
        unique=True,
        sqlite_where=is_proposed,
        postgresql_where=is_proposed,
    )


def create_amendments() -> None:
    rules = {
        "changed_days_at_least_1": "changed_days >= 1",
        "round_state_known": "round_state IN ('scheduled', 'open', 'closed')",
    }
    op.create_table(
        "capacity_amendment",
        *texts("round_id", "version_id"),
        sa.Column("changed_days", sa.Integer(), nullable=False),
        *texts("round_state"),
        sa.Column("amended_at", INSTANT, nullable=False),
        *checks("capacity_amendment", rules),
        sa.ForeignKeyConstraint(
            ["round_id"], ["round.id"], name=op.f("fk_capacity_amendment_round_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["pool_version.id"], name=op.f("fk_capacity_amendment_version_id")
        ),
        sa.PrimaryKeyConstraint("round_id", "version_id", name=op.f("pk_capacity_amendment")),
        **STRICT,
    )


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
