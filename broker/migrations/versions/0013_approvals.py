"""Decision rights in versions, requests for approval with their steps, and what a close froze.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import approval_guards

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = ("decision_matrix", "approval_request", "approval_step", "round_approval")
"""In the order in which they refer to each other."""


def upgrade() -> None:
    create_matrices()
    create_requests()
    create_steps()
    create_frozen()
    for statement in approval_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in approval_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in reversed(TABLES):
        op.drop_table(table)


def create_matrices() -> None:
    rules = {
        "version_at_least_1": "version >= 1",
        "state_known": "state IN ('proposed', 'active', 'refused')",
        "proposed_for_a_reason": "reason <> ''",
        "approver_is_another": "state <> 'active' OR decided_by <> author",
        "decided_says_who_and_when": (
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)"
        ),
    }
    op.create_table(
        "decision_matrix",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_sha256", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        *checks("decision_matrix", rules),
        refers("decision_matrix", "author", "person"),
        refers("decision_matrix", "decided_by", "person"),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_decision_matrix")),
        **STRICT,
    )
    one_only("uq_decision_matrix_proposed", "decision_matrix", ["state"], "state = 'proposed'")


def create_requests() -> None:
    rules = {
        "lane_known": "lane IN ('rule', 'pool-owner', 'review-board')",
        "state_known": "state IN ('waiting', 'approved', 'rejected', 'withdrawn')",
        "most_credits_at_least_1": "most_credits >= 1",
        "matrix_version_at_least_0": "matrix_version >= 0",
        "period_in_order": "valid_from <= valid_until",
        "purpose_given": "purpose <> ''",
        "decided_says_when": "(state = 'waiting') = (decided_at IS NULL)",
        "a_person_decides": "(decided_by IS NULL) = (state = 'waiting' OR lane = 'rule')",
        "rules_only_let_pass": "lane <> 'rule' OR state = 'approved'",
        "nobody_decides_the_own_request": (
            "state NOT IN ('approved', 'rejected') OR decided_by IS NULL OR decided_by <> asked_by"
        ),
        "rejected_for_a_reason": "state <> 'rejected' OR reason <> ''",
    }
    op.create_table(
        "approval_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("purpose_key", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("most_credits", WHOLE, nullable=False),
        sa.Column("valid_from", DAY, nullable=False),
        sa.Column("valid_until", DAY, nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("matrix_version", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        *checks("approval_request", rules),
        refers("approval_request", "team_id", "team"),
        refers("approval_request", "pool_id", "pool"),
        refers("approval_request", "asked_by", "person"),
        refers("approval_request", "decided_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_request")),
        **STRICT,
    )
    op.create_index(
        op.f("ix_approval_request_team_id_pool_id"), "approval_request", ["team_id", "pool_id"]
    )
    columns = ["team_id", "pool_id", "purpose_key"]
    one_only("uq_approval_request_waiting", "approval_request", columns, "state = 'waiting'")


def create_steps() -> None:
    rules = {
        "position_at_least_1": "position >= 1",
        "step_known": "step IN ('pool-owner', 'review-board', 'all-admins')",
        "only_the_last_waits": "(step = 'all-admins') = (due_at IS NULL)",
        "due_after_it_began": "due_at IS NULL OR due_at > begun_at",
    }
    op.create_table(
        "approval_step",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        *checks("approval_step", rules),
        refers("approval_step", "request_id", "approval_request"),
        sa.PrimaryKeyConstraint("request_id", "position", name=op.f("pk_approval_step")),
        **STRICT,
    )


def create_frozen() -> None:
    op.create_table(
        "round_approval",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id", "team_id"],
            ["round_team.round_id", "round_team.team_id"],
            name=op.f("fk_round_approval_round_id_team_id"),
        ),
        refers("round_approval", "request_id", "approval_request"),
        sa.PrimaryKeyConstraint("round_id", "request_id", name=op.f("pk_round_approval")),
        **STRICT,
    )


def one_only(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        op.f(name),
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    target = f"{other}.id"
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
