"""What the database itself refuses about linked accounts: on SQLite and on PostgreSQL.

Belongs to the migration of `person_identity` and stays as it is; a later change is a later
migration. Columns and CHECKs stand in broker/people/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

AS_LINKED = "whom an account is linked to is never changed"

_GUARDS = (Guard("person_identity_written", "person_identity", "UPDATE", ALWAYS, AS_LINKED),)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
