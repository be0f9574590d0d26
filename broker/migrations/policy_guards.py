"""What the database itself refuses about policies and scores: on SQLite and on PostgreSQL.

Belongs to migration 0004 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/policy/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NEXT = "policies follow each other"
ONLY_OPEN = "only an open round takes bids, and its scores are frozen once"
FROZEN = ("round_policy", "bid_score", "bid_factor", "barred_alternative")
"""What a round freezes at its close: written then, and never again."""
VERSIONS, PLEDGES = "policy_version", "bid_pledge"


def never(table: str) -> str:
    """Return the sentence that refuses to rewrite a table's rows."""
    return f"a {table} row is never changed or deleted"


def _state_of(table: str, row: str) -> str:
    if table == "round_policy":
        return f"SELECT state FROM round WHERE id = {row}.round_id"  # noqa: S608  # our constants
    return (
        "SELECT round.state FROM round JOIN bid ON bid.round_id = round.id "  # noqa: S608  # our constants
        f"WHERE bid.id = {row}.bid_id"
    )


# --- SQLite ----------------------------------------------------------------------------------


def _refuse(table: str, change: str, sentence: str, when: str = "1") -> str:
    return (
        f"CREATE TRIGGER guard_{table}_{change.lower()} BEFORE {change} ON {table} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _refuse_unless_open(table: str, change: str, *rows: str) -> str:
    closed = " OR ".join(f"({_state_of(table, row)}) IS NOT 'open'" for row in rows)
    return _refuse(table, change, ONLY_OPEN, closed)


def _sqlite() -> Iterator[str]:
    next_version = "NEW.version IS NOT (SELECT coalesce(max(version), 0) + 1 FROM policy_version)"
    yield _refuse(VERSIONS, "INSERT", NEXT, next_version)
    for table in (VERSIONS, *FROZEN):
        yield _refuse(table, "UPDATE", never(table))
        yield _refuse(table, "DELETE", never(table))
    for table in (*FROZEN, PLEDGES):
        yield _refuse_unless_open(table, "INSERT", "NEW")
    yield _refuse_unless_open(PLEDGES, "UPDATE", "OLD", "NEW")
    yield _refuse_unless_open(PLEDGES, "DELETE", "OLD")


# --- PostgreSQL ------------------------------------------------------------------------------


def _function(name: str, condition: str, sentence: str) -> str:
    return (
        f"CREATE FUNCTION policy_{name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        f"IF {condition} THEN RAISE EXCEPTION '{sentence}' "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END IF; "
        "RETURN coalesce(NEW, OLD); END $body$"
    )


def _trigger(table: str, change: str, function: str) -> str:
    each = "STATEMENT" if change == "TRUNCATE" else "ROW"
    return (
        f"CREATE TRIGGER guard_{table}_{change.lower()} BEFORE {change} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {function}"
    )


def _functions() -> Iterator[str]:
    next_version = (
        "NEW.version IS DISTINCT FROM (SELECT coalesce(max(version), 0) + 1 FROM policy_version)"
    )
    yield _function("is_next", next_version, NEXT)
    yield (
        "CREATE FUNCTION policy_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        "RAISE EXCEPTION 'a % row is never changed or deleted', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END $body$"
    )
    for name, table, rows in _CHECKS:
        closed = " OR ".join(f"({_state_of(table, row)}) IS DISTINCT FROM 'open'" for row in rows)
        yield _function(name, closed, ONLY_OPEN)


_CHECKS = (
    ("is_of_an_open_round", "round_policy", ("NEW",)),
    ("is_of_an_open_bid", "bid_score", ("NEW",)),
    ("was_of_an_open_bid", "bid_score", ("OLD",)),
    ("stays_of_an_open_bid", "bid_score", ("OLD", "NEW")),
)


def _postgresql() -> Iterator[str]:
    yield from _functions()
    yield _trigger(VERSIONS, "INSERT", "policy_is_next()")
    for table in (VERSIONS, *FROZEN):
        for change in ("UPDATE", "DELETE", "TRUNCATE"):
            yield _trigger(table, change, "policy_refuse()")
    yield _trigger("round_policy", "INSERT", "policy_is_of_an_open_round()")
    for table in (*FROZEN[1:], PLEDGES):
        yield _trigger(table, "INSERT", "policy_is_of_an_open_bid()")
    yield _trigger(PLEDGES, "UPDATE", "policy_stays_of_an_open_bid()")
    yield _trigger(PLEDGES, "DELETE", "policy_was_of_an_open_bid()")


RAISED: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(_sqlite()),
    "postgresql": tuple(_postgresql()),
}
"""The statements that raise the guards, by the database's dialect."""
LEFT_BEHIND: Mapping[str, tuple[str, ...]] = {
    "sqlite": (),
    "postgresql": tuple(
        f"DROP FUNCTION policy_{name}()"
        for name in ("is_next", "refuse", *(name for name, _, _ in _CHECKS))
    ),
}
"""The statements that take away what stays when the tables go with their triggers."""
