"""`broker migrate` and `broker import`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from allocation.folders import read_round
from broker.commands.checkpoints import keep_key
from broker.commands.market import database_of, market_of, now
from broker.commands.options import NamedPath, json_option, quiet_option
from broker.commands.speech import say_json
from broker.config import Settings
from broker.db import SCHEMA, reading, transact
from broker.importing import Imported, import_round, plan_import
from broker.schema import migrate as migrate_schema


@click.command()
@quiet_option
@click.pass_obj
def migrate(environment: Mapping[str, str], *, is_quiet: bool) -> None:
    """Create the database of the settings, or upgrade it to this version."""
    settings = Settings.from_environment(environment)
    db = database_of(settings)
    found = migrate_schema(db)
    keep_key(settings.audit_key_file, says=not is_quiet)
    if is_quiet:
        return
    if found == SCHEMA:
        click.echo(f"{db.place} has schema {SCHEMA} already.")
    else:
        done = "Created" if found is None else f"Upgraded from schema {found}"
        click.echo(f"{done}: {db.place} has schema {SCHEMA}.")


@click.command("import")
@click.argument("folder", type=NamedPath())
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Check everything, write nothing.")
@click.option("--open", "is_open", is_flag=True, help="Leave the round open for bids.")
@json_option
@quiet_option
@click.pass_obj
def import_(
    environment: Mapping[str, str],
    folder: Path,
    *,
    is_dry_run: bool,
    is_open: bool,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Bring a round from FOLDER into the market: all of it or nothing."""
    round_folder = read_round(folder)
    db = market_of(environment)
    if is_dry_run:
        with reading(db) as session:
            imported = plan_import(session, round_folder, is_open=is_open)
    else:
        change = now()
        imported = transact(
            db, lambda session: import_round(session, round_folder, change, is_open=is_open)
        )
    if as_json:
        say_json(asdict(imported) | {"dry_run": is_dry_run})
    elif not is_quiet:
        click.echo(_answer(imported, is_dry_run=is_dry_run))


def _answer(imported: Imported, *, is_dry_run: bool) -> str:
    if imported.was_there:
        return f"Round {imported.round_key} is already imported and is {imported.state}."
    did = "would be imported" if is_dry_run else "is imported"
    return f"Round {imported.round_key} {did} with {imported.bids} bids, {imported.state}."
