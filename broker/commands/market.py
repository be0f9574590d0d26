"""How a command reaches the market: its settings, its database, and who acts."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from broker.access import Actor, service
from broker.audit import ActorId, Change
from broker.clock import system_clock
from broker.config import Settings
from broker.db import Database, check_schema, connect


def market_of(environment: Mapping[str, str]) -> Database:
    """Return the database of the settings. Raises: InvalidSettings, WrongSchema."""
    db = connect(Settings.from_environment(environment).database_url)
    check_schema(db)
    return db


def command_line() -> ActorId:
    """Return who acts when a command is run: the command line of this host."""
    return ActorId(f"cli@{socket.gethostname()}")


def actor() -> Actor:
    """Return the command line as somebody who may do what programs may."""
    return service(command_line())


def now() -> Change:
    """Return the change that a command makes at this moment."""
    return Change(command_line(), system_clock())
