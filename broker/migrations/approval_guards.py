"""What the database itself refuses about decision rights and approvals: SQLite and PostgreSQL.

Belongs to migration 0013 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/approvals/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

BEGINS = "a request begins by waiting, unless a rule lets it pass"
DECIDED_ONCE = "a request stays as it was asked and is decided once"
OWN_TEAM = "nobody decides a request of the own team"
STEPS_FOLLOW = "the steps of a waiting request follow each other"
STAYS = "what was asked, decided or escalated is never changed or deleted"
PROPOSED_FIRST = "decision rights begin as a proposal, numbered one after another"
MATRIX_ONCE = "a version of the decision rights stays as it was proposed and is decided once"
ONLY_OPEN = "approvals are frozen once, while their round still takes bids"

_ASKED = changed(
    *("id", "team_id", "pool_id", "purpose_key", "purpose", "most_credits", "valid_from"),
    *("valid_until", "classification", "lane", "matrix_version", "asked_by", "asked_at"),
)
_IN_OWN_TEAM = (
    "NEW.state IN ('approved', 'rejected') AND EXISTS (SELECT 1 FROM role_grant "
    "WHERE person_id = NEW.decided_by AND team_id = NEW.team_id "
    "AND approved_at IS NOT NULL AND ended_at IS NULL)"
)
_NOT_NEXT_STEP = (
    "NEW.position {differs} (SELECT coalesce(max(position), 0) + 1 FROM approval_step "
    "WHERE request_id = NEW.request_id) OR NOT EXISTS (SELECT 1 FROM approval_request "
    "WHERE id = NEW.request_id AND state = 'waiting')"
)
_NOT_NEXT_VERSION = (
    "NEW.state <> 'proposed' OR NEW.version {differs} "
    "(SELECT coalesce(max(version), 0) + 1 FROM decision_matrix)"
)
_PROPOSED = changed("version", "document", "document_sha256", "reason", "author", "proposed_at")
_NOT_OPEN = "(SELECT state FROM round WHERE id = NEW.round_id) {differs} 'open'"
_REQUEST, _STEP, _MATRIX = "approval_request", "approval_step", "decision_matrix"
_FROZEN = "round_approval"
_GUARDS = (
    Guard(
        "approval_begins",
        _REQUEST,
        "INSERT",
        "NEW.state <> 'waiting' AND NEW.lane <> 'rule'",
        BEGINS,
    ),
    Guard(
        "approval_decided",
        _REQUEST,
        "UPDATE",
        f"OLD.state <> 'waiting' OR {_ASKED}",
        DECIDED_ONCE,
    ),
    Guard("approval_own_team", _REQUEST, "UPDATE", _IN_OWN_TEAM, OWN_TEAM),
    Guard("approval_stays", _REQUEST, "DELETE", ALWAYS, STAYS),
    Guard("approval_step_follows", _STEP, "INSERT", _NOT_NEXT_STEP, STEPS_FOLLOW),
    Guard("approval_step_written", _STEP, "UPDATE", ALWAYS, STAYS),
    Guard("approval_step_stays", _STEP, "DELETE", ALWAYS, STAYS),
    Guard("decision_matrix_begins", _MATRIX, "INSERT", _NOT_NEXT_VERSION, PROPOSED_FIRST),
    Guard(
        "decision_matrix_decided",
        _MATRIX,
        "UPDATE",
        f"OLD.state <> 'proposed' OR {_PROPOSED}",
        MATRIX_ONCE,
    ),
    Guard("decision_matrix_stays", _MATRIX, "DELETE", ALWAYS, STAYS),
    Guard("round_approval_frozen", _FROZEN, "INSERT", _NOT_OPEN, ONLY_OPEN),
    Guard("round_approval_written", _FROZEN, "UPDATE", ALWAYS, STAYS),
    Guard("round_approval_stays", _FROZEN, "DELETE", ALWAYS, STAYS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
