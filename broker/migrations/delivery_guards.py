"""What the database itself refuses about deliveries: on SQLite and on PostgreSQL.

Belongs to migration 0009 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/deliveries/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NEXT = "reports on an award follow each other"
PUBLISHED = "only an award of a published run is reported on"
ONLY_OPEN = "the record of a team is frozen once, while its round still takes bids"
KEPT = ("delivery", "delivery_verdict", "team_record")
"""What is written once, and never again."""
_LAST = "SELECT coalesce(max(version), 0) + 1 FROM delivery WHERE bid_id = NEW.bid_id"
_RUN = "SELECT state FROM run WHERE id = NEW.run_id"
_ROUND = "SELECT state FROM round WHERE id = NEW.round_id"


def never(table: str) -> str:
    """Return the sentence that refuses to rewrite a table's rows."""
    return f"a {table} row is never changed or deleted"


def _refuse(table: str, change: str, sentence: str, when: str, name: str = "") -> str:
    return (
        f"CREATE TRIGGER guard_{table}_{name or change.lower()} BEFORE {change} ON {table} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _sqlite() -> Iterator[str]:
    yield _refuse("delivery", "INSERT", NEXT, f"NEW.version IS NOT ({_LAST})")
    yield _refuse("delivery", "INSERT", PUBLISHED, f"({_RUN}) IS NOT 'published'", "published")
    yield _refuse("team_record", "INSERT", ONLY_OPEN, f"({_ROUND}) IS NOT 'open'")
    for table in KEPT:
        yield _refuse(table, "UPDATE", never(table), "1")
        yield _refuse(table, "DELETE", never(table), "1")


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
    yield _function("delivery_is_next", f"NEW.version IS DISTINCT FROM ({_LAST})", NEXT)
    yield _function("delivery_is_published", f"({_RUN}) IS DISTINCT FROM 'published'", PUBLISHED)
    yield _function("delivery_is_of_open", f"({_ROUND}) IS DISTINCT FROM 'open'", ONLY_OPEN)
    yield (
        "CREATE FUNCTION delivery_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        "RAISE EXCEPTION 'a % row is never changed or deleted', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END $body$"
    )
    yield _trigger("delivery", "INSERT", "delivery_is_next")
    yield _trigger("delivery", "INSERT", "delivery_is_published", "published")
    yield _trigger("team_record", "INSERT", "delivery_is_of_open")
    for table in KEPT:
        for change in ("UPDATE", "DELETE", "TRUNCATE"):
            yield _trigger(table, change, "delivery_refuse")


RAISED: Mapping[str, tuple[str, ...]] = {
    "sqlite": tuple(_sqlite()),
    "postgresql": tuple(_postgresql()),
}
"""The statements that raise the guards, by the database's dialect."""
LEFT_BEHIND: Mapping[str, tuple[str, ...]] = {
    "sqlite": (),
    "postgresql": tuple(
        f"DROP FUNCTION delivery_{name}()"
        for name in ("is_next", "is_published", "is_of_open", "refuse")
    ),
}
"""The statements that take away what stays when the tables go with their triggers."""
