"""People, their roles and their sessions.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = ("person", "role_grant", "person_session", "sign_in_attempt")
"""In the order in which they refer to each other."""


def upgrade() -> None:
    create_people()
    create_grants()
    create_sessions()
    create_attempts()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("disabled_at", INSTANT, nullable=True),
        *checks("person", {"person_has_a_name": "name <> ''"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("key", name=op.f("uq_person_key")),
        **STRICT,
    )


def create_grants() -> None:
    rules = {
        "role_known": (
            "role IN ('platform-admin', 'finance-auditor', 'member', 'team-lead', 'pool-owner')"
        ),
        "basis_known": "basis IN ('two-persons', 'first-admin')",
        "team_role_has_a_team": "(role IN ('member', 'team-lead')) = (team_id IS NOT NULL)",
        "pool_owner_has_a_pool": "(role = 'pool-owner') = (pool_id IS NOT NULL)",
        "approver_is_another": "approved_by IS NULL OR approved_by <> proposed_by",
        "nobody_approves_for_oneself": "approved_by IS NULL OR approved_by <> person_id",
        "approval_says_who_and_when": "(approved_by IS NULL) = (approved_at IS NULL)",
        "end_says_who_and_when": "(ended_by IS NULL) = (ended_at IS NULL)",
        "only_an_admin_comes_first": (
            "basis <> 'first-admin' OR (role = 'platform-admin' AND approved_by IS NULL)"
        ),
    }
    op.create_table(
        "role_grant",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=True),
        sa.Column("pool_id", sa.Text(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", INSTANT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        *checks("role_grant", rules),
        *references("role_grant", person_id="person.id", team_id="team.id", pool_id="pool.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        **STRICT,
    )
    of_one_thing = (sa.text("coalesce(team_id, '')"), sa.text("coalesce(pool_id, '')"))
    create_unique("uq_role_grant_first_admin", "basis = 'first-admin'", "basis")
    create_unique("uq_role_grant_live", "ended_at IS NULL", "person_id", "role", *of_one_thing)


def create_unique(name: str, where: str, *columns: str | sa.TextClause) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "role_grant",
        list(columns),
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def create_sessions() -> None:
    rules = {
        "seen_after_it_began": "began_at <= seen_at",
        "ends_after_it_began": "began_at < ends_at",
    }
    op.create_table(
        "person_session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("browser", sa.Text(), nullable=False),
        *checks("person_session", rules),
        *references("person_session", person_id="person.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_session")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_person_session_secret_sha256")),
        **STRICT,
    )
    op.create_index(op.f("ix_person_session_person_id"), "person_session", ["person_id"])


def create_attempts() -> None:
    rules = {
        "kind_known": "kind IN ('account', 'source')",
        "failures_at_least_1": "failures >= 1",
    }
    op.create_table(
        "sign_in_attempt",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_sha256", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", INSTANT, nullable=False),
        sa.Column("waits_until", INSTANT, nullable=True),
        *checks("sign_in_attempt", rules),
        sa.PrimaryKeyConstraint("kind", "subject_sha256", name=op.f("pk_sign_in_attempt")),
        **STRICT,
    )
    op.create_index(op.f("ix_sign_in_attempt_failed_at"), "sign_in_attempt", ["failed_at"])


def references(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
        for column, target in columns.items()
    ]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
