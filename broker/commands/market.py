"""How a command reaches the market: its settings, its database, and who acts."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import partial

import click

from broker.access import Actor, service
from broker.audit import ActorId, Change
from broker.clock import system_clock
from broker.config import Settings
from broker.db import Database, check_schema, connect
from broker.runs import Solve
from broker.solving import solve


def market_of(environment: Mapping[str, str]) -> Database:
    """Return the database of the settings. Raises: InvalidSettings, WrongSchema."""
    db = database_of(Settings.from_environment(environment))
    check_schema(db)
    return db


def database_of(settings: Settings) -> Database:
    """Return the storage of the settings, whatever is in it; the command's end closes it."""
    db = connect(settings.database_url)
    command = click.get_current_context(silent=True)
    if command:
        command.call_on_close(db.dispose)
    return db


def solver_of(environment: Mapping[str, str]) -> Solve:
    """Return what solves rounds, in as much memory as the settings say."""
    memory_bytes = Settings.from_environment(environment).solver_memory_bytes
    return partial(solve, memory_bytes=memory_bytes)


def command_line() -> ActorId:
    """Return who acts when a command is run: the command line of this host."""
    return ActorId(f"cli@{socket.gethostname()}")


def actor() -> Actor:
    """Return the command line as somebody who may do what programs may."""
    return service(command_line())


def now() -> Change:
    """Return the change that a command makes at this moment."""
    return Change(command_line(), system_clock())
