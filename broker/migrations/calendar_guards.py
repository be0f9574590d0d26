"""What the database itself refuses about pools and their capacity: on SQLite and on PostgreSQL.

Belongs to migration 0011 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/pools/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NEXT = "the versions of a pool follow each other"
DECIDED_ONCE = "a version of a pool stays as it was proposed and is decided once"
STAYS = "what a pool was is never changed or deleted"
TWO_PERSONS = "two persons change a pool between the close and the publication of its round"
IN_FORCE = "a round is amended by a version in force, in the state that it is in"
DECIDED = "the capacity of a closed round is amended by two persons, and of a decided one by nobody"
WORDS = (
    "id",
    "pool_id",
    "number",
    "basis",
    "document",
    "document_sha256",
    "reason",
    "proposed_by",
    "proposed_at",
)
"""What a version says, besides how it was decided."""
ALWAYS = "1 = 1"


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is refused, where, and when. `{differs}` stands for the dialect's own word."""

    name: str
    table: str
    moment: str
    when: str
    sentence: str


_LAST = "SELECT coalesce(max(number), 0) + 1 FROM pool_version WHERE pool_id = NEW.pool_id"
_CHANGED = " OR ".join(f"NEW.{column} {{differs}} OLD.{column}" for column in WORDS)
_CLOSED_AND_ALONE = (
    "NEW.state = 'in-force' AND NEW.basis = 'one-person' AND EXISTS ("
    "SELECT 1 FROM round_pool JOIN round ON round.id = round_pool.round_id "
    "WHERE round_pool.pool_id = NEW.pool_id AND round.state = 'closed')"
)
_NOT_ITS_VERSION = (
    "NOT EXISTS (SELECT 1 FROM pool_version JOIN round_pool "
    "ON round_pool.pool_id = pool_version.pool_id "
    "JOIN round ON round.id = round_pool.round_id "
    "WHERE pool_version.id = NEW.version_id AND pool_version.state = 'in-force' "
    "AND round.id = NEW.round_id AND round.state = NEW.round_state "
    "AND (round.state <> 'closed' OR pool_version.basis = 'two-persons'))"
)
_DECIDED = (
    "(SELECT state FROM round WHERE id = {row}.round_id) NOT IN ('scheduled', 'open') "
    "AND NOT EXISTS (SELECT 1 FROM capacity_amendment JOIN pool_version "
    "ON pool_version.id = capacity_amendment.version_id "
    "JOIN round ON round.id = capacity_amendment.round_id "
    "WHERE capacity_amendment.round_id = {row}.round_id "
    "AND pool_version.pool_id = {row}.pool_id AND round.state = 'closed' "
    "AND capacity_amendment.round_state = 'closed')"
)
"""That a row of capacity is decided; `{row}` stands for the trigger's NEW or OLD."""
_GUARDS = (
    _Guard("pool_version_next", "pool_version", "INSERT", f"NEW.number <> ({_LAST})", NEXT),
    _Guard("pool_version_begins", "pool_version", "INSERT", _CLOSED_AND_ALONE, TWO_PERSONS),
    _Guard(
        "pool_version_decided",
        "pool_version",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {_CHANGED}",
        DECIDED_ONCE,
    ),
    _Guard("pool_version_stays", "pool_version", "DELETE", ALWAYS, STAYS),
    _Guard("amendment_begins", "capacity_amendment", "INSERT", _NOT_ITS_VERSION, IN_FORCE),
    _Guard("amendment_written", "capacity_amendment", "UPDATE", ALWAYS, STAYS),
    _Guard("amendment_stays", "capacity_amendment", "DELETE", ALWAYS, STAYS),
    _Guard("capacity_added", "capacity", "INSERT", _DECIDED.format(row="NEW"), DECIDED),
    _Guard("capacity_changed", "capacity", "UPDATE", _DECIDED.format(row="OLD"), DECIDED),
    _Guard("capacity_stays", "capacity", "DELETE", _DECIDED.format(row="OLD"), DECIDED),
)


def _on_sqlite(guard: _Guard) -> str:
    when = guard.when.format(differs="IS NOT")
    return (
        f"CREATE TRIGGER guard_{guard.name} BEFORE {guard.moment} ON {guard.table} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{guard.sentence}'); END"
    )


def _on_postgresql(guard: _Guard) -> Iterator[str]:
    when = guard.when.format(differs="IS DISTINCT FROM")
    yield (
        f"CREATE FUNCTION guard_{guard.name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        f"IF {when} THEN RAISE EXCEPTION '{guard.sentence}' "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END IF; "
        "RETURN coalesce(NEW, OLD); END $body$"
    )
    yield (
        f"CREATE TRIGGER guard_{guard.name} BEFORE {guard.moment} ON {guard.table} "
        f"FOR EACH ROW EXECUTE FUNCTION guard_{guard.name}()"
    )


RAISED: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(map(_on_sqlite, _GUARDS)),
    "postgresql": tuple(line for guard in _GUARDS for line in _on_postgresql(guard)),
}
"""The statements that raise the guards, by the database's dialect."""
TAKEN_DOWN: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(f"DROP TRIGGER guard_{guard.name}" for guard in _GUARDS),
    "postgresql": tuple(f"DROP FUNCTION guard_{guard.name}() CASCADE" for guard in _GUARDS),
}
"""The statements that take the guards away, before their tables go."""
