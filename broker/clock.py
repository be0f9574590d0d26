"""What time it is, as something that is handed in: the market never asks by itself.

Where the order of things matters the database's clock tells it, because every host sees the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from sqlalchemy import text
from sqlmodel import Session

Clock = Callable[[], dt.datetime]
"""Tells the present as an aware instant."""


def system_clock() -> dt.datetime:
    """Tell the present by the machine's clock."""
    return dt.datetime.now(dt.UTC)


_PRESENT: Mapping[str, str] = {
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    "postgresql": "SELECT clock_timestamp()",
}


def database_time(session: Session) -> dt.datetime:
    """Tell the present by the database's clock: the moment of asking, not of the transaction."""
    told = session.scalar(text(_PRESENT[session.get_bind().dialect.name]))
    if isinstance(told, str):
        return dt.datetime.fromisoformat(told)
    present: dt.datetime = told.astimezone(dt.UTC)
    return present


def time_of(session: Session, clock: Clock) -> dt.datetime:
    """Tell the present of a market inside a transaction.

    A market that lives by the machine's clock asks its database; one with a clock of its own, as
    the demo's past or a test, asks that.
    """
    return database_time(session) if clock is system_clock else clock()


def in_words(at: dt.datetime) -> str:
    """Return an instant as sentences say it, such as `2026-03-02 18:00 UTC`."""
    spec = "minutes" if not (at.second or at.microsecond) else "seconds"
    return f"{at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(' ', spec)} UTC"


def machine(at: dt.datetime) -> str:
    """Write an instant for programs, in UTC and to the second."""
    return at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
