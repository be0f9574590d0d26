"""`broker period list|rate|close|pack`: the books, period by period."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from sqlalchemy import select
from sqlmodel import Session, col

from allocation.files.findings import pathname
from allocation.wire import Document
from broker.books.closing import close_books, kept_pack
from broker.books.rates import RateWish, read_rate, set_rate
from broker.books.tables import PeriodCloseRow
from broker.books.verifications import check_everything
from broker.clock import database_time
from broker.commands.checkpoints import notary_of
from broker.commands.exits import DONE, VIOLATIONS
from broker.commands.market import actor, market_of
from broker.commands.options import NamedPath, json_option
from broker.commands.places import replace_file
from broker.commands.speech import say_json
from broker.db import reading, transact
from broker.ledger.periods import find_period
from broker.ledger.tables import PeriodRow


@click.group()
def period() -> None:
    """Close the books of a period for good, and take its archive out."""


@period.command("list")
@json_option
@click.pass_obj
def list_(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List every period, the first one first."""
    with reading(market_of(environment)) as session:
        periods = [_document(session, row) for row in _periods(session)]
    if as_json:
        say_json(periods)
        return
    for one in periods:
        done = f"closed {one['closed_at']}" if one["closed_at"] else "open"
        click.echo(f"{one['period_key']}  from {one['starts_on']}  {done}")


@period.command()
@click.argument("worth", metavar="RATE")
@click.argument("currency")
@click.option("--reason", required=True, help="Why, for auditors to read.")
@click.pass_obj
def rate(environment: Mapping[str, str], worth: str, currency: str, *, reason: str) -> None:
    """Set what a credit is worth from now on: RATE, such as 0.85, in CURRENCY, such as EUR."""
    try:
        micros = read_rate(worth)
    except ValueError:
        raise click.BadParameter(f"{worth!r} is no rate with at most six decimals.") from None
    wish = RateWish(currency.upper(), micros, reason)

    def work(session: Session) -> int:
        return set_rate(session, actor(), wish, database_time(session))

    transact(market_of(environment), work)
    click.echo(f"From now on a credit is worth {worth} {wish.currency}.")


@period.command()
@click.argument("key", metavar="PERIOD")
@click.pass_obj
def close(environment: Mapping[str, str], key: str) -> int:
    """Check everything, then close PERIOD for good and write its archive.

    Exit code 1 with every violation, one a line: then the period stays open.
    """
    db = market_of(environment)
    with reading(db) as session:
        if find_period(session, key).closed_at is not None:
            click.echo(f"Period {key} was closed already.")
            return DONE
    notary = notary_of(db, environment)
    notary.sign()
    log, verified = check_everything(db, notary.read_evidence(), lambda _: None)
    if verified.findings:
        for finding in verified.findings:
            click.echo(str(finding))
        return VIOLATIONS
    transact(db, lambda session: close_books(session, actor(), key, log, database_time(session)))
    notary.sign()
    with reading(db) as session:
        fixed = session.get_one(PeriodCloseRow, key)
    click.echo(f"Period {key} is closed; its pack has the SHA-256 {fixed.pack_sha256}.")
    return DONE


@period.command()
@click.argument("key", metavar="PERIOD")
@click.option("--out", required=True, type=NamedPath(), help="The file to write.")
@click.pass_obj
def pack(environment: Mapping[str, str], key: str, *, out: Path) -> None:
    """Write the archive of a closed PERIOD to a file, as the close wrote it."""
    with reading(market_of(environment)) as session:
        content = kept_pack(session, actor(), key)
    replace_file(out, content)
    click.echo(f"Written to {pathname(out)}.")


def _periods(session: Session) -> list[PeriodRow]:
    return list(session.scalars(select(PeriodRow).order_by(col(PeriodRow.position))))


def _document(session: Session, row: PeriodRow) -> Document:
    fixed = session.get(PeriodCloseRow, row.key)
    return {
        "period_key": row.key,
        "starts_on": row.starts_on.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
        "closed_by": row.closed_by,
        "pack_sha256": fixed.pack_sha256 if fixed else None,
    }
