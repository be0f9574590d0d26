"""What the database itself refuses about recurring sprints: on SQLite and on PostgreSQL.

Belongs to migration 0015 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/sprints/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

PROPOSED_FIRST = "a rule for sprints begins as a proposal, numbered one after another"
DECIDED_ONCE = "a rule for sprints stays as it was proposed, is decided once and ends once"
STAYS = "what was said or announced about sprints is never changed or deleted"
BY_THE_RULE = "a sprint is announced by a rule in force"

_PROPOSED = changed("version", "document", "document_sha256", "reason", "author", "proposed_at")
_DECIDED = changed("decided_by", "decided_at")
_NOT_NEXT = (
    "NEW.state <> 'proposed' OR NEW.version {differs} "
    "(SELECT coalesce(max(version), 0) + 1 FROM sprint_rule)"
)
_NOT_A_DECISION = (
    f"NOT (OLD.state = 'proposed' AND NEW.state IN ('active', 'refused') "
    f"OR OLD.state = 'active' AND NEW.state = 'ended' AND NOT ({_DECIDED})) OR {_PROPOSED}"
)
_NO_RULE = "(SELECT state FROM sprint_rule WHERE version = NEW.version) {differs} 'active'"
_GUARDS = (
    Guard("sprint_rule_begins", "sprint_rule", "INSERT", _NOT_NEXT, PROPOSED_FIRST),
    Guard("sprint_rule_decided", "sprint_rule", "UPDATE", _NOT_A_DECISION, DECIDED_ONCE),
    Guard("sprint_rule_stays", "sprint_rule", "DELETE", ALWAYS, STAYS),
    Guard("announced_sprint_begins", "announced_sprint", "INSERT", _NO_RULE, BY_THE_RULE),
    Guard("announced_sprint_written", "announced_sprint", "UPDATE", ALWAYS, STAYS),
    Guard("announced_sprint_stays", "announced_sprint", "DELETE", ALWAYS, STAYS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
