"""What the data of a bid are for, and the access to data that awards grant.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import access_guards
from broker.migrations.closed_sets import change_check

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
BEFORE = (
    "kind IN ('deadline-near', 'result-published', 'to-approve', 'delivery-to-report', "
    "'delivery-to-confirm', 'round-opened', 'round-changed', 'approval-decided')"
)
AFTER = BEFORE.replace("'approval-decided'", "'approval-decided', 'access-changed'")
NOTICES = ("notice", "notice_opt_out")


def upgrade() -> None:
    create_purposes()
    create_grants()
    for table in NOTICES:
        change_check(table, f"ck_{table}_kind_known", BEFORE, AFTER)
    for statement in access_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in access_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in NOTICES:
        op.execute(sa.text(f"DELETE FROM {table} WHERE kind = 'access-changed'"))  # noqa: S608  # ours
        change_check(table, f"ck_{table}_kind_known", AFTER, BEFORE)
    op.drop_table("access_grant")
    op.drop_table("bid_purpose")


def create_purposes() -> None:
    op.create_table(
        "bid_purpose",
        *texts("bid_id", "purpose"),
        *checks("bid_purpose", {"purpose_said": "purpose <> ''"}),
        sa.ForeignKeyConstraint(
            ["bid_id"], ["bid_pledge.bid_id"], name=op.f("fk_bid_purpose_bid_id")
        ),
        sa.PrimaryKeyConstraint("bid_id", name=op.f("pk_bid_purpose")),
        **STRICT,
    )


def create_grants() -> None:
    rules = {
        "state_known": "state IN ('granted', 'expired', 'revoked')",
        "seats_at_least_1": "seats >= 1",
        "days_in_order": "from_on <= until_on",
        "ended_says_who_and_when": (
            "(state = 'granted') = (ended_at IS NULL) AND (ended_at IS NULL) = (ended_by IS NULL)"
        ),
        "revoked_for_a_reason": "(state = 'revoked') = (reason <> '')",
    }
    op.create_table(
        "access_grant",
        *texts("id", "run_id", "bid_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *texts("team_id", "pool_id", "purpose"),
        sa.Column("seats", WHOLE, nullable=False),
        sa.Column("from_on", DAY, nullable=False),
        sa.Column("until_on", DAY, nullable=False),
        *texts("state"),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        *texts("reason"),
        *checks("access_grant", rules),
        *(
            sa.ForeignKeyConstraint(
                [f"{other}_id"], [f"{other}.id"], name=op.f(f"fk_access_grant_{other}_id")
            )
            for other in ("run", "bid", "team", "pool")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
        sa.UniqueConstraint(
            "run_id", "bid_id", "position", name=op.f("uq_access_grant_run_id_bid_id_position")
        ),
        **STRICT,
    )
    op.create_index("ix_access_grant_state_until_on", "access_grant", ["state", "until_on"])
    op.create_index("ix_access_grant_team_id", "access_grant", ["team_id"])


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
