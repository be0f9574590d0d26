"""`broker round list|show|open|close`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from broker.commands.market import market_of, now
from broker.commands.options import json_option
from broker.commands.speech import say_json
from broker.db import reading, transact
from broker.round_documents import Document, list_rounds, show_round
from broker.rounds import close_round, find_round, open_round


@click.group("round")
def round_() -> None:
    """List, show, open and close rounds."""


@round_.command("list")
@json_option
@click.pass_obj
def list_(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List every round, the latest sprint first."""
    with reading(market_of(environment)) as session:
        rounds = list_rounds(session)
    if as_json:
        say_json(rounds)
        return
    for entry in rounds:
        click.echo(_line(entry))


@round_.command()
@click.argument("key")
@json_option
@click.pass_obj
def show(environment: Mapping[str, str], key: str, *, as_json: bool) -> None:
    """Show a round and its runs."""
    with reading(market_of(environment)) as session:
        entry = show_round(session, key)
    if as_json:
        say_json(entry)
        return
    click.echo(_line(entry))
    for run in entry["runs"]:
        outcome = run["outcome_sha256"] or run["failure"] or ""
        click.echo(f"  run {run['run_id']}  {run['purpose']}  {run['state']}  {outcome}".rstrip())


@round_.command("open")
@click.argument("key")
@json_option
@click.pass_obj
def open_(environment: Mapping[str, str], key: str, *, as_json: bool) -> None:
    """Open a scheduled round for bids."""
    db = market_of(environment)
    change = now()
    is_new = transact(db, lambda session: open_round(session, key, change))
    _answer(environment, key, "open", is_new=is_new, as_json=as_json)


@round_.command()
@click.argument("key")
@json_option
@click.pass_obj
def close(environment: Mapping[str, str], key: str, *, as_json: bool) -> None:
    """Close an open round: no more bids, and those it has are frozen."""
    db = market_of(environment)
    change = now()
    is_new = transact(db, lambda session: close_round(session, key, change))
    _answer(environment, key, "closed", is_new=is_new, as_json=as_json)


def _answer(
    environment: Mapping[str, str], key: str, done: str, *, is_new: bool, as_json: bool
) -> None:
    with reading(market_of(environment)) as session:
        if as_json:
            say_json(show_round(session, key))
            return
        state = find_round(session, key).state
    if is_new:
        click.echo(f"Round {key} is {state}.")
    else:
        click.echo(f"Round {key} was {done} already and is {state}.")


def _line(entry: Document) -> str:
    sprint = f"{entry['starts_on']} to {entry['ends_on']}"
    return f"{entry['round_key']}  {entry['state']}  {sprint}  {entry['name']}".rstrip()
