"""What the database itself refuses about the waitlist and daily rounds: on both databases.

Belongs to migration 0025 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/spot/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

NEXT = "steps of a bid on the waitlist follow each other"
STAYS = "the waitlist and daily rounds are never rewritten"
_LAST = "(SELECT coalesce(max(number), 0) + 1 FROM waitlist_step WHERE bid_id = NEW.bid_id)"
GUARDS = (
    Guard("waitlist_step_next", "waitlist_step", "INSERT", f"NEW.number {{differs}} {_LAST}", NEXT),
    Guard("waitlist_step_update", "waitlist_step", "UPDATE", ALWAYS, STAYS),
    Guard("waitlist_step_delete", "waitlist_step", "DELETE", ALWAYS, STAYS),
    Guard("daily_round_update", "daily_round", "UPDATE", ALWAYS, STAYS),
    Guard("daily_round_delete", "daily_round", "DELETE", ALWAYS, STAYS),
)
RAISED = raised(GUARDS)
TAKEN_DOWN = taken_down(GUARDS)
