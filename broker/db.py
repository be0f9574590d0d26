"""How the market reaches its database: transactions, the version of the schema.

Writers begin IMMEDIATE on SQLite and take row locks on PostgreSQL, so that a transaction never
fails half-way for a lock that it could not upgrade; readers have an engine of their own that cannot
write. How connections are opened stands in engines.py, which rules the tables keep in tables.py,
how a schema comes about in migrations/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session

from broker.engines import ATTEMPTS, SQLITE, file_engines, server_engines
from broker.errors import Busy, WrongSchema
from broker.proofs.sealing import seal
from broker.storage_errors import in_a_sentence, overtaken, unusable, was_overtaken

SCHEMA = "0033"
"""The revision of the schema that this version of the program reads and writes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Database:
    """One market's storage: where it lives, and two engines of which the reader cannot write."""

    url: URL
    writer: Engine
    reader: Engine

    @property
    def is_file(self) -> bool:
        """Say whether the market lives in a file of this machine."""
        return self.url.get_backend_name() == SQLITE

    @property
    def file(self) -> Path:
        """Where a market that lives in a file is kept."""
        return Path(self.url.database or "").absolute()

    @property
    def place(self) -> str:
        """Where the market lives, as sentences name it: no user and no password."""
        if self.is_file:
            return str(self.file)
        host = self.url.host or self.url.query.get("host") or "this machine"
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.database} on {host}{port}"

    def dispose(self) -> None:
        """Close every idle connection."""
        self.reader.dispose()
        self.writer.dispose()


def connect(address: str) -> Database:
    """Return the storage at an address such as `sqlite:///broker.db`. Touches nothing yet.

    Raises: UnusableDatabase where the driver for it is not installed.
    """
    url = make_url(address)
    if url.get_backend_name() == SQLITE:
        return Database(url, *file_engines(Path(url.database or "").absolute()))
    try:
        return Database(url, *server_engines(url))
    except ModuleNotFoundError as error:
        hint = "Install it: `pip install 'capacity-broker[postgres]'`."
        raise unusable("PostgreSQL", f"{error.name} is not installed", hint) from error


@contextmanager
def writing(db: Database) -> Iterator[Session]:
    """Open a transaction that may write; it commits at the end, or leaves nothing behind.

    Raises: Unrecorded if it changed what is audited without an event.
    """
    session = Session(db.writer, expire_on_commit=False)
    with storage_errors(db), session, session.begin():
        yield session
        seal(session)


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
        if was_overtaken(error):
            raise overtaken(db.place) from error
        raise
    except DBAPIError as error:
        raise in_a_sentence(db.place, error) from error


def is_there(db: Database) -> bool:
    """Say whether the database is there; one on a server is, or the first question says why not.

    Raises: UnusableDatabase if its place cannot hold one.
    """
    if not db.is_file:
        return True
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
        raise unusable(db.place, wrong)
    return False


def schema_of(db: Database) -> str | None:
    """Return the revision of the database's schema, or None where there is none."""
    if not is_there(db):
        return None
    with storage_errors(db), db.reader.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check_schema(db: Database) -> None:
    """Refuse a database of another version before anything is read from it or written to it.

    Raises: WrongSchema with the sentence what to run.
    """
    found = schema_of(db)
    if found is None:
        raise WrongSchema(f"There is no market in {db.place} yet.", hint="Run `broker migrate`.")
    if found < SCHEMA:
        raise WrongSchema(
            f"The database {db.place} has schema {found}; this version needs {SCHEMA}.",
            hint="Run `broker migrate`.",
        )
    if found > SCHEMA:
        raise newer_schema(db, found)


def newer_schema(db: Database, found: str) -> WrongSchema:
    """Return the refusal of a database that a newer version of the program wrote."""
    return WrongSchema(
        f"The database {db.place} has schema {found}, which is newer than this version's {SCHEMA}.",
        hint="Install the version of the program that wrote it.",
    )
