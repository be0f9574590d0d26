"""Webhooks, and the messages that wait for them or went out.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
HOOK, MESSAGE = "webhook", "webhook_message"


def upgrade() -> None:
    create_webhooks()
    create_messages()


def downgrade() -> None:
    op.drop_table(MESSAGE)
    op.drop_table(HOOK)


def create_webhooks() -> None:
    rules = {
        "webhook_is_encrypted": "url LIKE 'https://%'",
        "webhook_wants_something": "kinds <> ''",
        "secret_number_at_least_1": "secret_number >= 1",
        "removal_says_who": "(removed_at IS NULL) = (removed_by IS NULL)",
    }
    op.create_table(
        HOOK,
        *texts("id", "url", "kinds"),
        sa.Column("secret_number", sa.Integer(), nullable=False),
        *texts("added_by"),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("removed_by", sa.Text(), nullable=True),
        sa.Column("removed_at", INSTANT, nullable=True),
        *checks(HOOK, rules),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{HOOK}")),
        sqlite_strict=True,
    )


def create_messages() -> None:
    rules = {
        "state_known": "state IN ('waiting', 'delivered', 'failed')",
        "attempts_at_least_0": "attempts >= 0",
        "delivered_says_when": "(state = 'delivered') = (delivered_at IS NOT NULL)",
        "nobody_sends_what_is_over": "state = 'waiting' OR sending_until IS NULL",
    }
    op.create_table(
        MESSAGE,
        *texts("id", "webhook_id"),
        sa.Column("sequence", sa.Integer(), nullable=False),
        *texts("kind", "subject", "body"),
        sa.Column("written_at", INSTANT, nullable=False),
        *texts("state"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("sending_until", INSTANT, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        *texts("failure"),
        sa.Column("delivered_at", INSTANT, nullable=True),
        *checks(MESSAGE, rules),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f(f"fk_{MESSAGE}_webhook_id")
        ),
        sa.ForeignKeyConstraint(
            ["sequence"], ["audit_event.sequence"], name=op.f(f"fk_{MESSAGE}_sequence")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{MESSAGE}")),
        sa.UniqueConstraint(
            "webhook_id", "sequence", "kind", name=op.f(f"uq_{MESSAGE}_webhook_id_sequence_kind")
        ),
        sqlite_strict=True,
    )
    op.create_index(f"ix_{MESSAGE}_state_next_try_at", MESSAGE, ["state", "next_try_at"])


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
