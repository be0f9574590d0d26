"""`broker allocate` and `broker check`: a round folder in, an output folder out, no database."""

from __future__ import annotations

from pathlib import Path

import click

from allocation.folders import read_round
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.problem import Problem
from allocation.results import OccupiedFolder, UnreadableOutcome, read_outcome, write_outcome
from allocation.wire import report_document
from broker.commands.exits import DONE, INVALID, NOT_CHECKED, VIOLATIONS
from broker.commands.options import json_option, quiet_option, search_options
from broker.commands.speech import progress_to_terminal, report_lines, say_json
from broker.errors import Refused
from broker.solving import solve


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@search_options
@click.option("--force", is_flag=True, help="Replace an output folder that is not empty.")
@json_option
@quiet_option
def allocate(
    folder: Path,
    *,
    out: Path,
    options: Options,
    force: bool,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Allocate the round in FOLDER and write the outcome, all of it or nothing."""
    problem = read_round(folder).problem
    _refuse_floors(problem)
    _check_out(folder, out, force=force)
    outcome = solve(problem, options, progress_to_terminal(is_quiet=is_quiet))
    write_outcome(out, outcome, force=force)
    if as_json:
        say_json(report_document(outcome.report))
    elif not is_quiet:
        click.echo("\n".join([*report_lines(outcome.report), f"Written to {out}"]))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def check(folder: Path, out: Path) -> int:
    """Judge the outcome in OUT against the round in FOLDER, without the solver and its code.

    Silent if all is right; else every violation stands on a line of standard output.
    """
    problem = read_round(folder).problem
    if not out.is_dir():
        click.echo(f"There is no output folder {out}.", err=True)
        return INVALID
    if problem.floor_ratio > 0:
        click.echo("This version cannot check fairness floors.", err=True)
        return NOT_CHECKED
    try:
        violations = list(map(str, check_outcome(problem, read_outcome(out))))
    except UnreadableOutcome as error:
        violations = list(map(str, error.findings))
    for violation in violations:
        click.echo(violation)
    return VIOLATIONS if violations else DONE


def _refuse_floors(problem: Problem) -> None:
    if problem.floor_ratio > 0:
        raise Refused(
            f"Round {problem.round_key} asks for fairness floors, which this version does not "
            "support.",
            hint="Set floor_ratio to 0 in policy.json, or remove the file.",
        )


def _check_out(folder: Path, out: Path, *, force: bool) -> None:
    """Refuse an output folder that could not be written, before anything is solved for it."""
    if folder.resolve().is_relative_to(out.resolve()):
        raise Refused(f"The output folder {out} holds the round itself.", hint="Name another one.")
    if out.exists() and not out.is_dir():
        raise OccupiedFolder(out, "it is a file: name a folder")
    if not force and out.is_dir() and any(out.iterdir()):
        raise OccupiedFolder(out, "name another folder, or say --force to replace it")
