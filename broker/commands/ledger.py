"""`broker ledger export`: every credit that ever moved, for spreadsheets and accountants."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from allocation.files.findings import pathname
from broker.commands.market import market_of
from broker.commands.options import NamedPath
from broker.commands.places import writing_to
from broker.db import reading
from broker.ledger.exports import FORMS, export_ledger


@click.group()
def ledger() -> None:
    """Export the ledger."""


@ledger.command()
@click.option("--format", "form", required=True, type=click.Choice(list(FORMS)))
@click.option("--out", type=NamedPath(), help="The file to write; standard output without it.")
@click.pass_obj
def export(environment: Mapping[str, str], *, form: str, out: Path | None) -> None:
    """Write every transfer of credits, oldest first: as CSV, or as a journal for hledger."""
    with reading(market_of(environment)) as session:
        text = export_ledger(session, form)
    if out is None:
        click.echo(text, nl=False)
        return
    with writing_to(out):
        _replace(out, text)
    click.echo(f"Written to {pathname(out)}.")


def _replace(out: Path, text: str) -> None:
    """Put a whole file in the place of the one before, or leave that as it was."""
    target = Path(os.path.realpath(out))
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8", newline="")
        return
    new = target.with_name(f".{target.name}.new")
    try:
        new.write_text(text, encoding="utf-8", newline="")
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
