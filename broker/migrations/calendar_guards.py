"""What the database itself refuses about pools and their capacity: on SQLite and on PostgreSQL.

Belongs to migration 0011 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/pools/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

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

_LAST = "SELECT coalesce(max(number), 0) + 1 FROM pool_version WHERE pool_id = NEW.pool_id"
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
    Guard("pool_version_next", "pool_version", "INSERT", f"NEW.number <> ({_LAST})", NEXT),
    Guard("pool_version_begins", "pool_version", "INSERT", _CLOSED_AND_ALONE, TWO_PERSONS),
    Guard(
        "pool_version_decided",
        "pool_version",
        "UPDATE",
        f"OLD.state <> 'proposed' OR {changed(*WORDS)}",
        DECIDED_ONCE,
    ),
    Guard("pool_version_stays", "pool_version", "DELETE", ALWAYS, STAYS),
    Guard("amendment_begins", "capacity_amendment", "INSERT", _NOT_ITS_VERSION, IN_FORCE),
    Guard("amendment_written", "capacity_amendment", "UPDATE", ALWAYS, STAYS),
    Guard("amendment_stays", "capacity_amendment", "DELETE", ALWAYS, STAYS),
    Guard("capacity_added", "capacity", "INSERT", _DECIDED.format(row="NEW"), DECIDED),
    Guard("capacity_changed", "capacity", "UPDATE", _DECIDED.format(row="OLD"), DECIDED),
    Guard("capacity_stays", "capacity", "DELETE", _DECIDED.format(row="OLD"), DECIDED),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
