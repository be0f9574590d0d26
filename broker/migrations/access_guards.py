"""What the database itself refuses about access to data: on SQLite and on PostgreSQL.

Belongs to migration 0020 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/access_grants/tables.py and broker/policy/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

ONLY_PUBLISHED = "access is granted in the publication of its award"
ENDS_ONCE = "access stays as it was granted and ends once"
STAYS = "an access_grant row is never deleted"
ONLY_OPEN = "only an open round takes bids"

_GRANTED = changed(
    *("id", "run_id", "bid_id", "position", "team_id", "pool_id", "purpose", "seats"),
    *("from_on", "until_on", "granted_at"),
)
_NOT_AWARDED = (
    "NEW.state <> 'granted' OR NOT EXISTS (SELECT 1 FROM run JOIN award ON award.run_id = run.id "
    "JOIN bid ON bid.id = award.bid_id AND bid.team_id = NEW.team_id "
    "JOIN item ON item.bid_id = award.bid_id AND item.number = award.alternative "
    "AND item.position = NEW.position AND item.pool_id = NEW.pool_id "
    "WHERE run.id = NEW.run_id AND run.state = 'checked' AND award.bid_id = NEW.bid_id)"
)


def _closed(row: str) -> str:
    return (
        "(SELECT round.state FROM round JOIN bid ON bid.round_id = round.id "  # noqa: S608  # our constants
        f"WHERE bid.id = {row}.bid_id) {{differs}} 'open'"
    )


_GRANT, _PURPOSE = "access_grant", "bid_purpose"
_GUARDS = (
    Guard("access_granted", _GRANT, "INSERT", _NOT_AWARDED, ONLY_PUBLISHED),
    Guard("access_ends", _GRANT, "UPDATE", f"OLD.state <> 'granted' OR {_GRANTED}", ENDS_ONCE),
    Guard("access_stays", _GRANT, "DELETE", ALWAYS, STAYS),
    Guard("purpose_stated", _PURPOSE, "INSERT", _closed("NEW"), ONLY_OPEN),
    Guard(
        "purpose_changed", _PURPOSE, "UPDATE", f"{_closed('OLD')} OR {_closed('NEW')}", ONLY_OPEN
    ),
    Guard("purpose_taken", _PURPOSE, "DELETE", _closed("OLD"), ONLY_OPEN),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
