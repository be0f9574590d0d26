"""What the database itself refuses about asked runs and kept outcomes: SQLite and PostgreSQL.

Belongs to migration 0016 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/round_tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

ASKED = "what was asked of a round is never changed or deleted"
NOT_CHECKED = "only a checked run has an outcome to keep"
KEPT = "a kept outcome is never changed or deleted"
_NOT_CHECKED = "NOT EXISTS (SELECT 1 FROM run WHERE id = NEW.run_id AND state = 'checked')"

_GUARDS = (
    Guard(
        "request_written",
        "run_request",
        "UPDATE",
        changed("id", "round_id", "purpose", "asked_by", "asked_at"),
        ASKED,
    ),
    Guard("request_stays", "run_request", "DELETE", ALWAYS, ASKED),
    Guard("outcome_checked", "run_outcome", "INSERT", _NOT_CHECKED, NOT_CHECKED),
    Guard("outcome_written", "run_outcome", "UPDATE", ALWAYS, KEPT),
    Guard("outcome_stays", "run_outcome", "DELETE", ALWAYS, KEPT),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
