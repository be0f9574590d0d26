"""The rule for recurring sprints, version by version, and the sprints that it announced.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import sprint_guards

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}
RULE, ANNOUNCED = "sprint_rule", "announced_sprint"


def upgrade() -> None:
    create_rules()
    create_announced()
    for statement in sprint_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in sprint_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table(ANNOUNCED)
    op.drop_table(RULE)


def create_rules() -> None:
    rules = {
        "version_at_least_1": "version >= 1",
        "state_known": "state IN ('proposed', 'active', 'refused', 'ended')",
        "proposed_for_a_reason": "reason <> ''",
        "approver_is_another": "state NOT IN ('active', 'ended') OR decided_by <> author",
        "decided_says_who_and_when": (
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)"
        ),
        "ended_says_who_and_when": (
            "(state = 'ended') = (ended_by IS NOT NULL) AND (ended_by IS NULL) = (ended_at IS NULL)"
        ),
    }
    op.create_table(
        RULE,
        sa.Column("version", sa.Integer(), nullable=False),
        *texts("document", "document_sha256", "reason", "state", "author"),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        *checks(RULE, rules),
        *(refers(RULE, column, "person.id") for column in ("author", "decided_by", "ended_by")),
        sa.PrimaryKeyConstraint("version", name=op.f(f"pk_{RULE}")),
        **STRICT,
    )
    is_proposed = sa.text("state = 'proposed'")
    op.create_index(
        f"uq_{RULE}_proposed",
        RULE,
        ["state"],
        unique=True,
        sqlite_where=is_proposed,
        postgresql_where=is_proposed,
    )


def create_announced() -> None:
    op.create_table(
        ANNOUNCED,
        sa.Column("starts_on", DAY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *texts("round_id"),
        *checks(ANNOUNCED, {"number_at_least_0": "number >= 0"}),
        refers(ANNOUNCED, "version", "sprint_rule.version"),
        refers(ANNOUNCED, "round_id", "round.id"),
        sa.PrimaryKeyConstraint("starts_on", name=op.f(f"pk_{ANNOUNCED}")),
        sa.UniqueConstraint("round_id", name=op.f(f"uq_{ANNOUNCED}_round_id")),
        **STRICT,
    )


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]


def refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
