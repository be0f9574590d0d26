"""Drafts, versions and withdrawals of bids.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import bid_guards, bid_history

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("team_bid", "bid_version", "bid_template", "asked_pool")
"""In the order in which they refer to each other."""
STATES = "state IN ('draft', 'submitted', 'withdrawn')"


def upgrade() -> None:
    create_bids()
    create_versions()
    create_templates()
    create_asked_pools()
    op.create_index(op.f("ix_bid_round_id_team_id"), "bid", ["round_id", "team_id"])
    op.create_index(op.f("ix_item_pool_id"), "item", ["pool_id"])
    bid_history.keep_what_was_submitted(op.get_bind())
    bid_history.keep_what_was_asked(op.get_bind())
    for statement in bid_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    op.drop_index(op.f("ix_item_pool_id"), "item")
    op.drop_index(op.f("ix_bid_round_id_team_id"), "bid")
    for table in reversed(TABLES):
        op.drop_table(table)
    for statement in bid_guards.LEFT_BEHIND[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def create_bids() -> None:
    op.create_table(
        "team_bid",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *checks("team_bid", {"state_known": STATES, "version_at_least_1": "version >= 1"}),
        *references("team_bid", round_id="round.id", team_id="team.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_bid")),
        **STRICT,
    )
    op.create_index("ix_team_bid_team_id_round_id", "team_bid", ["team_id", "round_id"])


def create_versions() -> None:
    rules = {
        "state_known": STATES,
        "version_at_least_1": "version >= 1",
        "committed_when_submitted": "(state = 'draft') = (commitment IS NULL)",
        "commitment_has_a_salt": "(salt IS NULL) = (commitment IS NULL)",
    }
    op.create_table(
        "bid_version",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("salt", sa.Text(), nullable=True),
        sa.Column("commitment", sa.Text(), nullable=True),
        *checks("bid_version", rules),
        *references("bid_version", bid_id="team_bid.id"),
        sa.PrimaryKeyConstraint("bid_id", "version", name=op.f("pk_bid_version")),
        **STRICT,
    )


def create_templates() -> None:
    op.create_table(
        "bid_template",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts_on", DAY, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        *checks("bid_template", {"template_has_a_name": "name <> ''"}),
        *references("bid_template", team_id="team.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bid_template")),
        sa.UniqueConstraint("team_id", "name", name=op.f("uq_bid_template_team_id_name")),
        **STRICT,
    )


def create_asked_pools() -> None:
    op.create_table(
        "asked_pool",
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("unit_days", WHOLE, nullable=False),
        *checks("asked_pool", {"unit_days_at_least_1": "unit_days >= 1"}),
        *references("asked_pool", pool_id="pool.id", round_id="round.id"),
        sa.ForeignKeyConstraint(
            ["bid_id", "number"],
            ["alternative.bid_id", "alternative.number"],
            name=op.f("fk_asked_pool_bid_id_number"),
        ),
        sa.PrimaryKeyConstraint(
            "pool_id", "round_id", "bid_id", "number", name=op.f("pk_asked_pool")
        ),
        **STRICT,
    )


def references(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
        for column, target in columns.items()
    ]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
