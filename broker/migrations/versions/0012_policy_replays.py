"""Policies that one person proposes and another activates; their replays on past rounds.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import replay_guards

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    create_proposals()
    create_replays()
    for statement in replay_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in replay_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table("policy_replay")
    op.drop_table("policy_proposal")


def create_proposals() -> None:
    rules = {
        "state_known": "state IN ('proposed', 'activated', 'refused')",
        "proposed_for_a_reason": "reason <> ''",
        "decision_says_who_and_when": (
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)"
        ),
        "approver_is_another": "state <> 'activated' OR decided_by <> author",
        "activated_is_a_version": "(state = 'activated') = (version IS NOT NULL)",
    }
    op.create_table(
        "policy_proposal",
        *texts("id", "state", "document", "document_sha256", "reason", "author"),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        *checks("policy_proposal", rules),
        sa.ForeignKeyConstraint(
            ["version"], ["policy_version.version"], name=op.f("fk_policy_proposal_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_proposal")),
        **STRICT,
    )
    is_proposed = sa.text("state = 'proposed'")
    op.create_index(
        "uq_policy_proposal_proposed",
        "policy_proposal",
        ["state"],
        unique=True,
        sqlite_where=is_proposed,
        postgresql_where=is_proposed,
    )


def create_replays() -> None:
    rules = {
        "state_known": "state IN ('waiting', 'solving', 'done', 'failed')",
        "begun_says_when": "(state = 'waiting') = (started_at IS NULL)",
        "over_says_when": "(state IN ('done', 'failed')) = (finished_at IS NOT NULL)",
        "failed_says_why": "(state = 'failed') = (failure IS NOT NULL)",
        "done_has_a_result": "(state = 'done') = (result IS NOT NULL)",
    }
    op.create_table(
        "policy_replay",
        *texts("id", "policy_sha256", "document", "round_id", "state", "stage", "asked_by"),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        *checks("policy_replay", rules),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_policy_replay_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_replay")),
        sa.UniqueConstraint(
            "policy_sha256", "round_id", name=op.f("uq_policy_replay_policy_sha256_round_id")
        ),
        **STRICT,
    )
    op.create_index(op.f("ix_policy_replay_round_id"), "policy_replay", ["round_id"])


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
