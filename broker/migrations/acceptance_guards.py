"""What the database itself refuses about awards to accept: on SQLite and on PostgreSQL.

Belongs to migration 0033 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/spot/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

ONCE = "an award is accepted or declined once, by the time that was said"
STAYS = "an acceptance row is never deleted"
_REWRITTEN = f"OLD.answer IS NOT NULL OR {changed('bid_id', 'accept_by')}"
GUARDS = (
    Guard("acceptance_update", "acceptance", "UPDATE", _REWRITTEN, ONCE),
    Guard("acceptance_delete", "acceptance", "DELETE", ALWAYS, STAYS),
)
RAISED = raised(GUARDS)
TAKEN_DOWN = taken_down(GUARDS)
