"""Somebody who writes past the market: with the database at hand, and no event in the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import Session

from broker.db import Database, storage_errors


@contextmanager
def past_the_log(db: Database) -> Iterator[Session]:
    """Open a transaction that commits whatever it changed, and tells nobody."""
    with storage_errors(db), Session(db.writer) as session, session.begin():
        yield session


def a_strangers_connection(file: Path) -> sqlite3.Connection:
    """Return a connection of a tool of their own, which knows what our triggers call."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.create_function("note_change", -1, lambda *_: None)
    return connection
