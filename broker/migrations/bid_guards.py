"""What the database itself refuses about bids as teams write them: on SQLite and on PostgreSQL.

Belongs to migration 0008 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/bids/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

KEPT, ASKED = "bid_version", "asked_pool"
NEXT = "versions of a bid follow each other"
NEVER = "a bid_version row is never changed or deleted"
FROZEN = "an asked_pool row is never changed or deleted"
STAYS = "a team_bid row is never deleted"
ONLY_OPEN = "only an open round takes bids"
_LAST = "SELECT coalesce(max(version), 0) + 1 FROM bid_version WHERE bid_id = NEW.bid_id"


def _state(row: str) -> str:
    return f"SELECT state FROM round WHERE id = {row}.round_id"  # noqa: S608  # our constants


_VERSIONS_ROUND = (
    "SELECT round.state FROM round JOIN team_bid ON team_bid.round_id = round.id "
    "WHERE team_bid.id = NEW.bid_id"
)


# --- SQLite ----------------------------------------------------------------------------------


def _refuse(table: str, change: str, sentence: str, when: str, name: str = "") -> str:
    return (
        f"CREATE TRIGGER guard_{table}_{name or change.lower()} BEFORE {change} ON {table} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


_LATE = f"NEW.state = 'submitted' AND ({_VERSIONS_ROUND}) <> 'open'"
_TOUCHED = "OLD.state = 'submitted' OR NEW.state = 'submitted'"
_CLOSED = f"({_state('OLD')}) <> 'open' OR ({_state('NEW')}) <> 'open'"


def _sqlite() -> Iterator[str]:
    yield _refuse(KEPT, "INSERT", NEXT, f"NEW.version IS NOT ({_LAST})")
    yield _refuse(KEPT, "INSERT", ONLY_OPEN, _LATE, "submitted")
    yield _refuse(KEPT, "UPDATE", NEVER, "1")
    yield _refuse(KEPT, "DELETE", NEVER, "1")
    yield _refuse("team_bid", "UPDATE", ONLY_OPEN, f"({_TOUCHED}) AND ({_CLOSED})")
    yield _refuse("team_bid", "DELETE", STAYS, "1")
    yield _refuse(ASKED, "UPDATE", FROZEN, "1")
    yield _refuse(ASKED, "DELETE", FROZEN, "1")


# --- PostgreSQL ------------------------------------------------------------------------------


def _function(name: str, condition: str, sentence: str) -> str:
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        f"IF {condition} THEN RAISE EXCEPTION '{sentence}' "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END IF; "
        "RETURN NEW; END $body$"
    )


def _trigger(table: str, change: str, function: str, name: str = "") -> str:
    each = "STATEMENT" if change == "TRUNCATE" else "ROW"
    return (
        f"CREATE TRIGGER guard_{table}_{name or change.lower()} BEFORE {change} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {function}()"
    )


def _postgresql() -> Iterator[str]:
    yield _function("bid_version_is_next", f"NEW.version IS DISTINCT FROM ({_LAST})", NEXT)
    yield _function("bid_version_is_in_time", _LATE, ONLY_OPEN)
    yield _function("bid_version_stays", "true", NEVER)
    yield _function("team_bid_is_in_time", f"({_TOUCHED}) AND ({_CLOSED})", ONLY_OPEN)
    yield _function("team_bid_stays", "true", STAYS)
    yield _function("asked_pool_stays", "true", FROZEN)
    yield _trigger(KEPT, "INSERT", "bid_version_is_next")
    yield _trigger(KEPT, "INSERT", "bid_version_is_in_time", "submitted")
    yield _trigger("team_bid", "UPDATE", "team_bid_is_in_time")
    for change in ("UPDATE", "DELETE", "TRUNCATE"):
        yield _trigger(KEPT, change, "bid_version_stays")
        yield _trigger(ASKED, change, "asked_pool_stays")
    for change in ("DELETE", "TRUNCATE"):
        yield _trigger("team_bid", change, "team_bid_stays")


RAISED: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(_sqlite()),
    "postgresql": tuple(_postgresql()),
}
"""The statements that raise the guards, by the database's dialect."""
LEFT_BEHIND: Mapping[str, tuple[str, ...]] = {
    "sqlite": (),
    "postgresql": (
        "DROP FUNCTION bid_version_is_next()",
        "DROP FUNCTION bid_version_is_in_time()",
        "DROP FUNCTION bid_version_stays()",
        "DROP FUNCTION team_bid_is_in_time()",
        "DROP FUNCTION team_bid_stays()",
        "DROP FUNCTION asked_pool_stays()",
    ),
}
"""The statements that take away what stays when the tables go with their triggers."""
