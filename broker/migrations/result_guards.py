"""What the database itself refuses about events, results and bids: on SQLite and on PostgreSQL.

Belongs to migration 0002 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

APPEND_ONLY = ("audit_event", "snapshot", "award", "decline", "list_price")
"""Tables whose rows are written once and stay."""
FROM_RUNS = ("award", "decline", "list_price")
"""What a run publishes: written while the run is checked, and not a row later."""
NO_GAPS = "the audit log has no gaps"
RUN_STAYS = "a published run is never changed"
ONLY_CHECKED = "only a checked run gets results"
ONLY_OPEN = "only an open round takes bids"

_NEXT_SEQUENCE = "NEW.sequence {differs} (SELECT coalesce(max(sequence), 0) + 1 FROM audit_event)"
_NOT_CHECKED = "(SELECT state FROM run WHERE id = NEW.run_id) {differs} 'checked'"
_STATE_OF_ROUND = "SELECT state FROM round WHERE id = ROW.round_id"
_STATE_BY_BID = (
    "SELECT round.state FROM round JOIN bid ON bid.round_id = round.id WHERE bid.id = ROW.bid_id"
)
_OF_BIDS = {"bid": _STATE_OF_ROUND, "alternative": _STATE_BY_BID, "item": _STATE_BY_BID}
"""What teams ask for, and how each row finds its round's state: only an open round takes it."""
_ROWS = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}


def never(table: str) -> str:
    """Return the sentence that refuses to rewrite a table's rows."""
    return f"a {table} row is never changed or deleted"


def _guard(table: str, moment: str, when: str, sentence: str) -> Guard:
    return Guard(f"{table}_{moment.lower()}", table, moment, when, sentence)


def _guards() -> Iterator[Guard]:
    for table in APPEND_ONLY:
        for moment in ("UPDATE", "DELETE"):
            yield _guard(table, moment, ALWAYS, never(table))
    yield _guard("audit_event", "INSERT", _NEXT_SEQUENCE, NO_GAPS)
    for moment in ("UPDATE", "DELETE"):
        yield _guard("run", moment, "OLD.state = 'published'", RUN_STAYS)
    for table in FROM_RUNS:
        yield _guard(table, "INSERT", _NOT_CHECKED, ONLY_CHECKED)
    for table, state in _OF_BIDS.items():
        for moment, rows in _ROWS.items():
            closed = (f"({state.replace('ROW', row)}) {{differs}} 'open'" for row in rows)
            yield _guard(table, moment, " OR ".join(closed), ONLY_OPEN)


_GUARDS = tuple(_guards())
RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
