"""What the database itself refuses about proposed policies and replays: SQLite and PostgreSQL.

Belongs to migration 0012 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/policy/tables.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BEGINS = "a policy begins as a proposal"
DECIDED_ONCE = "a proposed policy stays as it was written and is decided once"
STAYS = "what was proposed or replayed is never deleted"
REPLAYED_ONCE = "a replay that is done stays as it is"
WRITTEN = ("id", "document", "document_sha256", "reason", "author", "proposed_at")
"""What a proposal says."""
ASKED = ("id", "policy_sha256", "document", "round_id")
"""What a replay is about."""
ALWAYS = "1 = 1"


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is refused, where, and when. `{differs}` stands for the dialect's own word."""

    name: str
    table: str
    moment: str
    when: str
    sentence: str


def _changes(columns: tuple[str, ...]) -> str:
    return " OR ".join(f"NEW.{column} {{differs}} OLD.{column}" for column in columns)


_GUARDS = (
    _Guard("proposal_begins", "policy_proposal", "INSERT", "NEW.state <> 'proposed'", BEGINS),
    _Guard(
        "proposal_decided",
        "policy_proposal",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {_changes(WRITTEN)}",
        DECIDED_ONCE,
    ),
    _Guard("proposal_stays", "policy_proposal", "DELETE", ALWAYS, STAYS),
    _Guard(
        "replay_done",
        "policy_replay",
        "UPDATE",
        f"OLD.state = 'done' OR {_changes(ASKED)}",
        REPLAYED_ONCE,
    ),
    _Guard("replay_stays", "policy_replay", "DELETE", ALWAYS, STAYS),
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
