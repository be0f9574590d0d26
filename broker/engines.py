"""How a connection is opened on either database, and which settings make it safe.

Every database has two engines: a writer, and a reader that cannot write and sees one state of the
market for as long as its transaction lasts. db.py says when each is used.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

SQLITE, POSTGRESQL = "sqlite", "postgresql"
POSTGRESQL_DRIVER = "postgresql+psycopg"
DRIVERS = frozenset({SQLITE, POSTGRESQL, POSTGRESQL_DRIVER})
"""What may stand before `://` in the address of a database."""

# --- SQLite ------------------------------------------------------------------------------------

PRAGMAS = (
    "busy_timeout=5000",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "synchronous=FULL",
)
READ_ONLY = "ro"
ATTEMPTS = 3


def file_engines(file: Path) -> tuple[Engine, Engine]:
    """Return the writer and the reader of a file; a writer's transactions begin IMMEDIATE."""
    return _file_engine(file, "rwc", "IMMEDIATE"), _file_engine(file, READ_ONLY, "DEFERRED")


def _file_engine(file: Path, mode: str, begin: str) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _open(file, mode),
        poolclass=QueuePool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


class NotingConnection(sqlite3.Connection):
    """A connection that remembers which audited rows a transaction changed: triggers tell it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._noted: dict[tuple[Any, ...], None] = {}
        self.create_function("note_change", -1, self._note)

    def take_noted(self) -> list[tuple[Any, ...]]:
        """Return the table and key of each, in the order of their first change, and forget them."""
        noted, self._noted = list(self._noted), {}
        return noted

    def _note(self, *row: Any) -> None:
        self._noted[row] = None


def _open(file: Path, mode: str) -> NotingConnection:
    """Open a connection whose transactions begin when we say so, with the safe settings."""
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=NotingConnection,
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
    opened: Any = connection.connection.dbapi_connection
    opened.take_noted()
    connection.exec_driver_sql(f"BEGIN {kind}")


# --- PostgreSQL --------------------------------------------------------------------------------

CONNECTING = {"connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
"""How long a server may be silent; the address of the database may say otherwise."""
SESSION_SETTINGS = (
    "SET lock_timeout = '5s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    "SET timezone = 'UTC'",
)
"""Nobody waits for a lock for longer than on SQLite, and a host that hangs lets its locks go."""
NEVER_WRITES = "SET default_transaction_read_only = on"


def server_engines(url: URL) -> tuple[Engine, Engine]:
    """Return the writer and the reader of a database on a server.

    The writer is at READ COMMITTED and takes row locks; the reader sees one state.

    Raises: ModuleNotFoundError where the driver is not installed.
    """
    return (
        _server_engine(url, "READ COMMITTED", SESSION_SETTINGS),
        _server_engine(url, "REPEATABLE READ", (*SESSION_SETTINGS, NEVER_WRITES)),
    )


def _server_engine(url: URL, isolation_level: Any, settings: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url.set(drivername=POSTGRESQL_DRIVER),
        isolation_level=isolation_level,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={k: value for k, value in CONNECTING.items() if k not in url.query},
    )
    event.listen(engine, "connect", lambda connection, _: _set(connection, settings))
    return engine


def _set(connection: Any, settings: tuple[str, ...]) -> None:
    """Set a new connection up, outside any transaction, so that no rollback takes it back."""
    connection.autocommit, before = True, connection.autocommit
    for setting in settings:
        connection.execute(setting)
    connection.autocommit = before
