"""`broker backup`, `broker restore` and `broker doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from broker.clock import system_clock
from broker.commands.exits import DONE, VIOLATIONS
from broker.commands.market import database_of, market_of
from broker.commands.options import NamedPath, json_option, quiet_option
from broker.commands.places import writing_to
from broker.commands.speech import say_json
from broker.config import Settings, told
from broker.upkeep.backups import Backup, back_up
from broker.upkeep.backups import restore as restore_market
from broker.upkeep.examinations import Patient, examine
from broker.upkeep.findings import Finding, Level

WIDTH = 12


@click.command()
@click.argument("file", type=NamedPath())
@json_option
@quiet_option
@click.pass_obj
def backup(environment: Mapping[str, str], file: Path, *, as_json: bool, is_quiet: bool) -> None:
    """Write the whole market into FILE, a new file, while others go on, and check it."""
    db = market_of(environment)
    with writing_to(file):
        written = back_up(db, file)
    _say("Backed up", written, as_json=as_json, is_quiet=is_quiet)


@click.command()
@click.argument("file", type=NamedPath())
@json_option
@quiet_option
@click.pass_obj
def restore(environment: Mapping[str, str], file: Path, *, as_json: bool, is_quiet: bool) -> None:
    """Make a market from the backup FILE where the settings say, if there is none yet."""
    db = database_of(Settings.from_environment(environment))
    with writing_to(Path(db.place)):
        restored = restore_market(file, db)
    _say(f"Restored into {db.place}", restored, as_json=as_json, is_quiet=is_quiet)


def _say(done: str, backup: Backup, *, as_json: bool, is_quiet: bool) -> None:
    if as_json:
        say_json(asdict(backup) | {"file": str(backup.file)})
    elif not is_quiet:
        click.echo(
            f"{done}: {backup.file}, {backup.size_bytes:,} bytes, schema {backup.schema}, "
            f"{backup.rows:,} rows, {backup.events:,} audit events."
        )
        click.echo(f"SHA-256 {backup.sha256}")
        click.echo(f"Root of the audit log {backup.root}")


@click.command()
@click.option("--production", "is_production", is_flag=True, help="Hold it to what people rely on.")
@json_option
@click.pass_obj
def doctor(environment: Mapping[str, str], *, is_production: bool, as_json: bool) -> int:
    """Say whether this installation is safe to run, and what to do if not.

    Exit code: 0, or 1 if there is a problem; a warning is none.
    """
    settings = Settings.from_environment(environment)
    db = database_of(settings)
    findings = list(examine(Patient(settings, db, system_clock, is_production)))
    is_safe = all(finding.level is not Level.PROBLEM for finding in findings)
    if as_json:
        documents = [asdict(finding) for finding in findings]
        say_json({"is_safe": is_safe, "settings": told(environment), "findings": documents})
    else:
        _tell(told(environment), findings, is_safe=is_safe)
    return DONE if is_safe else VIOLATIONS


def _tell(settings: Mapping[str, str], findings: Sequence[Finding], *, is_safe: bool) -> None:
    for name, value in settings.items():
        click.echo(f"{name}: {value}")
    click.echo()
    for finding in findings:
        line = f"{finding.level:<8} {finding.subject:<{WIDTH}} {finding.sentence} {finding.hint}"
        click.echo(line.rstrip())
    problems = sum(1 for finding in findings if finding.level is Level.PROBLEM)
    click.echo("This installation is safe to run." if is_safe else f"{problems} problem(s).")
