"""What is decided stays: triggers that refuse to rewrite the past, whoever asks the database.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit_event", "snapshot", "award", "decline", "list_price")
"""Tables whose rows are written once and stay."""

FROM_RUNS = ("award", "decline", "list_price")
"""What a run publishes: written while the run is checked, and not a row later."""

STATE_BY_BID = (
    "SELECT round.state FROM round JOIN bid ON bid.round_id = round.id WHERE bid.id = {row}.bid_id"
)
OF_BIDS = {
    "bid": "SELECT state FROM round WHERE id = {row}.round_id",
    "alternative": STATE_BY_BID,
    "item": STATE_BY_BID,
}
"""What teams ask for, and how each row finds its round's state: only an open round takes it."""


def upgrade() -> None:
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            refuse(table, change, f"a {table} row is never changed or deleted")
    refuse("audit_event", "INSERT", "the audit log has no gaps", NEXT_SEQUENCE)
    for change in ("UPDATE", "DELETE"):
        refuse("run", change, "a published run is never changed", "OLD.state = 'published'")
    for table in FROM_RUNS:
        refuse(table, "INSERT", "only a checked run gets results", RUN_IS_NOT_CHECKED)
    for table, state in OF_BIDS.items():
        refuse_unless_open(table, state)


def downgrade() -> None:
    for table in APPEND_ONLY:
        drop(table, "UPDATE", "DELETE")
    drop("audit_event", "INSERT")
    drop("run", "UPDATE", "DELETE")
    for table in FROM_RUNS:
        drop(table, "INSERT")
    for table in OF_BIDS:
        drop(table, "INSERT", "UPDATE", "DELETE")


NEXT_SEQUENCE = "NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM audit_event)"
RUN_IS_NOT_CHECKED = "(SELECT state FROM run WHERE id = NEW.run_id) IS NOT 'checked'"


def refuse(table: str, change: str, sentence: str, when: str = "1") -> None:
    op.execute(
        f"CREATE TRIGGER {name_of(table, change)} BEFORE {change} ON {table} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def refuse_unless_open(table: str, state: str) -> None:
    for change, rows in {"INSERT": ["NEW"], "UPDATE": ["OLD", "NEW"], "DELETE": ["OLD"]}.items():
        closed = " OR ".join(f"({state.format(row=row)}) IS NOT 'open'" for row in rows)
        refuse(table, change, "only an open round takes bids", closed)


def drop(table: str, *changes: str) -> None:
    for change in changes:
        op.execute(f"DROP TRIGGER {name_of(table, change)}")


def name_of(table: str, change: str) -> str:
    return f"guard_{table}_{change.lower()}"
