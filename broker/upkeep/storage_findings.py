"""What is to be said about a database and the disk or the server below it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from broker.db import Database
from broker.proofs.audited import SEALED
from broker.upkeep.findings import Finding, good, problem, serious, warning

SUBJECT, DISK, MODES = "database", "disk", "file modes"
WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
LEAST_FREE_BYTES, ENOUGH_FREE_BYTES = 100 * 2**20, 2**30
OLDEST_SERVER = 140_000
DURABLE = {"fsync": {"on"}, "full_page_writes": {"on"}}
NEVER_CHANGED = ("audit_event", "journal", "transfer")
"""Tables of which the application needs neither UPDATE nor DELETE."""
GRANTS = (
    "Give the application a role of its own that owns no table, "
    f"and take UPDATE and DELETE on {', '.join(NEVER_CHANGED)} from it."
)


def storage_findings(db: Database, *, is_production: bool) -> Iterator[Finding]:
    """Look at the place where a market lives. Its schema is known to be right."""
    with db.reader.connect() as connection:
        if db.is_file:
            yield from _file_settings(connection)
            yield from _file_modes(db.file, is_production=is_production)
            yield from _disk(db.file.parent)
            if is_production:
                sentence = "SQLite holds the market: one host can serve it, and none stands by."
                hint = "Use PostgreSQL where that is not enough; `broker restore` moves a backup."
                yield warning(SUBJECT, sentence, hint)
        else:
            yield from _server_settings(connection)
            yield from _server_role(connection, is_production=is_production)


# --- SQLite ------------------------------------------------------------------------------------


def _file_settings(connection: Connection) -> Iterator[Finding]:
    found = {name: _pragma(connection, name) for name in WANTED_PRAGMAS}
    if found == WANTED_PRAGMAS:
        yield good(SUBJECT, "SQLite logs ahead, waits for the disk and checks references.")
    else:
        yield problem(SUBJECT, f"SQLite runs with {found}, not with {WANTED_PRAGMAS}.")
    said = _pragma(connection, "quick_check(1)")
    if said == "ok":
        yield good(SUBJECT, "Its pages are whole.")
    else:
        hint = "Stop everything, keep the file, and restore the last backup."
        yield problem(SUBJECT, f"Its pages are damaged: {said}.", hint)


def _pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _file_modes(file: Path, *, is_production: bool) -> Iterator[Finding]:
    mode, folder = file.stat().st_mode, file.parent.stat().st_mode
    if mode & OTHERS:
        sentence = f"Others on this machine may use {file}, sealed bids and all."
        yield serious(MODES, sentence, f"chmod 600 {file}", is_production=is_production)
    if folder & OTHERS_WRITE and not folder & stat.S_ISVTX:
        sentence = f"Others on this machine may replace files in {file.parent}."
        yield serious(MODES, sentence, f"chmod 700 {file.parent}", is_production=is_production)
    if not mode & OTHERS:
        yield good(MODES, "The database is for its owner alone.")


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    sentence = f"{free // 2**20:,} MiB are free for {folder}."
    if free < LEAST_FREE_BYTES:
        yield problem(DISK, sentence, "Make room; a full disk stops every write.")
    elif free < ENOUGH_FREE_BYTES:
        yield warning(DISK, sentence, "Make room before it is full.")
    else:
        yield good(DISK, sentence)


# --- PostgreSQL --------------------------------------------------------------------------------


def _server_settings(connection: Connection) -> Iterator[Finding]:
    version = int(_show(connection, "server_version_num"))
    if version < OLDEST_SERVER:
        yield problem(SUBJECT, f"PostgreSQL {version // 10_000} is too old; 14 or newer is needed.")
    wrong = [name for name, wanted in DURABLE.items() if _show(connection, name) not in wanted]
    if _show(connection, "synchronous_commit") == "off":
        wrong.append("synchronous_commit")
    if wrong:
        sentence = f"A crash of the server loses what was acknowledged: {', '.join(wrong)} is off."
        yield problem(SUBJECT, sentence, "Switch it on in the server's configuration.")
    else:
        yield good(SUBJECT, f"PostgreSQL {version // 10_000} keeps what it acknowledged.")
    if _ask(connection, "SELECT pg_is_in_recovery()"):
        yield problem(SUBJECT, "This server only copies another one.", "Name the one it copies.")
    if _show(connection, "server_encoding") != "UTF8":
        yield problem(SUBJECT, "The database is not in UTF-8.", "Create one that is.")
    collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
    if _ask(connection, collation) not in {"C", "POSIX", "C.UTF-8", "C.utf8"}:
        sentence = "Keys are listed in the order of a language, not of their bytes as on SQLite."
        yield warning(SUBJECT, sentence, "Create the database with LOCALE 'C'.")


def _server_role(connection: Connection, *, is_production: bool) -> Iterator[Finding]:
    is_elsewhere = _ask(connection, "SELECT inet_server_addr() IS NOT NULL")
    is_secret = _ask(connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    if is_elsewhere and not is_secret:
        sentence = "What goes between this machine and the database's can be read on the way."
        hint = "Add ?sslmode=verify-full to BROKER_DATABASE_URL."
        yield serious(SUBJECT, sentence, hint, is_production=is_production)
    if _ask(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        sentence = "The application is a superuser of the server."
        yield serious(SUBJECT, sentence, GRANTS, is_production=is_production)
        return
    yield from _owned(connection, is_production=is_production)
    may = "SELECT has_table_privilege('{0}', 'UPDATE') OR has_table_privilege('{0}', 'DELETE')"
    rewritable = [name for name in NEVER_CHANGED if _ask(connection, may.format(name))]
    if rewritable:
        sentence = f"The application's role may rewrite {', '.join(rewritable)} but for guards."
        yield warning(SUBJECT, sentence, GRANTS)
    else:
        yield good(SUBJECT, "The application's role can rewrite no event and no credit.")


def _owned(connection: Connection, *, is_production: bool) -> Iterator[Finding]:
    """Say whether the application could alter tables and triggers, and whether bids have a wall."""
    owned = (
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') "
        "AND relnamespace = 'public'::regnamespace AND pg_has_role(relowner, 'USAGE')"
    )
    count = _ask(connection, owned)
    if count:
        sentence = f"The application owns {count} tables, and could take their guards away."
        hint = "Run deploy/postgresql.sql, and connect as broker_app."
        yield serious(SUBJECT, sentence, hint, is_production=is_production)
    else:
        yield good(SUBJECT, "The application owns no table.")
    walled = "SELECT bool_and(relrowsecurity) FROM pg_class WHERE oid = ANY(:tables ::regclass[])"
    if not connection.execute(text(walled), {"tables": list(SEALED)}).scalar():
        sentence = "Sealed bids have no wall of the database against other readers."
        yield warning(SUBJECT, sentence, "Run deploy/postgresql.sql after every migration.")
    else:
        yield good(SUBJECT, "Sealed bids are closed to other readers by the database.")


def _show(connection: Connection, name: str) -> str:
    return str(_ask(connection, f"SHOW {name}"))


def _ask(connection: Connection, question: str) -> Any:
    return connection.execute(text(question)).scalar()
