"""What the database itself refuses about tokens: on SQLite and on PostgreSQL.

Belongs to migration 0017 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/people/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

AS_ISSUED = "a token stays as it was issued, and is revoked once"
STAYS = "a token is revoked and never deleted"

_ISSUED = changed(
    *("id", "secret_sha256", "person_id", "service", "name", "scopes"),
    *("issued_by", "issued_at", "expires_at"),
)
_AGAIN = f"OLD.revoked_at IS NOT NULL AND ({changed('revoked_by', 'revoked_at')})"
_GUARDS = (
    Guard("api_token_written", "api_token", "UPDATE", f"{_ISSUED} OR ({_AGAIN})", AS_ISSUED),
    Guard("api_token_stays", "api_token", "DELETE", ALWAYS, STAYS),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
