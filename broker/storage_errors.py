"""What a database could not do, in a sentence that says where and what to do about it.

A sentence names the place of the database and never how to sign in there. The types stand in
errors.py, who asks in db.py.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping

from sqlalchemy.exc import DataError, DBAPIError

from broker.errors import BrokerError, Busy, InvalidInput, StorageFailed, UnusableDatabase

AGAIN = "Try again in a minute."
ELSEWHERE = "Set BROKER_DATABASE_URL to a file in a folder that is there and that you may write to."
NOT_LET_IN = "Set BROKER_DATABASE_URL to a database that is there, with a user whom it lets in."
LOST = "what was under way is stored whole or not at all"
NOT_STORED = "nothing that was under way was stored"
NO_ANSWER = "Start its server, or set BROKER_DATABASE_URL to one that this machine reaches."

PRIMARY_CODE = 0xFF
"""What of an SQLite error says its kind; the rest says the circumstances."""
NO_DATABASE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB})
SQLITE_HINTS: Mapping[int, str] = {
    sqlite3.SQLITE_READONLY: "Make the file and its folder writable for you.",
    sqlite3.SQLITE_FULL: "Make room on its disk and try again.",
    sqlite3.SQLITE_IOERR: "Look after its disk and try again.",
    sqlite3.SQLITE_CORRUPT: "Put a copy of it that is whole in its place.",
}
"""What to do about a database that could not do its work, by the kind of the error."""
OVERTAKEN_STATES = frozenset({"40001", "40P01", "23505"})
"""What PostgreSQL calls a transaction that could not be put in an order, a deadlock, and a key
that two asked for at once: a repetition finds what the first of them wrote."""
LOCKED_STATE = "55P03"
POSTGRESQL_HINTS: Mapping[str, str] = {
    "25006": "Name the server that may be written to; this one only copies another.",
    "42501": "Give its user SELECT, INSERT, UPDATE and DELETE on the market's tables.",
    "53100": "Make room on its disk and try again.",
    "53200": "Give its server more memory and try again.",
    "53300": "Let its server take more connections, or start fewer workers.",
}
"""Likewise, by what PostgreSQL calls it."""
TURNED_AWAY = re.compile(r"FATAL: +(?!the database system is|sorry, too many|remaining connection)")
"""How a server answers that is there and lets this user or this database not in."""


def was_overtaken(error: DBAPIError) -> bool:
    """Say whether PostgreSQL let another transaction go first, so that a repetition finds it."""
    return _state(error) in OVERTAKEN_STATES


def overtaken(place: str) -> Busy:
    """Return the refusal of a transaction that others overtook again and again."""
    return Busy(f"Others were faster in {place}, more than once.", hint=AGAIN)


def in_a_sentence(place: str, error: DBAPIError) -> BrokerError:
    """Return what an error of the database means for whoever asked."""
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(place, error.orig)
    if isinstance(error, DataError):
        return InvalidInput("of this request", [f"{_first_line(error)}; write it otherwise."])
    return _of_postgresql(place, error)


def unusable(place: str, why: str, hint: str = ELSEWHERE) -> UnusableDatabase:
    """Return the refusal of a place that holds no database and can hold none."""
    return UnusableDatabase(f"{place} cannot be the database: {why}.", hint=hint, why=why)


def _of_sqlite(place: str, error: sqlite3.Error) -> BrokerError:
    kind = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    if kind == sqlite3.SQLITE_BUSY:
        return _locked(place)
    if kind in NO_DATABASE:
        return unusable(place, str(error))
    return _failed(place, f"{error}; {NOT_STORED}", SQLITE_HINTS.get(kind, ""))


def _of_postgresql(place: str, error: DBAPIError) -> BrokerError:
    state, why = _state(error), _first_line(error)
    if state in OVERTAKEN_STATES:
        return overtaken(place)
    if state == LOCKED_STATE:
        return _locked(place)
    if error.connection_invalidated:
        return _failed(place, f"{why}; {LOST}", AGAIN)
    if state is None and error.statement is None:
        return _not_connected(place, why, str(error.orig))
    return _failed(place, f"{why}; {NOT_STORED}", POSTGRESQL_HINTS.get(state or "", ""))


def _not_connected(place: str, why: str, said: str) -> BrokerError:
    if TURNED_AWAY.search(said):
        return unusable(place, why, NOT_LET_IN)
    return _failed(place, f"it does not answer ({why})", NO_ANSWER)


def _locked(place: str) -> Busy:
    return Busy(f"The database {place} stayed locked by others.", hint=AGAIN)


def _failed(place: str, why: str, hint: str) -> StorageFailed:
    return StorageFailed(f"The database {place} failed: {why}.", hint=hint, why=why)


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _first_line(error: DBAPIError) -> str:
    """Return what a server said, without the lines in which it repeats itself."""
    return (str(error.orig).splitlines() or ["no reason given"])[0].rstrip(". ")
