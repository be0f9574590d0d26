"""How the market reaches its database: engines, transactions, the version of the schema.

Writers begin IMMEDIATE, so that a transaction never fails half-way for a lock that it could not
upgrade; readers have an engine of their own that cannot write. Which rules the tables keep stands
in tables.py, how a schema comes about in migrations/.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlmodel import Session

from broker.errors import Busy, StorageFailed, WrongSchema

SCHEMA = "0002"
"""The revision of the schema that this version of the program reads and writes."""

PRAGMAS = (
    "busy_timeout=5000",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "synchronous=FULL",
)
READ_ONLY = "ro"
ATTEMPTS = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Database:
    """One market's storage. `file` is where it lives; the reader cannot write."""

    file: Path
    writer: Engine
    reader: Engine

    def dispose(self) -> None:
        """Close every idle connection."""
        self.reader.dispose()
        self.writer.dispose()


def connect(url: str) -> Database:
    """Return the storage behind a URL such as `sqlite:///broker.db`. Touches nothing yet."""
    file = Path(make_url(url).database or "").absolute()
    return Database(file, _engine(file, "rwc", "IMMEDIATE"), _engine(file, READ_ONLY, "DEFERRED"))


@contextmanager
def writing(db: Database) -> Iterator[Session]:
    """Open a transaction that may write; it commits at the end, or leaves nothing behind."""
    session = Session(db.writer, expire_on_commit=False)
    with _storage_errors(db), session, session.begin():
        yield session


@contextmanager
def reading(db: Database) -> Iterator[Session]:
    """Open a transaction that sees one state of the market and cannot change it."""
    session = Session(db.reader, expire_on_commit=False)
    with _storage_errors(db), session, session.begin():
        yield session


def transact(db: Database, work: Callable[[Session], T]) -> T:
    """Run a whole transaction function, again when others kept the database locked.

    The function must have no effect outside the session: it may run more than once.

    Raises: Busy when the database stayed locked.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(Busy), writing(db) as session:
            return work(session)
    with writing(db) as session:
        return work(session)


@contextmanager
def _storage_errors(db: Database) -> Iterator[None]:
    """Say what the database could not do in a sentence; broken rules of tables pass through."""
    try:
        yield
    except IntegrityError:
        raise
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            hint = "Try again in a minute."
            raise Busy(f"The database {db.file} stayed locked by others.", hint=hint) from error
        raise StorageFailed(f"The database {db.file} failed: {error.orig}.") from error


def schema_of(db: Database) -> str | None:
    """Return the revision of the database's schema, or None where there is none."""
    if not db.file.exists():
        return None
    with _storage_errors(db), db.reader.connect() as connection:
        known = connection.execute(
            text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
        )
        if known.first() is None:
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check_schema(db: Database) -> None:
    """Refuse a database of another version before anything is read from it or written to it.

    Raises: WrongSchema with the sentence what to run.
    """
    found = schema_of(db)
    if found is None:
        raise WrongSchema(f"There is no market in {db.file} yet.", hint="Run `broker migrate`.")
    if found < SCHEMA:
        raise WrongSchema(
            f"The database {db.file} has schema {found}; this version needs {SCHEMA}.",
            hint="Run `broker migrate`.",
        )
    if found > SCHEMA:
        raise newer_schema(db, found)


def newer_schema(db: Database, found: str) -> WrongSchema:
    """Return the refusal of a database that a newer version of the program wrote."""
    return WrongSchema(
        f"The database {db.file} has schema {found}, which is newer than this version's {SCHEMA}.",
        hint="Install the version of the program that wrote it.",
    )


def _engine(file: Path, mode: str, begin: str) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://", creator=lambda: _open(file, mode), poolclass=QueuePool
    )
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _open(file: Path, mode: str) -> sqlite3.Connection:
    """Open a connection whose transactions begin when we say so, with the safe settings."""
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if mode == READ_ONLY:
        connection.execute("PRAGMA query_only=ON")
    else:
        _switch_to_wal(connection)
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Make the file's journal a write-ahead log, which it then stays for every connection.

    On a new file the switch fails at once where others hold a lock; an empty transaction waits
    for them.
    """
    for _ in range(ATTEMPTS):
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
            return
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection, kind: str) -> Any:
    connection.exec_driver_sql(f"BEGIN {kind}")
