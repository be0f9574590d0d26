"""The ledger: periods, accounts, journals and transfers, on SQLite and on PostgreSQL.

The guards of both databases say the same; ledger_guards.py has them side by side.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import ledger_guards

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = ("period", "account", "journal", "transfer")
"""In the order in which they refer to each other."""


def upgrade() -> None:
    create_periods()
    create_accounts()
    create_journals()
    create_transfers()
    for statement in ledger_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for statement in ledger_guards.LEFT_BEHIND[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def create_periods() -> None:
    op.create_table(
        "period",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("starts_on", DAY, nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.CheckConstraint("position >= 1", name=op.f("ck_period_position_at_least_1")),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("ck_period_closed_by_somebody")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_period")),
        sa.UniqueConstraint("position", name=op.f("uq_period_position")),
        **STRICT,
    )


def create_accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=True),
        sa.Column("balance_credits", WHOLE, nullable=False),
        sa.Column("last_transfer", WHOLE, nullable=False),
        sa.CheckConstraint(
            "kind IN ('issue', 'available', 'held', 'spent', 'refund')",
            name=op.f("ck_account_kind_known"),
        ),
        sa.CheckConstraint(
            "(kind = 'issue') = (team_id IS NULL)", name=op.f("ck_account_team_unless_issue")
        ),
        sa.CheckConstraint(
            "id = CASE WHEN team_id IS NULL THEN kind ELSE kind || '/' || team_id END",
            name=op.f("ck_account_id_says_whose"),
        ),
        sa.CheckConstraint(
            "kind = 'issue' OR balance_credits >= 0", name=op.f("ck_account_no_overdraft")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_account_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        **STRICT,
    )
    op.create_index(op.f("ix_account_team_id"), "account", ["team_id"], unique=False)


def create_journals() -> None:
    op.create_table(
        "journal",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period_key", sa.Text(), nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("corrects", sa.Integer(), nullable=True),
        sa.Column("transfer_count", sa.Integer(), nullable=False),
        sa.Column("amount_credits", WHOLE, nullable=False),
        sa.Column("transfers_sha256", sa.Text(), nullable=False),
        *rules_of_journals(),
        sa.ForeignKeyConstraint(
            ["number"], ["audit_event.sequence"], name=op.f("fk_journal_number")
        ),
        sa.ForeignKeyConstraint(["period_key"], ["period.key"], name=op.f("fk_journal_period_key")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_journal_round_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_journal_run_id")),
        sa.ForeignKeyConstraint(["corrects"], ["journal.number"], name=op.f("fk_journal_corrects")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_journal_idempotency_key")),
        sa.UniqueConstraint("corrects", name=op.f("uq_journal_corrects")),
        **STRICT,
    )
    for column in ("period_key", "round_id", "run_id"):
        op.create_index(op.f(f"ix_journal_{column}"), "journal", [column], unique=False)


def rules_of_journals() -> list[sa.CheckConstraint]:
    rules = {
        "kind_known": (
            "kind IN ('endowment', 'carry-over', 'round-endowment', 'endowment-by-hand', 'hold', "
            "'settlement', 'release', 'refund', 'correction')"
        ),
        "transfer_count_at_least_1": "transfer_count >= 1 AND amount_credits >= 1",
        "approver_is_another": "approver IS NULL OR approver <> actor",
        "by_hand_needs_two_and_a_reason": (
            "kind NOT IN ('endowment-by-hand', 'correction') OR "
            "(approver IS NOT NULL AND reason <> '')"
        ),
        "of_a_round": (
            "kind NOT IN ('round-endowment', 'hold', 'settlement', 'release', 'refund') OR "
            "round_id IS NOT NULL"
        ),
        "of_a_run": "kind NOT IN ('settlement', 'refund') OR run_id IS NOT NULL",
        "corrects_one": "(kind = 'correction') = (corrects IS NOT NULL)",
    }
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_journal_{name}")) for name, rule in rules.items()
    ]


def create_transfers() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("journal_number", sa.Integer(), nullable=False),
        sa.Column("debit_account", sa.Text(), nullable=False),
        sa.Column("credit_account", sa.Text(), nullable=False),
        sa.Column("amount_credits", WHOLE, nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "amount_credits >= 1", name=op.f("ck_transfer_amount_credits_at_least_1")
        ),
        sa.CheckConstraint(
            "debit_account <> credit_account", name=op.f("ck_transfer_between_two_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["journal_number"],
            ["journal.number"],
            name=op.f("fk_transfer_journal_number"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(
            ["debit_account"], ["account.id"], name=op.f("fk_transfer_debit_account")
        ),
        sa.ForeignKeyConstraint(
            ["credit_account"], ["account.id"], name=op.f("fk_transfer_credit_account")
        ),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f("fk_transfer_bid_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        **STRICT,
    )
    for column in ("bid_id", "credit_account", "debit_account", "journal_number"):
        op.create_index(op.f(f"ix_transfer_{column}"), "transfer", [column], unique=False)
