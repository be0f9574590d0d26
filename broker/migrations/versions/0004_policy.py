"""Policies in versions, what bids pledge, and what a round froze at its close.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import policy_guards

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = (
    "policy_version",
    "bid_pledge",
    "round_policy",
    "bid_score",
    "bid_factor",
    "barred_alternative",
)
"""In the order in which they refer to each other."""


def upgrade() -> None:
    create_versions()
    create_pledges()
    create_round_policies()
    create_scores()
    create_factors()
    create_bars()
    for statement in policy_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for statement in policy_guards.LEFT_BEHIND[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def create_versions() -> None:
    rules = {
        "version_at_least_1": "version >= 1",
        "approver_is_another": "approver IS NULL OR approver <> author",
        "adopted_for_a_reason": "reason <> ''",
        "never_in_force_before": "in_force_from >= adopted_at",
    }
    op.create_table(
        "policy_version",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_sha256", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("adopted_at", INSTANT, nullable=False),
        sa.Column("in_force_from", INSTANT, nullable=False),
        *checks("policy_version", rules),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy_version")),
        **STRICT,
    )


def create_pledges() -> None:
    op.create_table(
        "bid_pledge",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("theme_key", sa.Text(), nullable=True),
        sa.Column("owner_after_award", sa.Text(), nullable=False),
        sa.Column("success_measure", sa.Text(), nullable=False),
        sa.Column("ends_on", DAY, nullable=True),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f("fk_bid_pledge_bid_id")),
        sa.PrimaryKeyConstraint("bid_id", name=op.f("pk_bid_pledge")),
        **STRICT,
    )


def create_round_policies() -> None:
    op.create_table(
        "round_policy",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("scores_sha256", sa.Text(), nullable=False),
        sa.Column("frozen_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_round_policy_round_id")),
        sa.ForeignKeyConstraint(
            ["policy_version"],
            ["policy_version.version"],
            name=op.f("fk_round_policy_policy_version"),
        ),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_round_policy")),
        **STRICT,
    )


def create_scores() -> None:
    op.create_table(
        "bid_score",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("multiplier_percent", sa.Integer(), nullable=False),
        *checks("bid_score", {"multiplier_in_bounds": "multiplier_percent BETWEEN 50 AND 200"}),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f("fk_bid_score_bid_id")),
        sa.PrimaryKeyConstraint("bid_id", name=op.f("pk_bid_score")),
        **STRICT,
    )


def create_factors() -> None:
    rules = {
        "kind_known": (
            "kind IN ('no-policy', 'theme', 'owner-after-award', 'success-measure', 'end', "
            "'calibration')"
        ),
        "position_at_least_1": "position >= 1 AND percent >= 1",
    }
    op.create_table(
        "bid_factor",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *checks("bid_factor", rules),
        sa.ForeignKeyConstraint(
            ["bid_id"], ["bid_score.bid_id"], name=op.f("fk_bid_factor_bid_id")
        ),
        sa.PrimaryKeyConstraint("bid_id", "position", name=op.f("pk_bid_factor")),
        **STRICT,
    )


def create_bars() -> None:
    rules = {
        "reason_known": "reason IN ('ineligible', 'approval-missing', 'policy')",
        "position_at_least_1": "position >= 1",
    }
    op.create_table(
        "barred_alternative",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        *checks("barred_alternative", rules),
        sa.ForeignKeyConstraint(
            ["bid_id", "number"],
            ["alternative.bid_id", "alternative.number"],
            name=op.f("fk_barred_alternative_bid_id_number"),
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["pool.id"], name=op.f("fk_barred_alternative_pool_id")
        ),
        sa.PrimaryKeyConstraint("bid_id", "number", "position", name=op.f("pk_barred_alternative")),
        **STRICT,
    )


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
