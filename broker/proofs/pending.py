"""What a transaction will seal: the events that it wrote, and rows that it enters only now.

Kept in the session until sealing.py takes it. Knows no table, so that audit.py can stand on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from broker.proofs.leaves import LoggedEvent

Key = tuple[Any, ...]
"""The values of a row's primary key."""
Touched = dict[str, set[Key]]
"""The keys of changed rows, by the name of their table."""

Lines = dict[str, dict[str, str | None]]
"""The hash of each changed row by table and key, None for a row that is gone."""

LOG_LOCK = 7361
"""The number of the lock that writers of the log take in PostgreSQL; any, but always the same."""
UNSEALED, ENTERED = "unsealed events", "entered rows"
"""Under which names a session keeps them."""


def lock_log(session: Session) -> None:
    """Let whoever writes the event before this one finish, so that their numbers have no gaps.

    A writer of SQLite is alone from its beginning.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOG_LOCK})


def will_seal(session: Session, event: LoggedEvent) -> None:
    """Remember an event that this transaction wrote."""
    session.info.setdefault(UNSEALED, []).append(event)


def enter_lines(session: Session, table: str, lines: Iterable[tuple[str, str]]) -> None:
    """Let this transaction's events vouch for rows as they are now, by their keys and hashes."""
    entered: Lines = session.info.setdefault(ENTERED, {})
    entered.setdefault(table, {}).update(lines)


def take_events(session: Session) -> list[LoggedEvent]:
    """Return the events to seal, in their order, and forget them."""
    events: list[LoggedEvent] = session.info.pop(UNSEALED, [])
    return events


def take_entered(session: Session) -> Lines:
    """Return the rows that were entered, and forget them."""
    entered: Lines = session.info.pop(ENTERED, {})
    return entered
