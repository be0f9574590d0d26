"""Whether a file is a whole market: pages, references, rows, the ledger and the log in it.

Asked of every backup before it gets its name, and of every market that is restored from one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from broker.db import Database, connect, reading
from broker.errors import BrokenBackup
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.proofs.log_checks import walk_log
from broker.upkeep.copies import Counts, count_rows
from broker.upkeep.parts import read_only


def check_pages(file: Path) -> None:
    """Make sure that a file holds a market whose pages and references are whole.

    Raises: BrokenBackup with every finding.
    """
    _raise_for(file, _findings_in_pages(file))


def check_market(file: Path, counts: Counts) -> None:
    """Make sure that a file of this version's schema has so many rows, and a ledger that adds up.

    Raises: BrokenBackup with every finding.
    """
    _raise_for(file, [*_findings_in_pages(file), *_findings_in_market(file, counts)])


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    """Open the market in a file for as long as it is used."""
    db = connect(URL.create("sqlite", database=str(file)).render_as_string())
    try:
        yield db
    finally:
        db.dispose()


def _raise_for(file: Path, findings: Iterator[str] | list[str]) -> None:
    said = " ".join(findings)
    if said:
        raise BrokenBackup(f"{file.name} is not a whole market: {said}")


def _findings_in_pages(file: Path) -> Iterator[str]:
    try:
        with closing(read_only(file)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if "alembic_version" not in {name for (name,) in tables}:
                yield "It holds no market."
            pages = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            if pages != ["ok"]:
                yield f"Its pages are damaged: {'; '.join(pages)}."
            elif connection.execute("PRAGMA foreign_key_check").fetchone():
                yield "Rows in it refer to rows that are not there."
    except sqlite3.DatabaseError as error:
        yield f"It cannot be read: {error}."


def _findings_in_market(file: Path, counts: Counts) -> Iterator[str]:
    with opened(file) as copy, reading(copy) as session:
        found = count_rows(session.connection())
        if found != counts:
            differs = sorted(name for name in counts if found[name] != counts[name])
            yield f"Not every row is there: {', '.join(differs)}."
        yield from map(str, ledger_violations(read_ledger(session)))
        yield from (one.sentence for one in walk_log(session, ()).findings)
