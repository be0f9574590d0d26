"""How a closed set of words in a CHECK gets another word, on SQLite and on PostgreSQL.

SQLite changes no CHECK: there the table is made anew from its own definition, with its rows and its
indexes. For tables that no other table refers to and that have no triggers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def change_check(table: str, constraint: str, before: str, after: str) -> None:
    """Let a CHECK of a table say something else. Raises: LookupError if it does not say that."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(constraint), table, type_="check")
        op.create_check_constraint(op.f(constraint), table, after)
        return
    definition, indexes = _definitions(table)
    if before not in definition:
        raise LookupError(f"{table} has no CHECK that says {before}.")
    op.execute(sa.text(f"ALTER TABLE {table} RENAME TO {table}_before"))
    op.execute(sa.text(definition.replace(before, after)))
    op.execute(sa.text(f"INSERT INTO {table} SELECT * FROM {table}_before"))  # noqa: S608  # ours
    op.execute(sa.text(f"DROP TABLE {table}_before"))
    for index in indexes:
        op.execute(sa.text(index))


def _definitions(table: str) -> tuple[str, list[str]]:
    """Return the statements that made a table and its indexes."""
    made = sa.text(
        "SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL"
    )
    rows = op.get_bind().execute(made, {"table": table}).all()
    [definition] = [sql for kind, sql in rows if kind == "table"]
    return definition, [sql for kind, sql in rows if kind == "index"]
