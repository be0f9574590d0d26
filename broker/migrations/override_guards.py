"""What the database itself refuses about overrides: on SQLite and on PostgreSQL.

Belongs to the migration that made the table and stays as it is; a later change is a later
migration. Columns and CHECKs stand in broker/overrides/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

BEGINS = "an override begins as a proposal for a published round"
DECIDED_ONCE = "an override stays as it was proposed and is decided once"
STAYS = "an override is never deleted"
TWO_PERSONS = "two persons publish a further revision of a run"
WRITTEN = (
    *("id", "round_id", "bid_id", "kind", "alternative", "start", "lots", "reason"),
    *("proposed_by", "proposed_at", "before_run_id"),
)
"""What a proposal says."""
_NOT_PROPOSED = (
    "NEW.state <> 'proposed' OR NOT EXISTS (SELECT 1 FROM round JOIN run ON "
    "run.round_id = round.id WHERE round.id = NEW.round_id AND round.state = 'published' "
    "AND run.id = NEW.before_run_id AND run.state = 'published')"
)
_NOT_APPROVED = (
    "NEW.state = 'published' AND NEW.revision > 1 AND NOT EXISTS ("
    "SELECT 1 FROM override WHERE run_id = NEW.id AND round_id = NEW.round_id "
    "AND state = 'approved' AND decided_by <> proposed_by)"
)

_GUARDS = (
    Guard("override_begins", "override", "INSERT", _NOT_PROPOSED, BEGINS),
    Guard(
        "override_decided",
        "override",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {changed(*WRITTEN)}",
        DECIDED_ONCE,
    ),
    Guard("override_stays", "override", "DELETE", ALWAYS, STAYS),
    Guard("revision_insert", "run", "INSERT", _NOT_APPROVED, TWO_PERSONS),
    Guard("revision_update", "run", "UPDATE", _NOT_APPROVED, TWO_PERSONS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
