"""`broker webhook add|list|secret|remove|send|again`: programs that are told what happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
from sqlmodel import Session

from broker.clock import system_clock, time_of
from broker.commands.market import actor, market_of
from broker.commands.options import json_option
from broker.commands.speech import say_json
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.errors import InvalidSettings
from broker.webhooks.endpoints import (
    AddWebhook,
    add_webhook,
    change_secret,
    living_webhook,
    living_webhooks,
    remove_webhook,
    send_again,
)
from broker.webhooks.sending import Messenger, Sent, send_messages
from broker.webhooks.signing import derived_secret
from broker.webhooks.tables import WebhookRow
from broker.webhooks.wires import Wire

Environment = Mapping[str, str]
NO_KEY = "Secrets of webhooks follow from BROKER_SECRET_KEY, and it is not set."


@click.group()
def webhook() -> None:
    """Tell other programs what becomes of rounds, signed as Standard Webhooks."""


@webhook.command()
@click.argument("url")
@click.option("--event", "kinds", multiple=True, help="A kind of event; all without it.")
@json_option
@click.pass_obj
def add(environment: Environment, url: str, kinds: tuple[str, ...], *, as_json: bool) -> None:
    """Tell the program at URL from now on, and print its secret."""
    settings = Settings.from_environment(environment)
    _key_of(settings)
    db, wish, wire = market_of(environment), AddWebhook(url, kinds), Wire(settings.webhook_hosts)

    def work(session: Session) -> WebhookRow:
        return add_webhook(session, actor(), wish, wire, time_of(session, system_clock))

    _say_secret(transact(db, work), settings, as_json=as_json)


@webhook.command("list")
@json_option
@click.pass_obj
def list_(environment: Environment, *, as_json: bool) -> None:
    """List who is told what."""
    with reading(market_of(environment)) as session:
        rows = [
            {"id": row.id, "url": row.url, "events": row.kinds.split(",")}
            for row in living_webhooks(session)
        ]
    if as_json:
        say_json(rows)
        return
    for row in rows:
        click.echo(f"{row['id']}  {row['url']}  {', '.join(row['events'])}")


@webhook.command()
@click.argument("webhook_id", metavar="ID")
@click.option("--new", "is_new", is_flag=True, help="Give it another one first.")
@json_option
@click.pass_obj
def secret(environment: Environment, webhook_id: str, *, is_new: bool, as_json: bool) -> None:
    """Print the secret of a webhook, with which its messages are signed."""
    settings = Settings.from_environment(environment)
    _key_of(settings)

    def work(session: Session) -> WebhookRow:
        if is_new:
            return change_secret(session, actor(), webhook_id, time_of(session, system_clock))
        return living_webhook(session, webhook_id)

    _say_secret(transact(market_of(environment), work), settings, as_json=as_json)


@webhook.command()
@click.argument("webhook_id", metavar="ID")
@click.pass_obj
def remove(environment: Environment, webhook_id: str) -> None:
    """Tell a program nothing any more."""

    def work(session: Session) -> None:
        remove_webhook(session, actor(), webhook_id, time_of(session, system_clock))

    transact(market_of(environment), work)
    click.echo(f"Webhook {webhook_id} is removed.")


@webhook.command()
@click.argument("message_id", metavar="MESSAGE")
@click.pass_obj
def again(environment: Environment, message_id: str) -> None:
    """Send one message once more, with the next tick."""

    def work(session: Session) -> None:
        send_again(session, actor(), message_id, time_of(session, system_clock))

    transact(market_of(environment), work)
    click.echo(f"Message {message_id} waits to be sent.")


@webhook.command()
@click.pass_obj
def send(environment: Environment) -> None:
    """Send what waits, as every tick does."""
    sent = list(send_all(market_of(environment), environment))
    for one in sent:
        if one.failure:
            click.echo(one.failure, err=True)
    arrived = sum(1 for one in sent if not one.failure)
    click.echo(f"{arrived} of {len(sent)} messages arrived.")


def send_all(db: Database, environment: Environment) -> Iterator[Sent]:
    """Send what waits; nothing where the settings name no host or no key."""
    settings = Settings.from_environment(environment)
    if settings.webhook_hosts and settings.secret_key:
        messenger = Messenger(Wire(settings.webhook_hosts), settings.secret_key)
        yield from send_messages(db, messenger, system_clock)


def _say_secret(row: WebhookRow, settings: Settings, *, as_json: bool) -> None:
    said = derived_secret(_key_of(settings), row.id, row.secret_number)
    if as_json:
        say_json({"id": row.id, "url": row.url, "events": row.kinds.split(","), "secret": said})
    else:
        click.echo(f"Webhook {row.id} is told of {row.kinds}. Its secret:")
        click.echo(said)


def _key_of(settings: Settings) -> str:
    if settings.secret_key is None:
        hint = "Set it to the output of `openssl rand -hex 32`."
        raise InvalidSettings(NO_KEY, hint=hint)
    return settings.secret_key
