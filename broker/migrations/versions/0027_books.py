"""Closed books: rates, what a close fixes, corrections of two persons, checks of everything.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import books_guards

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
RATE, CLOSE, BALANCE, PACK = "exchange_rate", "period_close", "period_balance", "period_pack"
CORRECTION, VERIFICATION = "correction", "verification"


def upgrade() -> None:
    create_rates()
    create_closes()
    create_corrections()
    create_verifications()
    for statement in books_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in books_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    for table in (VERIFICATION, CORRECTION, PACK, BALANCE, CLOSE, RATE):
        op.drop_table(table)


def create_rates() -> None:
    op.create_table(
        RATE,
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *texts("currency"),
        sa.Column("micros_per_credit", WHOLE, nullable=False),
        *texts("reason", "set_by"),
        sa.Column("set_at", INSTANT, nullable=False),
        *checks(
            RATE,
            {
                "number_at_least_1": "number >= 1 AND micros_per_credit >= 1",
                "currency_has_three_letters": "length(currency) = 3",
                "set_for_a_reason": "reason <> ''",
            },
        ),
        sa.PrimaryKeyConstraint("number", name=op.f(f"pk_{RATE}")),
        **STRICT,
    )


def create_closes() -> None:
    op.create_table(
        CLOSE,
        *texts("period_key"),
        sa.Column("log_size", sa.Integer(), nullable=False),
        *texts("log_root"),
        sa.Column("rate_number", sa.Integer(), nullable=False),
        *texts("pack_sha256"),
        sa.Column("pack_bytes", WHOLE, nullable=False),
        *checks(
            CLOSE,
            {
                "log_size_at_least_0": "log_size >= 0",
                "pack_bytes_at_least_1": "pack_bytes >= 1",
                "root_is_whole": "length(log_root) = 64",
                "hash_is_whole": "length(pack_sha256) = 64",
            },
        ),
        refers(CLOSE, "period_key", "period.key"),
        refers(CLOSE, "rate_number", "exchange_rate.number"),
        sa.PrimaryKeyConstraint("period_key", name=op.f(f"pk_{CLOSE}")),
        **STRICT,
    )
    op.create_table(
        BALANCE,
        *texts("period_key", "account_id"),
        sa.Column("opening_credits", WHOLE, nullable=False),
        sa.Column("closing_credits", WHOLE, nullable=False),
        refers(BALANCE, "period_key", "period.key"),
        refers(BALANCE, "account_id", "account.id"),
        sa.PrimaryKeyConstraint("period_key", "account_id", name=op.f(f"pk_{BALANCE}")),
        **STRICT,
    )
    op.create_table(
        PACK,
        *texts("period_key"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        refers(PACK, "period_key", "period_close.period_key"),
        sa.PrimaryKeyConstraint("period_key", name=op.f(f"pk_{PACK}")),
        **STRICT,
    )


def create_corrections() -> None:
    rules = {
        "state_known": "state IN ('proposed', 'approved', 'refused')",
        "proposed_for_a_reason": "reason <> ''",
        "decision_says_who_and_when": (
            "(state = 'proposed') = (decided_by IS NULL) "
            "AND (decided_by IS NULL) = (decided_at IS NULL)"
        ),
        "approver_is_another": "state <> 'approved' OR decided_by <> proposed_by",
        "approved_is_a_journal": "(state = 'approved') = (correction_number IS NOT NULL)",
    }
    op.create_table(
        CORRECTION,
        *texts("id"),
        sa.Column("journal_number", sa.Integer(), nullable=False),
        *texts("state", "reason", "proposed_by"),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("correction_number", sa.Integer(), nullable=True),
        *checks(CORRECTION, rules),
        refers(CORRECTION, "journal_number", "journal.number"),
        refers(CORRECTION, "correction_number", "journal.number"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{CORRECTION}")),
        **STRICT,
    )
    is_proposed = sa.text("state = 'proposed'")
    op.create_index(
        f"uq_{CORRECTION}_proposed",
        CORRECTION,
        ["journal_number"],
        unique=True,
        sqlite_where=is_proposed,
        postgresql_where=is_proposed,
    )


def create_verifications() -> None:
    rules = {
        "state_known": "state IN ('waiting', 'working', 'done', 'failed')",
        "begun_says_when": "(state = 'waiting') = (started_at IS NULL)",
        "over_says_when": "(state IN ('done', 'failed')) = (finished_at IS NOT NULL)",
        "failed_says_why": "(state = 'failed') = (failure IS NOT NULL)",
        "done_says_what": "(state = 'done') = (findings IS NOT NULL)",
    }
    op.create_table(
        VERIFICATION,
        *texts("id", "state", "stage"),
        sa.Column("closes", sa.Text(), nullable=True),
        *texts("asked_by"),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("events", sa.Integer(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("first_bad", sa.Integer(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        *checks(VERIFICATION, rules),
        refers(VERIFICATION, "closes", "period.key"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{VERIFICATION}")),
        **STRICT,
    )
    op.create_index(op.f(f"ix_{VERIFICATION}_state"), VERIFICATION, ["state"])


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]


def refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
