"""What came of awards: reports in versions, verdicts of others, and what a close froze of them.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import delivery_guards

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = ("delivery", "delivery_verdict", "team_record")
"""In the order in which they refer to each other."""


def upgrade() -> None:
    create_deliveries()
    create_verdicts()
    create_records()
    for statement in delivery_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for statement in delivery_guards.LEFT_BEHIND[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def create_deliveries() -> None:
    rules = {
        "version_at_least_1": "version >= 1",
        "delivered_in_bounds": "delivered_percent BETWEEN 0 AND 150",
        "evidence_given": "evidence <> ''",
        "link_is_http": "link LIKE 'http://_%' OR link LIKE 'https://_%'",
        "corrected_for_a_reason": "(version = 1) = (correction = '')",
    }
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("delivered_percent", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("correction", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        *checks("delivery", rules),
        sa.ForeignKeyConstraint(
            ["run_id", "bid_id"],
            ["award.run_id", "award.bid_id"],
            name=op.f("fk_delivery_run_id_bid_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("bid_id", "version", name=op.f("uq_delivery_bid_id_version")),
        sa.UniqueConstraint("id", "author", name=op.f("uq_delivery_id_author")),
        **STRICT,
    )


def create_verdicts() -> None:
    rules = {
        "verdict_known": "verdict IN ('confirmed', 'disputed')",
        "approver_is_another": "approver <> author",
        "disputed_for_a_reason": "verdict = 'confirmed' OR note <> ''",
    }
    op.create_table(
        "delivery_verdict",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        *checks("delivery_verdict", rules),
        sa.ForeignKeyConstraint(
            ["delivery_id", "author"],
            ["delivery.id", "delivery.author"],
            name=op.f("fk_delivery_verdict_delivery_id_author"),
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery_verdict")),
        **STRICT,
    )


def create_records() -> None:
    rules = {
        "awards_at_least_1": "awards >= 1 AND promised_points >= 1",
        "delivered_points_at_least_0": "delivered_points >= 0",
    }
    op.create_table(
        "team_record",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("awards", sa.Integer(), nullable=False),
        sa.Column("promised_points", WHOLE, nullable=False),
        sa.Column("delivered_points", WHOLE, nullable=False),
        *checks("team_record", rules),
        sa.ForeignKeyConstraint(
            ["round_id", "team_id"],
            ["round_team.round_id", "round_team.team_id"],
            name=op.f("fk_team_record_round_id_team_id"),
        ),
        sa.PrimaryKeyConstraint("round_id", "team_id", name=op.f("pk_team_record")),
        **STRICT,
    )


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
