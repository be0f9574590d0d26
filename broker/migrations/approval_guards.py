"""What the database itself refuses about decision rights and approvals: SQLite and PostgreSQL.

Belongs to migration 0013 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/approvals/tables.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BEGINS = "a request begins by waiting, unless a rule lets it pass"
DECIDED_ONCE = "a request stays as it was asked and is decided once"
OWN_TEAM = "nobody decides a request of the own team"
STEPS_FOLLOW = "the steps of a waiting request follow each other"
STAYS = "what was asked, decided or escalated is never changed or deleted"
PROPOSED_FIRST = "decision rights begin as a proposal, numbered one after another"
MATRIX_ONCE = "a version of the decision rights stays as it was proposed and is decided once"
ONLY_OPEN = "approvals are frozen once, while their round still takes bids"
ALWAYS = "1 = 1"


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is refused, where, and when. `{differs}` stands for the dialect's own word."""

    name: str
    table: str
    moment: str
    when: str
    sentence: str


def _changed(*columns: str) -> str:
    return " OR ".join(f"NEW.{column} {{differs}} OLD.{column}" for column in columns)


_ASKED = _changed(
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
_PROPOSED = _changed("version", "document", "document_sha256", "reason", "author", "proposed_at")
_NOT_OPEN = "(SELECT state FROM round WHERE id = NEW.round_id) {differs} 'open'"
_REQUEST, _STEP, _MATRIX = "approval_request", "approval_step", "decision_matrix"
_FROZEN = "round_approval"
_GUARDS = (
    _Guard(
        "approval_begins",
        _REQUEST,
        "INSERT",
        "NEW.state <> 'waiting' AND NEW.lane <> 'rule'",
        BEGINS,
    ),
    _Guard(
        "approval_decided",
        _REQUEST,
        "UPDATE",
        f"OLD.state <> 'waiting' OR {_ASKED}",
        DECIDED_ONCE,
    ),
    _Guard("approval_own_team", _REQUEST, "UPDATE", _IN_OWN_TEAM, OWN_TEAM),
    _Guard("approval_stays", _REQUEST, "DELETE", ALWAYS, STAYS),
    _Guard("approval_step_follows", _STEP, "INSERT", _NOT_NEXT_STEP, STEPS_FOLLOW),
    _Guard("approval_step_written", _STEP, "UPDATE", ALWAYS, STAYS),
    _Guard("approval_step_stays", _STEP, "DELETE", ALWAYS, STAYS),
    _Guard("decision_matrix_begins", _MATRIX, "INSERT", _NOT_NEXT_VERSION, PROPOSED_FIRST),
    _Guard(
        "decision_matrix_decided",
        _MATRIX,
        "UPDATE",
        f"OLD.state <> 'proposed' OR {_PROPOSED}",
        MATRIX_ONCE,
    ),
    _Guard("decision_matrix_stays", _MATRIX, "DELETE", ALWAYS, STAYS),
    _Guard("round_approval_frozen", _FROZEN, "INSERT", _NOT_OPEN, ONLY_OPEN),
    _Guard("round_approval_written", _FROZEN, "UPDATE", ALWAYS, STAYS),
    _Guard("round_approval_stays", _FROZEN, "DELETE", ALWAYS, STAYS),
)


def _on_sqlite(guard: _Guard) -> str:
    when = guard.when.format(differs="IS NOT")
    return (
        f"CREATE TRIGGER guard_{guard.name} BEFORE {guard.moment} ON {guard.table} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{guard.sentence}'); END"
    )


def _function_of(guard: _Guard) -> str:
    when = guard.when.format(differs="IS DISTINCT FROM")
    return (
        f"CREATE FUNCTION guard_{guard.name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        f"IF {when} THEN RAISE EXCEPTION '{guard.sentence}' "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END IF; "
        "RETURN coalesce(NEW, OLD); END $body$"
    )


def _trigger_of(guard: _Guard) -> str:
    return (
        f"CREATE TRIGGER guard_{guard.name} BEFORE {guard.moment} ON {guard.table} "
        f"FOR EACH ROW EXECUTE FUNCTION guard_{guard.name}()"
    )


RAISED: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(map(_on_sqlite, _GUARDS)),
    "postgresql": tuple(
        statement for guard in _GUARDS for statement in (_function_of(guard), _trigger_of(guard))
    ),
}
"""The statements that raise the guards, by the database's dialect."""
TAKEN_DOWN: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(f"DROP TRIGGER guard_{guard.name}" for guard in _GUARDS),
    "postgresql": tuple(f"DROP FUNCTION guard_{guard.name}() CASCADE" for guard in _GUARDS),
}
"""The statements that take the guards away, before their tables go."""
