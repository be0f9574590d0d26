"""`broker token add|list|revoke`: the tokens with which programs ask.

Here only those of services are issued: a person's token acts as the person, who issues it on the
page of the own account.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from sqlmodel import Session

from broker.access import Scope
from broker.clock import database_time, system_clock
from broker.commands.market import actor, market_of
from broker.commands.options import json_option
from broker.commands.speech import say_json
from broker.dashboards.tokens import TokenBrief, all_tokens_screen
from broker.db import reading, transact
from broker.people.tokens import (
    LONGEST_DAYS,
    MARK,
    USUAL_DAYS,
    TokenWish,
    issue_token,
    revoke_token,
)

SECRET_BYTES = 32


@click.group()
def token() -> None:
    """Issue, list and revoke the tokens of programs."""


@token.command()
@click.argument("name")
@click.option("--service", required=True, help="The key of the service that asks with it.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it may do; give it several times for several.",
)
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    help="How long it is good.",
)
@json_option
@click.pass_obj
def add(
    environment: Mapping[str, str],
    name: str,
    service: str,
    scopes: tuple[str, ...],
    days: int,
    *,
    as_json: bool,
) -> None:
    """Issue a token for a service, and print its secret: it is shown this once."""
    wish = TokenWish(name, frozenset(scopes), days, service)
    secret = MARK + secrets.token_urlsafe(SECRET_BYTES)

    def work(session: Session) -> str:
        return issue_token(session, actor(), wish, secret, database_time(session))

    token_id = transact(market_of(environment), work)
    if as_json:
        say_json({"token_id": token_id, "secret": secret})
        return
    click.echo(secret)
    click.echo(f"Token {token_id} is good for {days} days. It is not shown again.", err=True)


@token.command("list")
@json_option
@click.pass_obj
def list_(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List every token, the good ones first."""
    with reading(market_of(environment)) as session:
        found = all_tokens_screen(session, actor(), system_clock()).tokens
    if as_json:
        say_json([_document(one) for one in found])
        return
    for one in found:
        click.echo(_line(one))


@token.command()
@click.argument("token_id")
@json_option
@click.pass_obj
def revoke(environment: Mapping[str, str], token_id: str, *, as_json: bool) -> None:
    """Revoke a token at once."""

    def work(session: Session) -> bool:
        return revoke_token(session, actor(), token_id, database_time(session))

    is_new = transact(market_of(environment), work)
    if as_json:
        say_json({"token_id": token_id, "state": "revoked"})
        return
    click.echo(
        f"Token {token_id} {'is' if is_new else 'was'} revoked{'' if is_new else ' already'}."
    )


def _document(one: TokenBrief) -> dict[str, Any]:
    facts = asdict(one)
    instants = ("issued_at", "expires_at", "used_at", "revoked_at")
    return facts | {name: facts[name].isoformat() if facts[name] else None for name in instants}


def _line(one: TokenBrief) -> str:
    state = "revoked" if one.revoked_at else "good" if one.is_good else "expired"
    whose = f"service {one.owner}" if one.is_service else one.owner
    return (
        f"{one.id}  {state}  {one.expires_at:%Y-%m-%d}  {whose}  {one.name}  {' '.join(one.scopes)}"
    )
