"""What a request needs from outside: the market's storage, and what time it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from flask import Flask, current_app
from sqlmodel import Session

from broker.clock import Clock, time_of
from broker.dashboards.installation import purpose
from broker.db import Database, check_schema, reading, transact

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """The storage and the clock of one application; what never changes is read once a process."""

    db: Database
    clock: Clock
    is_checked: bool = False
    purpose: str | None = None


def register(app: Flask, db: Database, clock: Clock) -> None:
    """Give the application its storage and its clock."""
    app.extensions["desk"] = Desk(db, clock)


@contextmanager
def market() -> Iterator[Session]:
    """Read one state of the market. Raises: WrongSchema if the database is not this version's."""
    with reading(database()) as session:
        yield session


def write(work: Callable[[Session], T]) -> T:
    """Run a whole transaction function on the market, and return what it says.

    It may run more than once, so it must have no effect outside the session.

    Raises: WrongSchema if the database is not this version's; Busy when it stayed locked.
    """
    return transact(database(), work)


def database() -> Database:
    """Return the storage, for services that have several transactions of their own."""
    desk = _desk()
    _check(desk)
    return desk.db


def installed_for(session: Session) -> str:
    """Tell what the installation is for, such as `demo`; that stays as it is."""
    desk = _desk()
    if desk.purpose is None:
        desk.purpose = purpose(session)
    return desk.purpose


def now() -> dt.datetime:
    """Tell the present."""
    return _desk().clock()


def moment(session: Session) -> dt.datetime:
    """Tell the present inside a transaction, by the database's clock where order matters."""
    return time_of(session, _desk().clock)


def _check(desk: Desk) -> None:
    if not desk.is_checked:
        check_schema(desk.db)
        desk.is_checked = True


def _desk() -> Desk:
    desk: Desk = current_app.extensions["desk"]
    return desk
