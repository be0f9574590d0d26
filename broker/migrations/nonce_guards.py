"""What the database itself refuses about the nonce of a round: on SQLite and on PostgreSQL.

Belongs to migration 0031 and stays as it is; a later change is a later migration.
"""

from __future__ import annotations

from broker.migrations.guards import Guard, changed, raised, taken_down

DRAWN_ONCE = "the nonce of a round is drawn once, when it opens"
_NOT_AT_THE_OPENING = (
    f"({changed('nonce')}) AND NOT (OLD.state = 'scheduled' AND NEW.state = 'open' "
    "AND OLD.imported_sha256 IS NULL)"
)
_GUARDS = (Guard("round_nonce", "round", "UPDATE", _NOT_AT_THE_OPENING, DRAWN_ONCE),)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
