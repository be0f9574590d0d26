"""What the database itself refuses about the audit log and its proofs: on SQLite and on PostgreSQL.

Belongs to migration 0021 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/proofs/tables.py. What only PostgreSQL can hash, only it checks.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

STAYS = "what proves the audit log is never changed or deleted"
NEXT_LEAF = "the leaves of the audit log have no gaps"
NEXT_CHECKPOINT = "a checkpoint is of a log that is there, and later than the one before"
BROKEN_CHAIN = "a leaf of the audit log is chained to the one before"

_GUARDS = (
    Guard(
        "audit_leaf_next",
        "audit_leaf",
        "INSERT",
        "NEW.sequence {differs} (SELECT coalesce(max(sequence), 0) + 1 FROM audit_leaf)",
        NEXT_LEAF,
    ),
    Guard("audit_leaf_written", "audit_leaf", "UPDATE", ALWAYS, STAYS),
    Guard("audit_leaf_stays", "audit_leaf", "DELETE", ALWAYS, STAYS),
    Guard(
        "audit_checkpoint_next",
        "audit_checkpoint",
        "INSERT",
        "NEW.size > (SELECT coalesce(max(sequence), 0) FROM audit_leaf) "
        "OR NEW.size <= (SELECT coalesce(max(size), 0) FROM audit_checkpoint)",
        NEXT_CHECKPOINT,
    ),
    Guard("audit_checkpoint_written", "audit_checkpoint", "UPDATE", ALWAYS, STAYS),
    Guard("audit_checkpoint_stays", "audit_checkpoint", "DELETE", ALWAYS, STAYS),
)
_ON_POSTGRESQL = (
    Guard(
        "audit_leaf_chained",
        "audit_leaf",
        "INSERT",
        "NEW.head {differs} encode(sha256(decode('02' || coalesce("
        "(SELECT head FROM audit_leaf WHERE sequence = NEW.sequence - 1), repeat('0', 64)) "
        "|| left(NEW.hashes, 64), 'hex')), 'hex')",
        BROKEN_CHAIN,
    ),
)
"""What SQLite cannot hash."""

RAISED: Mapping[str, tuple[str, ...]] = {
    "sqlite": raised(_GUARDS)["sqlite"],
    "postgresql": raised((*_GUARDS, *_ON_POSTGRESQL))["postgresql"],
}
TAKEN_DOWN: Mapping[str, tuple[str, ...]] = {
    "sqlite": taken_down(_GUARDS)["sqlite"],
    "postgresql": taken_down((*_GUARDS, *_ON_POSTGRESQL))["postgresql"],
}
