"""Experts by name, and the hours that awards ask of them.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import expert_guards
from broker.migrations.closed_sets import change_check

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
BEFORE = (
    "kind IN ('deadline-near', 'result-published', 'to-approve', 'delivery-to-report', "
    "'delivery-to-confirm', 'round-opened', 'round-changed', 'approval-decided', 'access-changed', "
    "'award-cut')"
)
AFTER = BEFORE.replace("'award-cut'", "'award-cut', 'hours-to-confirm', 'hours-to-name'")
NOTICES = ("notice", "notice_opt_out")


def upgrade() -> None:
    create_experts()
    create_hours()
    for table in NOTICES:
        change_check(table, f"ck_{table}_kind_known", BEFORE, AFTER)
    for statement in expert_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in expert_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in NOTICES:
        op.execute(sa.text(f"DELETE FROM {table} WHERE kind LIKE 'hours-to-%'"))  # noqa: S608  # ours
        change_check(table, f"ck_{table}_kind_known", AFTER, BEFORE)
    op.drop_table("expert_hours")
    op.drop_table("expert")


def create_experts() -> None:
    op.create_table(
        "expert",
        *texts("id", "key", "name"),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("added_at", INSTANT, nullable=False),
        *checks("expert", {"expert_has_a_name": "name <> ''"}),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_expert_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert")),
        sa.UniqueConstraint("key", name=op.f("uq_expert_key")),
        sa.UniqueConstraint("person_id", name=op.f("uq_expert_person_id")),
        **STRICT,
    )


def create_hours() -> None:
    rules = {
        "state_known": "state IN ('to-be-named', 'asked', 'confirmed', 'declined', 'replaced')",
        "hours_at_least_1": "hours >= 1 AND position >= 1",
        "within_the_day": "expert_id IS NULL OR hours <= hours_of_day",
        "roster_beside_the_person": (
            "(expert_id IS NULL) = (hours_of_day IS NULL) "
            "AND (expert_id IS NULL) = (most_teams IS NULL)"
        ),
        "somebody_is_asked": (
            "state NOT IN ('asked', 'confirmed', 'declined') OR expert_id IS NOT NULL"
        ),
        "nobody_is_named_yet": "state <> 'to-be-named' OR expert_id IS NULL",
        "answered_says_who_and_when": (
            "(answered_at IS NULL) = (answered_by IS NULL) "
            "AND (state NOT IN ('confirmed', 'declined') OR answered_at IS NOT NULL)"
        ),
        "declined_for_a_reason": "(state = 'declined') = (reason <> '')",
    }
    op.create_table(
        "expert_hours",
        *texts("id", "run_id", "bid_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *texts("team_id", "pool_id"),
        sa.Column("day", DAY, nullable=False),
        sa.Column("expert_id", sa.Text(), nullable=True),
        sa.Column("hours", WHOLE, nullable=False),
        sa.Column("hours_of_day", WHOLE, nullable=True),
        sa.Column("most_teams", sa.Integer(), nullable=True),
        *texts("state"),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        *texts("reason"),
        *checks("expert_hours", rules),
        *(
            sa.ForeignKeyConstraint(
                [f"{other}_id"], [f"{other}.id"], name=op.f(f"fk_expert_hours_{other}_id")
            )
            for other in ("run", "bid", "team", "pool", "expert")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert_hours")),
        **STRICT,
    )
    op.create_index("ix_expert_hours_pool_id_day", "expert_hours", ["pool_id", "day"])
    op.create_index("ix_expert_hours_expert_id_day", "expert_hours", ["expert_id", "day"])
    op.create_index("ix_expert_hours_team_id", "expert_hours", ["team_id"])


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
