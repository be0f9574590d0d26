"""`broker explain`: what would have won, for the declined bids of a published round."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict

import click

from broker.clock import system_clock
from broker.commands.market import market_of
from broker.commands.options import Seconds, json_option, quiet_option, workers_option
from broker.commands.speech import say_json
from broker.counterfactuals.answers import Progress
from broker.counterfactuals.working import Budget, Explained, explain_round, processes

DEFAULTS = Budget()


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
