"""`broker export`: what a round left behind, for programs, for finance and for auditors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from allocation.files.findings import pathname
from broker.commands.checkpoints import sign_after
from broker.commands.market import market_of
from broker.commands.options import NamedPath
from broker.commands.places import replace_file
from broker.db import reading
from broker.exports.rounds import EXPORTS, export_round

FORMS = sorted({form for forms in EXPORTS.values() for form in forms})


@click.command()
@click.argument("round_key", metavar="ROUND")
@click.option("--what", required=True, type=click.Choice(list(EXPORTS)))
@click.option("--format", "form", type=click.Choice(FORMS), help="Default: the first there is.")
@click.option("--out", required=True, type=NamedPath(), help="The file to write.")
@click.option(
    "--revision",
    type=click.IntRange(min=1),
    help="Which published result a bundle proves. Default: the one in force.",
)
@click.pass_obj
def export(
    environment: Mapping[str, str],
    round_key: str,
    *,
    what: str,
    form: str | None,
    out: Path,
    revision: int | None,
) -> None:
    """Write the awards, the credits, the audit events or the bundle of ROUND to a file.

    Awards and events come as csv and json, credits as csv, json and hledger. A bundle is a zip that
    proves the round: `python verify_bundle.py BUNDLE` checks it with nothing installed. Of a result
    that people overrode, `--revision 1` is what the market decided.
    """
    db = market_of(environment)
    if what == "bundle":
        sign_after(db, environment)
    with reading(db) as session:
        wanted = form or next(iter(EXPORTS[what]))
        content = export_round(session, round_key, what, wanted, revision)
    replace_file(out, content)
    click.echo(f"Written to {pathname(out)}.")
