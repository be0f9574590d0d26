"""How the market reaches its database: engines, transactions, the version of the schema.

Writers begin IMMEDIATE, so that a transaction never fails half-way for a lock that it could not
upgrade; readers have an engine of their own that cannot write. Which rules the tables keep stands
in tables.py, how a schema comes about in migrations/.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlmodel import Session

from broker.errors import BrokerError, Busy, StorageFailed, UnusableDatabase, WrongSchema

SCHEMA = "0017"
"""The revision of the schema that this version of the program reads and writes."""

PRAGMAS = (
    "busy_timeout=5000",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "synchronous=FULL",
)
READ_ONLY = "ro"
PRIMARY_CODE = 0xFF
"""What of an SQLite error says its kind; the rest says the circumstances."""
NO_DATABASE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB})
ELSEWHERE = "Set BROKER_DATABASE_URL to a file in a folder that is there and that you may write to."
HINTS: Mapping[int, str] = {
    sqlite3.SQLITE_READONLY: "Make the file and its folder writable for you.",
    sqlite3.SQLITE_FULL: "Make room on its disk and try again.",
    sqlite3.SQLITE_IOERR: "Look after its disk and try again.",
    sqlite3.SQLITE_CORRUPT: "Put a copy of it that is whole in its place.",
}
"""What to do about a database that could not do its work, by the kind of the error."""
OVERTAKEN_STATES = frozenset({"40001", "40P01"})
"""What PostgreSQL calls a transaction that could not be put in an order, or a deadlock."""
NUMBERED = frozenset(
    {
        "uq_journal_idempotency_key",
        "pk_account",
        "pk_audit_event",
        "pk_policy_version",
        "pk_sprint_rule",
        "pk_announced_sprint",
        "pk_sign_in_attempt",
        "uq_role_grant_live",
        "pk_team_retirement",
        "uq_api_token_live",
        "uq_team_key",
        "uq_role_grant_first_admin",
    }
)
"""Keys that two transactions may ask for at once; the second then finds what the first wrote."""
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
    with storage_errors(db), session, session.begin():
        yield session


@contextmanager
def reading(db: Database) -> Iterator[Session]:
    """Open a transaction that sees one state of the market and cannot change it."""
    session = Session(db.reader, expire_on_commit=False)
    with storage_errors(db), session, session.begin():
        yield session


def transact(db: Database, work: Callable[[Session], T]) -> T:
    """Run a whole transaction function, again when others kept it locked or were faster.

    The function must have no effect outside the session: it may run more than once.

    Raises: Busy when the database stayed locked.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(Busy), writing(db) as session:
            return work(session)
    with writing(db) as session:
        return work(session)


@contextmanager
def storage_errors(db: Database) -> Iterator[None]:
    """Say what the database could not do in a sentence; broken rules of tables pass through.

    Raises: Busy; UnusableDatabase if it cannot be opened at all; StorageFailed for the rest.
    """
    try:
        yield
    except IntegrityError as error:
        if _was_overtaken(error):
            raise _overtaken(db.file) from error
        raise
    except DatabaseError as error:
        raise _in_a_sentence(db.file, error) from error


def _was_overtaken(error: DatabaseError) -> bool:
    """Say whether PostgreSQL let another transaction go first, so that a repetition finds it."""
    state = getattr(error.orig, "sqlstate", None)
    diagnosis = getattr(error.orig, "diag", None)
    return state in OVERTAKEN_STATES or getattr(diagnosis, "constraint_name", None) in NUMBERED


def _overtaken(file: Path) -> Busy:
    sentence = f"Others were faster in {file}, more than once."
    return Busy(sentence, hint="Try again in a minute.")


def _in_a_sentence(file: Path, error: DatabaseError) -> BrokerError:
    if _was_overtaken(error):
        return _overtaken(file)
    kind = getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY_CODE
    if kind == sqlite3.SQLITE_BUSY:
        return Busy(f"The database {file} stayed locked by others.", hint="Try again in a minute.")
    if kind in NO_DATABASE:
        return _unusable(file, str(error.orig))
    why = f"{error.orig}; nothing that was under way was stored"
    return StorageFailed(f"The database {file} failed: {why}.", hint=HINTS.get(kind, ""), why=why)


def _unusable(file: Path, why: str) -> UnusableDatabase:
    return UnusableDatabase(f"{file} cannot be the database: {why}.", hint=ELSEWHERE, why=why)


def is_there(db: Database) -> bool:
    """Say whether the database's file is there.

    Raises: UnusableDatabase if its place cannot hold one.
    """
    try:
        if db.file.is_file():
            return True
        is_something_else = db.file.exists() and not db.file.is_file()  # it may come right now
        wrong = "it is not a file" if is_something_else else ""
        if not db.file.parent.is_dir():
            wrong = f"there is no folder {db.file.parent}"
    except OSError as error:
        wrong = str(error.strerror)
    if wrong:
        raise _unusable(db.file, wrong)
    return False


def schema_of(db: Database) -> str | None:
    """Return the revision of the database's schema, or None where there is none."""
    if not is_there(db):
        return None
    with storage_errors(db), db.reader.connect() as connection:
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
