"""`broker run`: close if due, snapshot, solve, check, publish."""

from __future__ import annotations

from collections.abc import Mapping

import click

from allocation.options import Options
from allocation.wire import Document, report_document
from broker.clock import system_clock
from broker.commands.checkpoints import sign_after
from broker.commands.market import command_line, market_of, solver_of
from broker.commands.options import json_option, quiet_option, search_options
from broker.commands.speech import progress_to_terminal, report_lines, say_json
from broker.counterfactuals.answers import decided_round, write_estimates
from broker.db import transact
from broker.figures.keeping import keep_figures
from broker.runs import Ran, run_round
from broker.states import RunPurpose, RunState


@click.command()
@click.argument("round_key", metavar="ROUND")
@click.option("--rehearse", is_flag=True, help="Solve and report, publish nothing.")
@search_options
@json_option
@quiet_option
@click.pass_obj
def run(
    environment: Mapping[str, str],
    round_key: str,
    *,
    options: Options,
    rehearse: bool,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Allocate ROUND and publish the result, exactly once; safe to repeat."""
    db = market_of(environment)
    ran = run_round(
        db,
        round_key,
        options,
        system_clock,
        command_line(),
        solver_of(environment),
        progress_to_terminal(is_quiet=is_quiet),
        purpose=RunPurpose.REHEARSAL if rehearse else RunPurpose.PUBLICATION,
    )
    if ran.run_state is RunState.PUBLISHED:
        transact(db, lambda session: write_estimates(session, decided_round(session, round_key)))
        keep_figures(db)
        sign_after(db, environment)
    if as_json:
        say_json(_document(ran))
    elif not is_quiet:
        click.echo("\n".join(_answer(ran)))


def _answer(ran: Ran) -> list[str]:
    if ran.outcome is None:
        return [f"Round {ran.round_key} is published already: outcome {ran.outcome_sha256}"]
    done = "is published" if ran.run_state == "published" else "was rehearsed; nothing is published"
    return [f"Round {ran.round_key} {done}.", *report_lines(ran.outcome.report)]


def _document(ran: Ran) -> Document:
    return {
        "round_key": ran.round_key,
        "state": ran.round_state,
        "run_id": ran.run_id,
        "run_state": ran.run_state,
        "revision": ran.revision,
        "outcome_sha256": ran.outcome_sha256,
        "already_published": ran.outcome is None,
        "report": report_document(ran.outcome.report) if ran.outcome else None,
    }
