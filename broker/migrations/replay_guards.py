"""What the database itself refuses about proposed policies and replays: SQLite and PostgreSQL.

Belongs to migration 0012 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/policy/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

BEGINS = "a policy begins as a proposal"
DECIDED_ONCE = "a proposed policy stays as it was written and is decided once"
STAYS = "what was proposed or replayed is never deleted"
REPLAYED_ONCE = "a replay that is done stays as it is"
WRITTEN = ("id", "document", "document_sha256", "reason", "author", "proposed_at")
"""What a proposal says."""
ASKED = ("id", "policy_sha256", "document", "round_id")
"""What a replay is about."""

_GUARDS = (
    Guard("proposal_begins", "policy_proposal", "INSERT", "NEW.state <> 'proposed'", BEGINS),
    Guard(
        "proposal_decided",
        "policy_proposal",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {changed(*WRITTEN)}",
        DECIDED_ONCE,
    ),
    Guard("proposal_stays", "policy_proposal", "DELETE", ALWAYS, STAYS),
    Guard(
        "replay_done",
        "policy_replay",
        "UPDATE",
        f"OLD.state = 'done' OR {changed(*ASKED)}",
        REPLAYED_ONCE,
    ),
    Guard("replay_stays", "policy_replay", "DELETE", ALWAYS, STAYS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
