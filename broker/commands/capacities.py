"""`broker capacity lose`: units of a pool that are not there, reported from where that is seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import click
from sqlmodel import Session

from broker.clock import database_time
from broker.commands.market import actor, market_of
from broker.commands.options import Day, json_option
from broker.commands.speech import say_json
from broker.db import reading, transact
from broker.spot.losses import LossEffect, LossWish, Reported, preview_loss, report_loss


@click.group("capacity")
def capacity() -> None:
    """Report what is lost of a pool during a sprint."""


@capacity.command()
@click.argument("pool")
@click.option("--units", type=click.IntRange(1), required=True, help="Units lost on each day.")
@click.option("--from", "first_day", type=Day(), required=True, help="The first day, UTC.")
@click.option("--to", "last_day", type=Day(), help="The last day; without it, the first.")
@click.option("--reason", default="", help="Why: everybody who loses anything reads it.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what it would do, and save nothing.")
@json_option
@click.pass_obj
def lose(
    environment: Mapping[str, str],
    pool: str,
    *,
    units: int,
    first_day: dt.date,
    last_day: dt.date | None,
    reason: str,
    is_dry: bool,
    as_json: bool,
) -> None:
    """Report that units of POOL are lost; a tick then decides who keeps what."""
    wish, db = (
        LossWish(pool, units, first_day, last_day or first_day, reason),
        market_of(environment),
    )
    if is_dry:
        with reading(db) as session:
            effect = preview_loss(session, actor(), wish, database_time(session))
        _say_effect(effect, as_json=as_json)
        return

    def work(session: Session) -> Reported:
        return report_loss(session, actor(), wish, database_time(session))

    reported = transact(db, work)
    if as_json:
        say_json({"loss_id": reported.loss_id, "is_new": reported.is_new})
        return
    words = "is reported" if reported.is_new else "was reported already"
    click.echo(f"The loss of {units} of pool {pool} {words}.")


def _say_effect(effect: LossEffect, *, as_json: bool) -> None:
    """Say what a loss would do, day by day."""
    keys = [one.rest.key for one in effect.awards]
    if as_json:
        days = [
            {
                "day": one.day.isoformat(),
                "reserved_units": one.left.reserved_units,
                "spot_units": one.left.spot_units,
                "is_short": one.is_short,
            }
            for one in effect.days
        ]
        say_json({"round_key": effect.sprint_key, "days": days, "competing_bids": keys})
        return
    for one in effect.days:
        fits = "too few for what is awarded" if one.is_short else "enough for what is awarded"
        left = f"{one.left.reserved_units} reserved and {one.left.spot_units} spot units left"
        click.echo(f"{one.day}: {left}, {fits}")
    if keys:
        click.echo(f"These would compete in a recovery round: {', '.join(keys)}")
