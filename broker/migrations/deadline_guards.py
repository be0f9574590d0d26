"""What the database itself refuses about deadlines and cancellations: on SQLite and on PostgreSQL.

Belongs to migration 0007 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/round_tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

TWO_PERSONS = "two persons change the deadline of an open round"
BEGINS = "a change begins as a proposal, from the deadline of an open round"
DECIDED_ONCE = "a proposal stays as it was made and is decided once"
STAYS = "what was decided about a round is never changed or deleted"
PROPOSED = ("id", "round_id", "closes_at_before", "closes_at", "reason", "proposed_by")
"""What a proposal says, besides when it was made."""

_NOT_FROM_THE_DEADLINE = (
    "NEW.state <> 'proposed' OR NOT EXISTS (SELECT 1 FROM round WHERE id = NEW.round_id "
    "AND state = 'open' AND NOT (closes_at {differs} NEW.closes_at_before))"
)
_NOT_APPROVED = (
    "OLD.state = 'open' AND NEW.closes_at {differs} OLD.closes_at AND NOT EXISTS ("
    "SELECT 1 FROM deadline_change WHERE round_id = OLD.id AND state = 'approved' "
    "AND NOT (closes_at {differs} NEW.closes_at) "
    "AND NOT (closes_at_before {differs} OLD.closes_at) "
    "AND decided_at = (SELECT max(decided_at) FROM deadline_change "
    "WHERE round_id = OLD.id AND state = 'approved'))"
)
_GUARDS = (
    Guard("deadline_begins", "deadline_change", "INSERT", _NOT_FROM_THE_DEADLINE, BEGINS),
    Guard(
        "deadline_decided",
        "deadline_change",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {changed(*PROPOSED, 'proposed_at')}",
        DECIDED_ONCE,
    ),
    Guard("deadline_stays", "deadline_change", "DELETE", ALWAYS, STAYS),
    Guard("deadline_two_persons", "round", "UPDATE", _NOT_APPROVED, TWO_PERSONS),
    Guard("cancellation_written", "cancellation", "UPDATE", ALWAYS, STAYS),
    Guard("cancellation_stays", "cancellation", "DELETE", ALWAYS, STAYS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
