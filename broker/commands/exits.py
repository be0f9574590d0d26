"""Exit codes: one table from what went wrong to the code that scripts rely on.

0 done; 1 a check found violations, or something that nobody foresaw; 2 usage or invalid input;
3 refused; 4 no outcome; 5 the outcome failed its check; 7 a check could not be made; 78 the
database has another version's schema.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Mapping

import click

from allocation.errors import AllocationError, BrokenOutcome, InvalidProblem, NoOutcome
from allocation.files.findings import InvalidFolder
from allocation.results import OccupiedFolder
from broker.errors import (
    BrokerError,
    InvalidInput,
    InvalidSettings,
    NotFound,
    Refused,
    StorageFailed,
    WrongSchema,
)

DONE = 0
VIOLATIONS = 1
UNFORESEEN = 1
INVALID = 2
REFUSED = 3
NO_OUTCOME = 4
BROKEN_OUTCOME = 5
NOT_CHECKED = 7
WRONG_SCHEMA = 78
INTERRUPTED = 130

EXITS: Mapping[type[BaseException], int] = {
    InvalidFolder: INVALID,
    InvalidProblem: INVALID,
    OccupiedFolder: REFUSED,
    NoOutcome: NO_OUTCOME,
    BrokenOutcome: BROKEN_OUTCOME,
    InvalidInput: INVALID,
    InvalidSettings: INVALID,
    NotFound: INVALID,
    Refused: REFUSED,
    StorageFailed: UNFORESEEN,
    WrongSchema: WRONG_SCHEMA,
    KeyboardInterrupt: INTERRUPTED,
    click.Abort: INTERRUPTED,
}


def exit_code(error: BaseException) -> int:
    """Return the code of an error, by the nearest of its types that the table names."""
    return next((EXITS[kind] for kind in type(error).__mro__ if kind in EXITS), UNFORESEEN)


def explain(error: BaseException, arguments: list[str]) -> int:
    """Say on standard error what went wrong, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        return _leave_quietly()
    for line in lines_of(error):
        click.echo(line, err=True)
    code = exit_code(error)
    return NOT_CHECKED if arguments[:1] == ["check"] and code == UNFORESEEN else code


def lines_of(error: BaseException) -> Iterable[str]:
    """Return what to say about an error: a sentence, or one line for each finding."""
    if isinstance(error, (InvalidFolder, InvalidInput)):
        return map(str, error.findings)
    if isinstance(error, BrokenOutcome):
        return [str(error), *map(str, error.violations)]
    if isinstance(error, (BrokerError, AllocationError)):
        return [str(error)]
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return ["Interrupted; nothing was left half-done."]
    if isinstance(error, OSError) and error.strerror:
        return [f"{error.strerror}: {error.filename or 'no file is named'}."]
    return [_unforeseen(error)]


def _unforeseen(error: BaseException) -> str:
    """Name the place of an error that nobody foresaw, so that it can be reported."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119  # a name, no file
    first_line = (str(error).splitlines() or [""])[0]
    return f"Unforeseen, please report it: {type(error).__name__} in {where}: {first_line}"


def _leave_quietly() -> int:
    """End without a word when the reader of our output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNFORESEEN
