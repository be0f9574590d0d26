"""Files that get their name once they are whole, and that the disk then has.

A file of this kind is for its owner alone. Nothing here knows what is in it, besides that SQLite
keeps files beside its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

PRIVATE = 0o600
BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite may keep beside a file, the file itself first."""


@contextmanager
def taking_place_of(file: Path) -> Iterator[Path]:
    """Return a file beside another one that takes its place once it is whole, and lasts."""
    with passing(file.with_name(f".{file.name}.{uuid4().hex[:8]}")) as part:
        yield part
        make_last(part)
        part.rename(file)
        make_last(file.absolute().parent)


@contextmanager
def passing(part: Path) -> Iterator[Path]:
    """Return an empty file that is gone afterwards, with all that is beside it."""
    part.touch(PRIVATE, exist_ok=False)
    try:
        yield part
    finally:
        for suffix in BESIDE:
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def make_last(path: Path) -> None:
    """Wait until the disk has what was written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle(file: Path) -> None:
    """Bring everything that SQLite's log of a file holds into the file, so that it stands alone."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def read_only(file: Path) -> sqlite3.Connection:
    """Return a connection to a file that changes nothing in it."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
