"""What the database itself refuses about deadlines and cancellations: on SQLite and on PostgreSQL.

Belongs to migration 0007 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/round_tables.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TWO_PERSONS = "two persons change the deadline of an open round"
BEGINS = "a change begins as a proposal, from the deadline of an open round"
DECIDED_ONCE = "a proposal stays as it was made and is decided once"
STAYS = "what was decided about a round is never changed or deleted"
PROPOSED = ("id", "round_id", "closes_at_before", "closes_at", "reason", "proposed_by")
"""What a proposal says, besides when it was made."""
ALWAYS = "1 = 1"


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is refused, where, and when. `{differs}` stands for the dialect's own word."""

    name: str
    table: str
    moment: str
    when: str
    sentence: str


_OTHER_WORDS = " OR ".join(
    f"NEW.{column} {{differs}} OLD.{column}" for column in (*PROPOSED, "proposed_at")
)
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
    _Guard("deadline_begins", "deadline_change", "INSERT", _NOT_FROM_THE_DEADLINE, BEGINS),
    _Guard(
        "deadline_decided",
        "deadline_change",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {_OTHER_WORDS}",
        DECIDED_ONCE,
    ),
    _Guard("deadline_stays", "deadline_change", "DELETE", ALWAYS, STAYS),
    _Guard("deadline_two_persons", "round", "UPDATE", _NOT_APPROVED, TWO_PERSONS),
    _Guard("cancellation_written", "cancellation", "UPDATE", ALWAYS, STAYS),
    _Guard("cancellation_stays", "cancellation", "DELETE", ALWAYS, STAYS),
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
