"""Rows of one market into another database of the same schema, whichever kind each of them is.

The rows stay as they are: guards, which know only a market that lives, stand aside meanwhile and
are back before the transaction ends. backups.py says what is copied where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, func, insert, select, text

from broker.every_table import TABLES

ROWS_AT_ONCE = 2000
Counts = Mapping[str, int]
"""How many rows every table has."""


def count_rows(connection: Connection) -> Counts:
    """Count the rows of every table."""
    counts = {table.name: select(func.count()).select_from(table) for table in TABLES}
    return {name: connection.execute(count).scalar_one() for name, count in counts.items()}


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row of a market into an empty one."""
    with _without_guards(target):
        for table in TABLES:
            rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(
                select(table).order_by(*table.primary_key.columns)
            )
            for part in rows.mappings().partitions(ROWS_AT_ONCE):
                target.execute(insert(table), [dict(row) for row in part])
        _go_on_counting(target)


@contextmanager
def _without_guards(target: Connection) -> Iterator[None]:
    """Let rows be written as they are, and raise the same guards again."""
    if target.dialect.name == "postgresql":
        for table in TABLES:
            target.execute(text(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER'))
        yield
        target.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        for table in TABLES:
            target.execute(text(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER'))
        return
    triggers = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    guards = target.execute(triggers).all()
    for name, _ in guards:
        target.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _, sql in guards:
        target.exec_driver_sql(sql)


def _go_on_counting(target: Connection) -> None:
    """Let PostgreSQL number new rows behind those that came with numbers."""
    if target.dialect.name != "postgresql":
        return
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None:
            named = {"table": f'"{table.name}"', "column": column.name}
            sequence = target.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), named)
            last = target.execute(select(func.max(column))).scalar()
            follow = {"sequence": sequence.scalar(), "last": last}
            if all(follow.values()):
                target.execute(text("SELECT setval(CAST(:sequence AS regclass), :last)"), follow)
