"""`broker policy replay`: past rounds under another policy, beside what they really decided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from sqlmodel import Session

from allocation.wire import Document
from broker.clock import system_clock
from broker.commands.market import actor, market_of, solver_of
from broker.commands.options import NamedPath, json_option, quiet_option
from broker.commands.speech import say_json
from broker.dashboards.replays import Replay, replay_screen
from broker.db import reading, transact
from broker.errors import NotFound
from broker.policy.comparing import comparison_document
from broker.policy.documents import Policy
from broker.policy.reading import read_policy_file
from broker.policy.replaying import ROUNDS, ask_replays, replay_next
from broker.policy.versions import find_version, policy_in_force, policy_of

MOST_ROUNDS = 24


@click.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--file", type=NamedPath(), help="A policy that nobody proposed yet.")
@click.option(
    "--rounds",
    type=click.IntRange(1, MOST_ROUNDS),
    default=ROUNDS,
    show_default=True,
    help="How many past rounds, the newest first.",
)
@json_option
@quiet_option
@click.pass_obj
def replay(
    environment: Mapping[str, str],
    version: int | None,
    file: Path | None,
    rounds: int,
    *,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Replay the policy VERSION, in FILE, or in force on past rounds; publish nothing.

    What was replayed before stays as it is and is told again.
    """
    if version is not None and file is not None:
        raise click.UsageError("Name a version or a file, not both.")
    db = market_of(environment)
    with reading(db) as session:
        policy = read_policy_file(file) if file else _stored(session, version)
    asked_by, at = actor(), system_clock()
    sha256 = transact(db, lambda session: ask_replays(session, asked_by, policy, at, rounds))
    while replay_next(db, system_clock, solver_of(environment), sha256):
        pass
    with reading(db) as session:
        screen = replay_screen(session, asked_by, sha256)
    if as_json:
        replays = [_document(one) for one in screen.replays]
        say_json({"policy_sha256": sha256, "version": screen.version, "replays": replays})
    elif not is_quiet:
        click.echo("\n".join(map(_line, screen.replays)))


def _stored(session: Session, version: int | None) -> Policy:
    if version is not None:
        return policy_of(find_version(session, version))
    in_force = policy_in_force(session, system_clock())
    if in_force is None:
        raise NotFound("No policy is in force.", hint="Name a version or a file.")
    return in_force.policy


def _document(one: Replay) -> Document:
    return {
        "round_key": one.round_key,
        "state": one.state,
        "seconds": one.seconds,
        "failure": one.failure,
        "result": comparison_document(one.found) if one.found else None,
    }


def _line(one: Replay) -> str:
    if one.found is None:
        return f"{one.round_key}  {one.state}{f': {one.failure}' if one.failure else ''}"
    found = one.found
    same = "the same outcome" if found.is_same else f"{len(found.winners)} bids decided otherwise"
    return (
        f"{one.round_key}  value {found.replayed.value} ({found.status}) against "
        f"{found.real_value_by_policy} of the real awards by this policy; {same}; fairness "
        f"{_index(found.real.jain_millionths)} -> {_index(found.replayed.jain_millionths)}"
    )


def _index(millionths: int | None) -> str:
    return "-" if millionths is None else f"{millionths // 1000 / 1000:.3f}"
