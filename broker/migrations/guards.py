"""How a guard is raised on either database: a trigger that refuses, and says why.

What is guarded stands in the module of each step, named after it. On PostgreSQL a table of which a
guard keeps rows cannot be emptied at once either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

ALWAYS = "1 = 1"
Statements = Mapping[str, tuple[str, ...]]
"""Statements by the database's dialect."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What is refused, where, and when. `{differs}` stands for the dialect's own word."""

    name: str
    table: str
    moment: str
    when: str
    sentence: str


def changed(*columns: str) -> str:
    """Return the condition that an update changes one of some columns."""
    return " OR ".join(f"NEW.{column} {{differs}} OLD.{column}" for column in columns)


def raised(guards: Iterable[Guard]) -> Statements:
    """Return the statements that raise guards."""
    every = tuple(guards)
    return {
        "sqlite": tuple(map(_on_sqlite, every)),
        "postgresql": tuple(line for guard in every for line in _on_postgresql(guard)),
    }


def taken_down(guards: Iterable[Guard]) -> Statements:
    """Return the statements that take guards away, before their tables go."""
    every = tuple(guards)
    functions = (name for guard in every for name in _functions_of(guard))
    return {
        "sqlite": tuple(f"DROP TRIGGER guard_{guard.name}" for guard in every),
        "postgresql": tuple(f"DROP FUNCTION {name}() CASCADE" for name in functions),
    }


def _on_sqlite(guard: Guard) -> str:
    when = guard.when.format(differs="IS NOT")
    return (
        f"CREATE TRIGGER guard_{guard.name} BEFORE {guard.moment} ON {guard.table} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{guard.sentence}'); END"
    )


def _on_postgresql(guard: Guard) -> Iterator[str]:
    row, *all_rows = _functions_of(guard)
    when = guard.when.format(differs="IS DISTINCT FROM")
    yield _function(row, when, guard.sentence)
    yield _trigger(row, guard, guard.moment, "ROW")
    for name in all_rows:
        yield _function(name, ALWAYS, guard.sentence)
        yield _trigger(name, guard, "TRUNCATE", "STATEMENT")


def _functions_of(guard: Guard) -> tuple[str, ...]:
    """Name a guard's functions: for a row, and for all rows at once where rows are kept."""
    name = f"guard_{guard.name}"
    return (name, f"{name}_all") if guard.moment == "DELETE" else (name,)


def _function(name: str, when: str, sentence: str) -> str:
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
        f"IF {when} THEN RAISE EXCEPTION '{sentence}' "
        "USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME; END IF; "
        "RETURN coalesce(NEW, OLD); END $body$"
    )


def _trigger(name: str, guard: Guard, moment: str, each: str) -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {moment} ON {guard.table} "
        f"FOR EACH {each} EXECUTE FUNCTION {name}()"
    )
