"""Teams are asked before what their waiting bids win holds.

Revision ID: 0033
Revises: 0032
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

from broker.migrations import acceptance_guards, holding_guards, recovery_guards, spot_guards
from broker.migrations.closed_sets import change_check

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

Pair = tuple[str, ...]
INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
ACCEPTANCE, STEP, CUT = "acceptance", "waitlist_step", "holding_cut"
TOLD = ("notice", "notice_opt_out")
WISHES = ("wish IN ('take', 'leave')", "wish IN ('take', 'ask', 'leave')")
CAUSES = (
    "cause IN ('released', 'preempted', 'capacity-lost')",
    "cause IN ('released', 'preempted', 'capacity-lost', 'not-accepted')",
)
TOLD_BEFORE = (
    "kind IN ('deadline-near', 'result-published', 'to-approve', 'delivery-to-report', "
    "'delivery-to-confirm', 'round-opened', 'round-changed', 'approval-decided', "
    "'access-changed', 'award-cut', 'hours-to-confirm', 'hours-to-name')"
)
KINDS = (TOLD_BEFORE, TOLD_BEFORE.replace("'hours-to-name'", "'hours-to-name', 'award-to-accept'"))
RULES = {
    "answer_known": "answer IN ('accepted', 'declined', 'lapsed')",
    "answer_says_who_and_when": (
        "(answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answered_at IS NULL)"
    ),
}


def upgrade() -> None:
    op.create_table(
        ACCEPTANCE,
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("accept_by", INSTANT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{ACCEPTANCE}_{name}"))
            for name, rule in RULES.items()
        ),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f(f"fk_{ACCEPTANCE}_bid_id")),
        sa.PrimaryKeyConstraint("bid_id", name=op.f(f"pk_{ACCEPTANCE}")),
        sqlite_strict=True,
    )
    change_words(WISHES, CAUSES, KINDS)
    run(acceptance_guards.RAISED[op.get_bind().dialect.name])


def downgrade() -> None:
    run(acceptance_guards.TAKEN_DOWN[op.get_bind().dialect.name])
    for table in TOLD:
        op.execute(sa.text(f"DELETE FROM {table} WHERE kind = 'award-to-accept'"))  # noqa: S608  # ours
    change_words(WISHES[::-1], CAUSES[::-1], KINDS[::-1])
    op.drop_table(ACCEPTANCE)


def change_words(wishes: Pair, causes: Pair, kinds: Pair) -> None:
    """Let wishes, cuts and notices say other words; the guards of their tables stand afterwards."""
    dialect = op.get_bind().dialect.name
    run(spot_guards.TAKEN_DOWN[dialect])
    run(holding_guards.TAKEN_DOWN[dialect])
    if "'ask'" not in wishes[1]:
        op.execute(sa.text(f"UPDATE {STEP} SET wish = 'take' WHERE wish = 'ask'"))  # noqa: S608  # ours
        op.execute(sa.text(f"UPDATE {CUT} SET cause = 'released' WHERE cause = 'not-accepted'"))  # noqa: S608  # ours
    change_check(STEP, f"ck_{STEP}_wish_known", *wishes)
    change_check(CUT, f"ck_{CUT}_cause_known", *causes)
    for table in TOLD:
        change_check(table, f"ck_{table}_kind_known", *kinds)
    run(spot_guards.RAISED[dialect])
    run(line for line in holding_guards.RAISED[dialect] if "holding_cut_to_come" not in line)
    run(recovery_guards.CUT_RAISED[dialect])


def run(statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(sa.text(statement))
