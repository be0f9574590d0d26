"""`broker serve` and `broker demo`: the screens, and a company to look at in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NoReturn

import click

from broker.clock import system_clock
from broker.commands.checkpoints import keep_key, sign_after
from broker.commands.market import database_of, market_of
from broker.commands.places import try_address, try_place
from broker.config import Settings
from broker.db import is_there
from broker.demo import DEMO_DATABASE_URL, build_demo
from broker.errors import StorageFailed
from broker.solving import solve

HOME = "127.0.0.1"
PORT = click.IntRange(1, 65535)
WORKERS = 2
APPLICATION = "web.wsgi:app"
WORKER = (sys.executable, "-c", "from broker.cli import main; main()", "worker", "--with-input")
SAFE_DEFAULTS = (
    "--worker-class=gthread",
    "--threads=8",
    "--timeout=30",
    "--graceful-timeout=20",
    "--keep-alive=5",
    "--limit-request-line=4094",
    "--limit-request-fields=64",
    "--no-control-socket",
)
"""Requests are short and bounded: nothing is solved in one."""


@click.command()
@click.option("--host", default=HOME, show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen on.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=WORKERS, show_default=True, help="Processes."
)
@click.option("--no-worker", is_flag=True, help="Start no worker beside it: one runs elsewhere.")
@click.pass_obj
def serve(
    environment: Mapping[str, str], host: str, port: int, workers: int, *, no_worker: bool
) -> NoReturn:
    """Serve the screens with gunicorn."""
    market_of(environment).dispose()
    try_address(host, port)
    if not no_worker:
        _start_worker(environment)
    become_server(host, port, workers, environment)


def become_server(host: str, port: int, workers: int, environment: Mapping[str, str]) -> NoReturn:
    """Replace this process with the web server."""
    command = server_command(host, port, workers)
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606  # no shell, and our own program


def _start_worker(environment: Mapping[str, str]) -> None:
    """Start the worker of the periodic job, which ends when this process does: it holds a pipe."""
    input_, kept_open = os.pipe()
    os.set_inheritable(kept_open, True)  # noqa: FBT003  # the library's own order
    subprocess.Popen(WORKER, stdin=input_, env=dict(environment), start_new_session=True)  # noqa: S603  # ours
    os.close(input_)


def server_command(host: str, port: int, workers: int) -> tuple[str, ...]:
    """Return the command line of the web server."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    bound = (f"--bind={address}", f"--workers={workers}")
    return (sys.executable, "-m", "gunicorn", *bound, *SAFE_DEFAULTS, APPLICATION)


@click.command()
@click.option("--no-serve", is_flag=True, help="Build it and stop.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen on.")
@click.pass_obj
def demo(environment: Mapping[str, str], *, no_serve: bool, port: int) -> None:
    """Build a small fictional company with its past sprints, and serve it on this machine."""
    place = {"BROKER_DATABASE_URL": DEMO_DATABASE_URL} | dict(environment)
    settings = Settings.from_environment(place)
    if not no_serve:
        try_address(HOME, port)
    _build(settings)
    keep_key(settings.audit_key_file, says=True)
    sign_after(database_of(settings), place)
    if not no_serve:
        click.echo(f"Serving on http://{HOME}:{port} (Ctrl-C ends it)")
        _start_worker(place)
        become_server(HOME, port, WORKERS, place)


def _build(settings: Settings) -> None:
    """Build the demo where the settings say; what went wrong there names that place."""
    db = database_of(settings)
    if db.is_file:
        is_there(db)
        try_place(db.file)
    try:
        build_demo(settings.database_url, system_clock, solve, click.echo)
    except StorageFailed as error:
        why = str(error.facts.get("why", error.sentence)).rstrip(".")
        sentence = f"The demo in {db.place} could not be built: {why}."
        raise type(error)(sentence, hint=error.hint) from error
