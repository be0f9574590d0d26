"""Overrides of published results: proposed, solved, and published by a second person.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import override_guards

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "override"
RULES = {
    "kind_known": "kind IN ('pin', 'exclude')",
    "state_known": "state IN ('proposed', 'approved', 'refused')",
    "proposed_for_a_reason": "reason <> ''",
    "pin_says_what": (
        "(kind = 'pin') = (alternative IS NOT NULL) AND (kind = 'pin') = (start IS NOT NULL) "
        "AND (kind = 'pin') = (lots IS NOT NULL)"
    ),
    "lots_at_least_1": "lots >= 1",
    "decision_says_who_and_when": (
        "(state = 'proposed') = (decided_by IS NULL) "
        "AND (decided_by IS NULL) = (decided_at IS NULL)"
    ),
    "approver_is_another": "state <> 'approved' OR decided_by <> proposed_by",
    "approved_is_solved": "state <> 'approved' OR run_id IS NOT NULL",
    "solved_by_another_run": "run_id <> before_run_id",
}
LEADS_TO = {
    "round_id": "round.id",
    "bid_id": "bid.id",
    "before_run_id": "run.id",
    "run_id": "run.id",
}


def upgrade() -> None:
    create_overrides()
    for statement in override_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in override_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table(TABLE)


def create_overrides() -> None:
    op.create_table(
        TABLE,
        *(text(name) for name in ("id", "round_id", "bid_id", "kind")),
        sa.Column("alternative", WHOLE, nullable=True),
        sa.Column("start", DAY, nullable=True),
        sa.Column("lots", WHOLE, nullable=True),
        *(text(name) for name in ("state", "reason", "proposed_by")),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        text("before_run_id"),
        sa.Column("run_id", sa.Text(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{TABLE}_{name}"))
            for name, rule in RULES.items()
        ),
        *(
            sa.ForeignKeyConstraint([name], [target], name=op.f(f"fk_{TABLE}_{name}"))
            for name, target in LEADS_TO.items()
        ),
        sa.ForeignKeyConstraint(
            ["bid_id", "alternative"],
            ["alternative.bid_id", "alternative.number"],
            name=op.f(f"fk_{TABLE}_bid_id_alternative"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("run_id", name=op.f(f"uq_{TABLE}_run_id")),
        sqlite_strict=True,
    )
    for column in ("round_id", "bid_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column])
    is_proposed = sa.text("state = 'proposed'")
    op.create_index(
        "uq_override_proposed",
        TABLE,
        ["round_id"],
        unique=True,
        sqlite_where=is_proposed,
        postgresql_where=is_proposed,
    )


def text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)
