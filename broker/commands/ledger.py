"""`broker ledger export`: every credit that ever moved, for spreadsheets and accountants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from allocation.files.findings import pathname
from broker.commands.market import market_of
from broker.commands.options import NamedPath
from broker.commands.places import replace_file
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
    replace_file(out, text.encode())
    click.echo(f"Written to {pathname(out)}.")
