"""`broker notices send`: reminders are written, and the mails of the day go out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import click

from broker.clock import system_clock
from broker.commands.exits import DONE, REFUSED
from broker.commands.market import market_of
from broker.commands.options import json_option
from broker.commands.speech import say_json
from broker.config import Settings
from broker.db import Database
from broker.notices.mails import Sender
from broker.notices.outboxes import Outbox, outbox_of
from broker.notices.sending import Mailed, send_due, write_reminders

NO_OUTBOX = "No mail is sent: BROKER_SMTP_URL does not say where mails go."


@click.group()
def notices() -> None:
    """Tell people what they should know."""


@notices.command()
@json_option
@click.pass_obj
def send(environment: Mapping[str, str], *, as_json: bool) -> int:
    """Write reminders, and send every mail that is due; once a day and person, on any host.

    Exit code: 0, or 3 if a mail could not be sent; it is tried again by the next call that is due.
    """
    db, outbox = market_of(environment), outbox_of_settings(environment)
    mails = list(remind_and_send(db, outbox, environment))
    failures = [mail.failure for mail in mails if mail.failure]
    if as_json:
        say_json({"mails": [asdict(mail) for mail in mails]})
    else:
        click.echo(NO_OUTBOX if outbox is None else sentence_of(mails))
        for failure in failures:
            click.echo(failure, err=True)
    return REFUSED if failures else DONE


def outbox_of_settings(environment: Mapping[str, str]) -> Outbox | None:
    """Return where mails go. Raises: InvalidSettings."""
    return outbox_of(Settings.from_environment(environment).smtp_url, click.echo)


def remind_and_send(
    db: Database, outbox: Outbox | None, environment: Mapping[str, str]
) -> Iterator[Mailed]:
    """Write reminders and send what is due; without an outbox mails wait."""
    settings = Settings.from_environment(environment)
    write_reminders(db, system_clock)
    if outbox is not None:
        sender = Sender(settings.mail_from, settings.public_url)
        yield from send_due(db, outbox, sender, system_clock)


def sentence_of(mails: list[Mailed]) -> str:
    """Say how many mails went out."""
    sent = sum(not mail.failure for mail in mails)
    return f"{sent} mail{'' if sent == 1 else 's'} sent." if mails else "No mail is due."
