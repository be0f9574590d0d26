"""`broker allocate` and `broker check`: a round folder in, an output folder out, no database."""

from __future__ import annotations

import os
from pathlib import Path

import click

from allocation.files.findings import pathname
from allocation.folders import read_round
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.results import OccupiedFolder, UnreadableOutcome, read_outcome, write_outcome
from allocation.wire import report_document
from broker.commands.exits import DONE, INVALID, VIOLATIONS
from broker.commands.options import NamedPath, json_option, quiet_option, search_options
from broker.commands.places import try_place, writing_to
from broker.commands.speech import progress_to_terminal, report_lines, say_json
from broker.errors import Refused


@click.command()
@click.argument("folder", type=NamedPath())
@click.option("--out", required=True, type=NamedPath(), help="The folder to write.")
@search_options
@click.option("--force", is_flag=True, help="Replace the output folder with all that is in it.")
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
    _check_out(folder, out, force=force)
    from broker.solving import solve  # noqa: PLC0415  # slow to import, and no need of `check`

    outcome = solve(problem, options, progress_to_terminal(is_quiet=is_quiet))
    with writing_to(out):
        write_outcome(out, outcome, force=force)
    if as_json:
        say_json(report_document(outcome.report))
    elif not is_quiet:
        click.echo("\n".join([*report_lines(outcome.report), f"Written to {pathname(out)}"]))


@click.command()
@click.argument("folder", type=NamedPath())
@click.argument("out", type=NamedPath())
def check(folder: Path, out: Path) -> int:
    """Judge the outcome in OUT against the round in FOLDER, without the solver and its code.

    Silent if all is right; else every violation stands on a line of standard output.
    """
    problem = read_round(folder).problem
    if not os.path.isdir(out):  # noqa: PTH112  # a name that is too long is no error there
        click.echo(f"There is no output folder {pathname(out)}.", err=True)
        return INVALID
    try:
        violations = list(map(str, check_outcome(problem, read_outcome(out))))
    except UnreadableOutcome as error:
        violations = list(map(str, error.findings))
    for violation in violations:
        click.echo(violation)
    return VIOLATIONS if violations else DONE


def _check_out(folder: Path, out: Path, *, force: bool) -> None:
    """Refuse an output folder that could not be written, before anything is solved for it."""
    place = Path(os.path.realpath(out))
    if Path(os.path.realpath(folder)).is_relative_to(place):
        sentence = f"The output folder {pathname(out)} holds the round itself."
        raise Refused(sentence, hint="Name another one.")
    with writing_to(out):
        if os.path.lexists(place) and not place.is_dir():
            sentence = f"{pathname(out)} is not a folder, and nothing was written."
            raise Refused(sentence, hint="Name a folder.")
        if not force and place.is_dir() and any(place.iterdir()):
            raise OccupiedFolder(
                out, "not empty", "name another folder, or say --force to replace it"
            )
    try_place(out)
