"""Where a demo is built, and what it replaces: nothing but a demo is ever thrown away.

A file takes the place of the one before once it is whole. A database on a server is emptied first,
and says that it is a demo from its first row on, so that one that broke off can be replaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from alembic import command
from sqlalchemy import inspect, text

from broker.db import SCHEMA, Database, connect, newer_schema, reading, schema_of
from broker.errors import Refused
from broker.schema import move_schema

IS_DEMO = "SELECT 1 FROM installation WHERE key = 'purpose' AND value = 'demo'"
ANOTHER_FILE = "Set BROKER_DATABASE_URL to a file that does not exist, or move this one away."
ANOTHER_DATABASE = "Set BROKER_DATABASE_URL to an empty database."


def check_replaceable(db: Database) -> None:
    """Make sure that nothing but a demo is thrown away. Raises: Refused otherwise."""
    may_be_replaced = _is_replaceable_file(db.file) if db.is_file else _is_replaceable_server(db)
    if not may_be_replaced:
        raise Refused(
            f"{db.place} is not marked as a demo, so it is left alone.",
            hint=ANOTHER_FILE if db.is_file else ANOTHER_DATABASE,
        )


def replacing(db: Database) -> AbstractContextManager[Database]:
    """Return a new database in which a demo can be built, in the place of the one before."""
    return _beside(db.file) if db.is_file else _emptied(db)


# --- in a file ---------------------------------------------------------------------------------


def _is_replaceable_file(file: Path) -> bool:
    """Say whether a file is not there, or a database that says of itself that it is a demo.

    It is read as it lies there, so that nothing appears beside a file that is left alone.
    """
    if not file.exists():
        return True
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as connection:
            return connection.execute(IS_DEMO).fetchone() is not None
    except sqlite3.DatabaseError:
        return False


@contextmanager
def _beside(file: Path) -> Iterator[Database]:
    """Open a new database beside a file, and let it take the file's place once it is whole."""
    new = file.with_name(f"{file.name}.new")
    _remove(new)
    db = connect(f"sqlite:///{new}")
    try:
        yield db
    except BaseException:
        db.dispose()
        _remove(new)
        raise
    db.dispose()
    _remove(file)
    new.rename(file)


def _remove(file: Path) -> None:
    """Remove a database with the files that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


# --- on a server -------------------------------------------------------------------------------


def _is_replaceable_server(db: Database) -> bool:
    """Say whether a database has no tables at all, or says of itself that it is a demo."""
    if schema_of(db) is not None:
        with reading(db) as session:
            return session.execute(text(IS_DEMO)).first() is not None
    with reading(db) as session:
        return set(inspect(session.connection()).get_table_names()) <= {"alembic_version"}


@contextmanager
def _emptied(db: Database) -> Iterator[Database]:
    """Take all tables of the demo before away. Raises: WrongSchema if a newer version made them."""
    found = schema_of(db)
    if found is not None and found > SCHEMA:
        raise newer_schema(db, found)
    if found is not None:
        move_schema(db, command.downgrade, "base")
    try:
        yield db
    finally:
        db.dispose()
