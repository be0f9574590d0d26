"""How the database tells which rows of audited tables a transaction changed: by triggers.

Every way to write is seen, be it one row or thousands. On SQLite the triggers call a function of
our own connections (db.py), so that no other program can write these tables; on PostgreSQL they
write the row's key down under the transaction's number. What was noted is taken by sealing.py.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, delete, func, text
from sqlmodel import Session, col

from broker.proofs.audited import VOLATILE, hashed_names, noted_tables
from broker.proofs.pending import Key, Touched
from broker.proofs.tables import TouchedRow
from broker.tables import Day

_FUNCTION = """CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO audit_touched (transaction_id, table_name, row_key)
    SELECT txid_current(), TG_TABLE_NAME, jsonb_agg(to_jsonb(OLD) -> name ORDER BY place)::text
    FROM unnest(TG_ARGV) WITH ORDINALITY AS keys(name, place);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO audit_touched (transaction_id, table_name, row_key)
    SELECT txid_current(), TG_TABLE_NAME, jsonb_agg(to_jsonb(NEW) -> name ORDER BY place)::text
    FROM unnest(TG_ARGV) WITH ORDINALITY AS keys(name, place);
  END IF;
  RETURN NULL;
END $body$"""


def raise_notes(connection: Connection) -> None:
    """Have every change of an audited table noted from now on; safe to repeat."""
    take_notes_down(connection)
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        connection.execute(text(_FUNCTION))
    for rows in noted_tables().values():
        for statement in _on_sqlite(rows) if is_sqlite else _on_postgresql(rows):
            connection.execute(text(statement))


def take_notes_down(connection: Connection) -> None:
    """Have nothing noted any more, before tables go."""
    if connection.dialect.name == "sqlite":
        raised = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'note\\_%'"
        for name in connection.execute(text(raised + " ESCAPE '\\'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        connection.execute(text("DROP FUNCTION IF EXISTS note_change() CASCADE"))


def take_touched(session: Session) -> Touched:
    """Return what this transaction changed in audited tables, and forget that it was noted."""
    if session.get_bind().dialect.name == "sqlite":
        connection: Any = session.connection().connection.dbapi_connection
        noted: Iterable[tuple[Any, ...]] = connection.take_noted()
    else:
        noted = _taken_on_postgresql(session)
    tables, touched = noted_tables(), Touched()
    for name, *key in noted:
        if name in tables:
            touched.setdefault(name, set()).add(_typed(tables[name], key))
    return touched


def _taken_on_postgresql(session: Session) -> Iterator[tuple[Any, ...]]:
    ours = col(TouchedRow.transaction_id) == func.txid_current()
    taken = delete(TouchedRow).where(ours)
    returned = taken.returning(col(TouchedRow.table_name), col(TouchedRow.row_key))
    for name, key in session.execute(returned, execution_options={"synchronize_session": False}):
        yield (name, *json.loads(key))


def _typed(rows: Table, key: Iterable[Any]) -> Key:
    """Return a key as the columns' types have it: days came as texts."""
    return tuple(
        dt.date.fromisoformat(value) if isinstance(column.type, Day) else value
        for column, value in zip(rows.primary_key, key, strict=True)
    )


def _moments(rows: Table) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Tell when a trigger of a table fires, under which name, and whose keys it notes."""
    columns = ""
    if rows.name in VOLATILE:
        columns = " OF " + ", ".join(hashed_names(rows))
    yield "insert", "INSERT", ("NEW",)
    yield "update", f"UPDATE{columns}", ("OLD", "NEW")
    yield "delete", "DELETE", ("OLD",)


def _on_sqlite(rows: Table) -> Iterator[str]:
    keys = [column.name for column in rows.primary_key]
    for name, moment, versions in _moments(rows):
        notes = "; ".join(
            f"SELECT note_change('{rows.name}', {', '.join(f'{row}.{key}' for key in keys)})"
            for row in versions
        )
        yield (
            f"CREATE TRIGGER note_{rows.name}_{name} AFTER {moment} ON {rows.name} "
            f"BEGIN {notes}; END"
        )


def _on_postgresql(rows: Table) -> Iterator[str]:
    keys = ", ".join(f"'{column.name}'" for column in rows.primary_key)
    for name, moment, _ in _moments(rows):
        yield (
            f"CREATE TRIGGER note_{rows.name}_{name} AFTER {moment} ON {rows.name} "
            f"FOR EACH ROW EXECUTE FUNCTION note_change({keys})"
        )
