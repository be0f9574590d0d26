"""`broker tick`: everything that is due now, from cron, every minute and on every host."""

from __future__ import annotations

from collections.abc import Mapping

import click

from allocation.options import Options
from broker.clock import system_clock
from broker.commands.exits import DONE, exit_code
from broker.commands.market import command_line, market_of
from broker.commands.notices import outbox_of_settings, remind_and_send, sentence_of
from broker.commands.options import json_option, quiet_option, search_options
from broker.commands.speech import progress_to_terminal, say_json
from broker.db import Database
from broker.notices.sending import Mailed
from broker.solving import solve
from broker.ticking import Deed, Ticked, Ticker, tick


@click.command("tick")
@search_options
@json_option
@quiet_option
@click.pass_obj
def tick_(
    environment: Mapping[str, str], *, options: Options, as_json: bool, is_quiet: bool
) -> int:
    """Open, close, allocate and finish rounds that are due, and mail; safe to repeat on every host.

    Exit code: 0, or that of the first round with which something went wrong.
    """
    report_progress = progress_to_terminal(is_quiet=is_quiet)
    db = market_of(environment)
    ticker = Ticker(db, system_clock, command_line(), options, solve, report_progress)
    deeds = []
    for ticked in tick(ticker):
        deeds.append(ticked)
        if ticked.deed is Deed.FAILED:
            click.echo(ticked.sentence, err=True)
        elif not (as_json or is_quiet):
            click.echo(ticked.sentence)
    mails = _send_mails(db, environment, says=not (as_json or is_quiet))
    if as_json:
        say_json({"deeds": [_document(ticked) for ticked in deeds]})
    elif not (deeds or mails or is_quiet):
        click.echo("Nothing is due.")
    return _exit_code(deeds)


def _send_mails(db: Database, environment: Mapping[str, str], *, says: bool) -> list[Mailed]:
    """Send what is due; what cannot be sent is told and tried again, and stops no round."""
    outbox = outbox_of_settings(environment)
    mails = list(remind_and_send(db, outbox, environment))
    for mail in mails:
        if mail.failure:
            click.echo(mail.failure, err=True)
    if says and mails:
        click.echo(sentence_of(mails))
    return mails


def _document(ticked: Ticked) -> dict[str, str]:
    return {
        "round_key": ticked.round_key,
        "deed": ticked.deed,
        "sentence": ticked.sentence,
    }


def _exit_code(deeds: list[Ticked]) -> int:
    errors = (ticked.error for ticked in deeds if ticked.error is not None)
    return next((exit_code(error, "run") for error in errors), DONE)
