"""How the schema of a database comes to this version: Alembic, in one transaction.

db.py names the version that the program needs; the steps stand in migrations/versions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlmodel import Session

from broker.clock import database_time
from broker.db import SCHEMA, Database, newer_schema, schema_of, storage_errors
from broker.proofs.adopting import adopt
from broker.storage_errors import unusable

MIGRATIONS = Path(__file__).parent / "migrations"
PRIVATE = 0o600
"""A market in a file holds sealed bids and hashes of passwords: for its owner alone."""
MIGRATION_LOCK = 7362
"""The number of the lock that whoever migrates takes in PostgreSQL; any, but always the same."""


def migrate(db: Database) -> str | None:
    """Create the schema or bring it to this version; return the one found, None if there was none.

    Safe to repeat, and safe from several processes: the second finds the work done.

    Raises: WrongSchema if a newer version of the program wrote the database.
    """
    found = schema_of(db)
    if found is not None and found > SCHEMA:
        raise newer_schema(db, found)
    if found is None and db.is_file:
        _make_file(db)
    if found != SCHEMA:
        move_schema(db, command.upgrade, SCHEMA)
    return found


def _make_file(db: Database) -> None:
    """Make the file for its owner alone. Raises: UnusableDatabase if its folder takes none."""
    try:
        db.file.touch(PRIVATE)
    except OSError as error:
        raise unusable(db.place, str(error.strerror)) from error


def move_schema(db: Database, step: Callable[[Config, str], None], revision: str) -> None:
    """Take an Alembic step to a revision, all of it or nothing.

    At this version's revision the audit log then vouches for everything as it stands.
    """
    with storage_errors(db), db.writer.begin() as connection:
        _wait_for_other_migrations(connection)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        step(config, revision)
        if MigrationContext.configure(connection).get_current_revision() == SCHEMA:
            with Session(connection) as session:
                adopt(session, SCHEMA, database_time(session))
                session.flush()


def _wait_for_other_migrations(connection: Connection) -> None:
    """Let another host finish first, however long it takes. SQLite's writer is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
