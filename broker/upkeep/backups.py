"""Backups: a whole market in one file, and a market from such a file.

A backup is an SQLite file with the market's own tables, whichever database the market lives in: it
is one state of the market, taken while others work, and it is checked before it gets its name. A
restored market is checked likewise. Copying rows stands in copies.py.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

from sqlalchemy import Connection, inspect

from broker.db import (
    SCHEMA,
    Database,
    check_schema,
    newer_schema,
    reading,
    schema_of,
    storage_errors,
)
from broker.errors import BrokenBackup, NotFound, Refused, StorageFailed
from broker.every_table import TABLES
from broker.proofs.logs import log_root, log_size
from broker.schema import migrate
from broker.upkeep.copies import Counts, copy_rows, count_rows
from broker.upkeep.parts import passing, read_only, settle, taking_place_of
from broker.upkeep.wholeness import check_market, check_pages, opened

BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, with the root of its audit log in lower-case hex.

    Units: rows of all tables, events of the log, bytes of the file.
    """

    file: Path
    schema: str
    rows: int
    events: int
    root: str
    size_bytes: int
    sha256: str


def back_up(db: Database, file: Path) -> Backup:
    """Write one state of a market into a new file, and check it.

    Raises: Refused if the file is there; WrongSchema; BrokenBackup if the market itself is broken;
    StorageFailed; OSError.
    """
    check_schema(db)
    if file.exists():
        raise Refused(f"{file} is there already.", hint="Name a file that is not there yet.")
    with taking_place_of(file) as part, _sqlite_errors(file):
        counts = _copy_file(db, part) if db.is_file else _copy_server(db, part)
        check_market(part, counts)
        return _described(part, file, counts)


def restore(file: Path, db: Database) -> Backup:
    """Make a market from a backup, where there is none yet; one of an older schema is upgraded.

    Raises: NotFound; BrokenBackup; WrongSchema if a newer version wrote it; Refused if there is a
    market already; StorageFailed; OSError.
    """
    if not file.is_file():
        hint = "Name a file that `broker backup` wrote."
        raise NotFound(f"There is no backup {file}.", hint=hint)
    _check_room(db)
    _check_usable(file)
    place = db.file if db.is_file else Path(gettempdir(), f"broker-{uuid4().hex}.db")
    making_ready = taking_place_of(place) if db.is_file else passing(place)
    with making_ready as part, _sqlite_errors(file):
        counts = _upgraded_copy(file, part)
        if not db.is_file:
            _fill_server(part, db, counts)
        return _described(part, file, counts)


# --- copying -----------------------------------------------------------------------------------


def _copy_file(db: Database, part: Path) -> Counts:
    """Copy a market in a file page by page, as one state; others go on meanwhile."""
    with closing(read_only(db.file)) as source, closing(sqlite3.connect(part)) as target:
        source.execute("BEGIN")
        counts = {
            table.name: source.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608  # our own names
            for table in TABLES
        }
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    return counts


def _copy_server(db: Database, part: Path) -> Counts:
    """Copy the rows of a market on a server, as one state."""
    with opened(part) as copy:
        migrate(copy)
        with storage_errors(db), db.reader.begin() as source, copy.writer.begin() as target:
            counts = count_rows(source)
            copy_rows(source, target)
    settle(part)
    return counts


def _fill_server(part: Path, db: Database, counts: Counts) -> None:
    """Copy the rows of a backup into a database on a server, and count them there."""
    migrate(db)
    with (
        opened(part) as copy,
        storage_errors(db),
        copy.reader.begin() as source,
        db.writer.begin() as target,
    ):
        copy_rows(source, target)
        if count_rows(target) != counts:
            raise BrokenBackup(f"The rows in {db.place} are not those of the backup.")


def _upgraded_copy(file: Path, part: Path) -> Counts:
    """Copy a backup into a file, bring that to this version's schema, and check it."""
    _copy_bytes(file, part)
    with opened(part) as copy:
        migrate(copy)
    settle(part)
    counts = _counts_of(part)
    check_market(part, counts)
    return counts


def _copy_bytes(file: Path, part: Path) -> None:
    with file.open("rb") as source, part.open("wb") as target:
        while block := source.read(BLOCK):
            target.write(block)


def _counts_of(file: Path) -> Counts:
    with opened(file) as copy, copy.reader.begin() as connection:
        return count_rows(connection)


def _check_usable(file: Path) -> None:
    """Make sure that a backup is whole, and not of a newer version. Raises: as `restore`."""
    check_pages(file)
    with opened(file) as backup:
        found = schema_of(backup)
        if found is not None and found > SCHEMA:
            raise newer_schema(backup, found)


def _check_room(db: Database) -> None:
    """Make sure that a restored market would hide no other. Raises: Refused."""
    if db.is_file:
        is_free = not db.file.exists()
    else:
        with storage_errors(db), db.reader.connect() as connection:
            is_free = _is_empty(connection)
    if not is_free:
        raise Refused(
            f"There is something in {db.place} already, so nothing was restored.",
            hint="Move it away, or set BROKER_DATABASE_URL to a new file or an empty database.",
        )


def _is_empty(connection: Connection) -> bool:
    known = set(inspect(connection).get_table_names())
    return known <= {"alembic_version"} or set(count_rows(connection).values()) == {0}


def _root_of(part: Path) -> str:
    with opened(part) as copy, reading(copy) as session:
        return log_root(session, log_size(session)).hex()


def _described(part: Path, file: Path, counts: Counts) -> Backup:
    digest = hashlib.sha256()
    with part.open("rb") as content:
        while block := content.read(BLOCK):
            digest.update(block)
    return Backup(
        file=file,
        schema=SCHEMA,
        rows=sum(counts.values()),
        events=counts["audit_event"],
        root=_root_of(part),
        size_bytes=part.stat().st_size,
        sha256=digest.hexdigest(),
    )


@contextmanager
def _sqlite_errors(file: Path) -> Iterator[None]:
    """Say in a sentence why a file could not be copied."""
    try:
        yield
    except sqlite3.Error as error:
        why = f"{error}; nothing was left behind"
        hint = "Look after its disk, and repeat."
        raise StorageFailed(f"{file} failed: {why}.", hint=hint, why=why) from error
