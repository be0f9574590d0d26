"""`broker explain` and `broker worker`: what would have won, on request and by itself."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict

import click

from broker.clock import system_clock
from broker.commands.checkpoints import notary_of
from broker.commands.exits import DONE
from broker.commands.market import market_of, solver_of
from broker.commands.options import Seconds, json_option, quiet_option, workers_option
from broker.commands.speech import say_json
from broker.counterfactuals.answers import Progress
from broker.counterfactuals.working import Budget, Explained, explain_round, processes

DEFAULTS = Budget()
JOBS = 5
"""How many of the periodic jobs are done at a time."""
NICENESS = 10
"""How far the worker stands back behind the market on the same processors."""


@click.command()
@click.argument("round_key", metavar="ROUND")
@click.option("--bid", "bid_key", metavar="BID", help="Only this bid, whatever is known of it.")
@click.option(
    "--time-limit",
    type=Seconds(),
    default=DEFAULTS.seconds,
    show_default=True,
    help="Seconds after which no further bid is begun.",
)
@workers_option
@json_option
@quiet_option
@click.pass_obj
def explain(
    environment: Mapping[str, str],
    round_key: str,
    *,
    bid_key: str | None,
    time_limit: float,
    workers: int,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Compute what would have won for the declined bids of ROUND; safe to repeat."""
    budget = Budget(time_limit, DEFAULTS.seconds_per_bid, workers)
    say = _say_progress if sys.stderr.isatty() and not is_quiet else _say_nothing
    db = market_of(environment)
    with processes(budget) as executor:
        explained = explain_round(
            db, round_key, budget, system_clock, executor, say, bid_key=bid_key
        )
    if as_json:
        say_json({"round_key": explained.round_key, **asdict(explained.progress)})
    elif not is_quiet:
        click.echo(_sentence(explained))


@click.command()
@click.option("--with-input", is_flag=True, hidden=True, help="End when standard input ends.")
@click.pass_obj
def worker(environment: Mapping[str, str], *, with_input: bool) -> None:
    """Do what happens by itself: explain, answer, replay, run, check. Serving starts one too."""
    db = market_of(environment)
    from broker.background import background  # noqa: PLC0415  # no other command needs the queue

    os.nice(NICENESS)
    if with_input:
        threading.Thread(target=_end_with_the_input, daemon=True).start()
    queue = background(db, system_clock, solver_of(environment), notary_of(db, environment))
    queue.create_consumer(workers=JOBS, check_worker_health=False).run()


def _end_with_the_input() -> None:
    """Wait for the end of the input, which comes when the server is gone."""
    while sys.stdin.read(1):
        pass
    os._exit(DONE)


def _sentence(explained: Explained) -> str:
    progress = explained.progress
    return (
        f"Round {explained.round_key}: {progress.total} declined bids; {progress.exact} answers "
        f"are exact, {progress.interval} are intervals, {progress.estimate} are estimates."
    )


def _say_progress(progress: Progress) -> None:
    known = progress.exact + progress.interval
    click.echo(f"{known} of {progress.total} declined bids are explained", err=True)


def _say_nothing(_: Progress) -> None:
    """Say nothing."""
