"""`broker round list|show|announce|schedule|open|close|cancel`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from sqlmodel import Session

from allocation.folders import read_round
from broker.clock import database_time
from broker.commands.market import actor, market_of
from broker.commands.options import Moment, NamedPath, json_option
from broker.commands.speech import say_json
from broker.db import reading, transact
from broker.round_documents import Document, list_rounds, show_round
from broker.rounds import Times, find_round, lock_round
from broker.rounds_by_hand import (
    announce_round,
    cancel_round,
    close_by_hand,
    open_by_hand,
    schedule_by_hand,
)


@click.group("round")
def round_() -> None:
    """List, show, announce, open, close and cancel rounds."""


def _times(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say when a round opens and closes."""
    opens = click.option("--opens-at", type=Moment(), help="When bidding opens by itself.")
    closes = click.option(
        "--closes-at", type=Moment(), help="When bidding ends, and the run is due."
    )
    return opens(closes(command))


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


@round_.command()
@click.argument("folder", type=NamedPath())
@_times
@json_option
@click.pass_obj
def announce(
    environment: Mapping[str, str],
    folder: Path,
    *,
    opens_at: dt.datetime | None,
    closes_at: dt.datetime | None,
    as_json: bool,
) -> None:
    """Announce the round in FOLDER, which holds no bids: they come when it is open."""
    offer = read_round(folder)
    key = offer.problem.round_key

    def work(session: Session) -> None:
        times = Times(opens_at, closes_at)
        announce_round(session, actor(), offer, times, database_time(session))

    transact(market_of(environment), work)
    _answer(environment, key, "announced", is_new=True, as_json=as_json)


@round_.command()
@click.argument("key")
@_times
@json_option
@click.pass_obj
def schedule(
    environment: Mapping[str, str],
    key: str,
    *,
    opens_at: dt.datetime | None,
    closes_at: dt.datetime | None,
    as_json: bool,
) -> None:
    """Say when a round that is not open yet opens and closes; without a time, people do it."""

    def work(session: Session) -> None:
        times = Times(opens_at, closes_at)
        schedule_by_hand(session, actor(), key, times, database_time(session))

    transact(market_of(environment), work)
    _answer(environment, key, "scheduled", is_new=True, as_json=as_json)


@round_.command("open")
@click.argument("key")
@json_option
@click.pass_obj
def open_(environment: Mapping[str, str], key: str, *, as_json: bool) -> None:
    """Open a scheduled round for bids."""

    def work(session: Session) -> bool:
        return open_by_hand(session, actor(), key, database_time(session))

    is_new = transact(market_of(environment), work)
    _answer(environment, key, "open", is_new=is_new, as_json=as_json)


@round_.command()
@click.argument("key")
@json_option
@click.pass_obj
def close(environment: Mapping[str, str], key: str, *, as_json: bool) -> None:
    """Close an open round: no more bids, and those it has are frozen."""

    def work(session: Session) -> bool:
        lock_round(session, key)
        return close_by_hand(session, actor(), key, database_time(session))

    is_new = transact(market_of(environment), work)
    _answer(environment, key, "closed", is_new=is_new, as_json=as_json)


@round_.command()
@click.argument("key")
@click.option("--reason", required=True, help="Why, for everybody to read.")
@json_option
@click.pass_obj
def cancel(environment: Mapping[str, str], key: str, *, reason: str, as_json: bool) -> None:
    """Cancel a round that is not published; what it holds of credits is given back."""

    def work(session: Session) -> bool:
        return cancel_round(session, actor(), key, reason, database_time(session))

    is_new = transact(market_of(environment), work)
    _answer(environment, key, "cancelled", is_new=is_new, as_json=as_json)


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
