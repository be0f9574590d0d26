"""Tokens of people and services, and teams that are retired.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import token_guards

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}
TOKEN, RETIREMENT = "api_token", "team_retirement"


def upgrade() -> None:
    create_tokens()
    create_retirements()
    for statement in token_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in token_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table(RETIREMENT)
    op.drop_table(TOKEN)


def create_tokens() -> None:
    rules = {
        "token_has_a_name": "name <> ''",
        "token_has_scopes": "scopes <> ''",
        "secret_is_a_hash": "length(secret_sha256) = 64",
        "token_has_one_owner": "(person_id IS NULL) <> (service IS NULL)",
        "expires_after_it_was_issued": "issued_at < expires_at",
        "revoked_says_who_and_when": "(revoked_by IS NULL) = (revoked_at IS NULL)",
    }
    op.create_table(
        TOKEN,
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{TOKEN}_{name}"))
            for name, rule in rules.items()
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f(f"fk_{TOKEN}_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TOKEN}")),
        sa.UniqueConstraint("secret_sha256", name=op.f(f"uq_{TOKEN}_secret_sha256")),
        **STRICT,
    )
    is_live = sa.text("revoked_at IS NULL")
    op.create_index(
        f"uq_{TOKEN}_live",
        TOKEN,
        [sa.text("coalesce(person_id, '')"), sa.text("coalesce(service, '')"), "name"],
        unique=True,
        sqlite_where=is_live,
        postgresql_where=is_live,
    )


def create_retirements() -> None:
    op.create_table(
        RETIREMENT,
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("retired_by", sa.Text(), nullable=False),
        sa.Column("retired_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f(f"fk_{RETIREMENT}_team_id")),
        sa.PrimaryKeyConstraint("team_id", name=op.f(f"pk_{RETIREMENT}")),
        **STRICT,
    )
