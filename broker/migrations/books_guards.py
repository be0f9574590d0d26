"""What the database itself refuses about closed books: on SQLite and on PostgreSQL.

Belongs to the migration that made the tables and stays as it is; a later change is a later
migration. Columns and CHECKs stand in broker/books/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

STAYS = "what a close fixed is never changed or deleted"
RATE_STAYS = "an exchange rate is never changed or deleted; set another one"
BEFORE = "a close fixes the books before the period is closed"
IN_ORDER = "an earlier period is closed first"
BEGINS = "a correction begins as a proposal about a posted journal"
DECIDED_ONCE = "a proposed correction stays as it was made and is decided once"
CORRECTION_STAYS = "a proposed correction is never deleted"
FIXED = ("period_close", "period_balance", "period_pack")
PROPOSED = ("id", "journal_number", "reason", "proposed_by", "proposed_at")

_IS_CLOSED = "EXISTS (SELECT 1 FROM period WHERE key = NEW.period_key AND closed_at IS NOT NULL)"
_BEFORE_ANOTHER = (
    "OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL AND EXISTS "
    "(SELECT 1 FROM period WHERE position < NEW.position AND closed_at IS NULL)"
)
_DECIDED = f"OLD.state <> 'proposed' OR {changed(*PROPOSED)}"


def _fixed(table: str) -> Iterator[Guard]:
    yield Guard(f"{table}_written", table, "UPDATE", ALWAYS, STAYS)
    yield Guard(f"{table}_stays", table, "DELETE", ALWAYS, STAYS)
    yield Guard(f"{table}_before", table, "INSERT", _IS_CLOSED, BEFORE)


_GUARDS = (
    *(guard for table in FIXED for guard in _fixed(table)),
    Guard("rate_written", "exchange_rate", "UPDATE", ALWAYS, RATE_STAYS),
    Guard("rate_stays", "exchange_rate", "DELETE", ALWAYS, RATE_STAYS),
    Guard("period_in_order", "period", "UPDATE", _BEFORE_ANOTHER, IN_ORDER),
    Guard("correction_begins", "correction", "INSERT", "NEW.state <> 'proposed'", BEGINS),
    Guard("correction_decided", "correction", "UPDATE", _DECIDED, DECIDED_ONCE),
    Guard("correction_stays", "correction", "DELETE", ALWAYS, CORRECTION_STAYS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
