"""Exit codes: one table from what went wrong to the code that scripts rely on.

0 done; 1 a check found violations, and nothing else; 2 usage, invalid input, a path or an address
that cannot be used; 3 refused, or the disk or the database failed; 4 no outcome; 5 the outcome
failed its check; 6 the audit log was rolled back or forked; 7 a check could not be made; 78 the
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
    BrokenBackup,
    BrokerError,
    InvalidInput,
    InvalidSettings,
    NotAllowed,
    NotChecked,
    NotFound,
    ProviderFailed,
    Refused,
    StorageFailed,
    UnusableDatabase,
    UnusablePlace,
    WrongSchema,
)
from broker.notices.outboxes import MailNotSent
from broker.webhooks.wires import NotDelivered

DONE = 0
VIOLATIONS = 1
INVALID = 2
REFUSED = 3
NO_OUTCOME = 4
BROKEN_OUTCOME = 5
ROLLED_BACK = 6
NOT_CHECKED = 7
WRONG_SCHEMA = 78
INTERRUPTED = 130
READER_GONE = 141

EXITS: Mapping[type[BaseException], int] = {
    InvalidFolder: INVALID,
    InvalidProblem: INVALID,
    OccupiedFolder: REFUSED,
    NoOutcome: NO_OUTCOME,
    BrokenOutcome: BROKEN_OUTCOME,
    BrokenBackup: VIOLATIONS,
    InvalidInput: INVALID,
    InvalidSettings: INVALID,
    NotFound: INVALID,
    MailNotSent: REFUSED,
    NotDelivered: REFUSED,
    NotAllowed: REFUSED,
    NotChecked: NOT_CHECKED,
    ProviderFailed: REFUSED,
    Refused: REFUSED,
    StorageFailed: REFUSED,
    UnusableDatabase: INVALID,
    UnusablePlace: INVALID,
    WrongSchema: WRONG_SCHEMA,
    KeyboardInterrupt: INTERRUPTED,
    click.Abort: INTERRUPTED,
    BrokenPipeError: READER_GONE,
    OSError: REFUSED,
}
UNFORESEEN: Mapping[str, int] = {
    "allocate": NO_OUTCOME,
    "run": NO_OUTCOME,
    "check": NOT_CHECKED,
    "verify": NOT_CHECKED,
}
CHECKS = frozenset({"check", "verify"})
DISKS = frozenset({OSError, StorageFailed, UnusableDatabase})
"""What keeps a check from being made."""
"""What a command says by its code when something broke that nobody foresaw; else REFUSED."""
OUT_OF_MEMORY = "There is not enough memory for this; free some, or use a larger machine."


def exit_code(error: BaseException, command: str) -> int:
    """Return the code of an error, by the nearest of its types that the table names."""
    kind = next((kind for kind in type(error).__mro__ if kind in EXITS), None)
    if kind is None or (kind in DISKS and command in CHECKS):
        return UNFORESEEN.get(command, REFUSED)
    return EXITS[kind]


def explain(error: BaseException, arguments: list[str]) -> int:
    """Say on standard error what went wrong, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        _leave_quietly()
    else:
        for line in lines_of(error):
            click.echo(line, err=True)
    return exit_code(error, "".join(arguments[:1]))


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
        what = f"{error.filename} cannot" if error.filename else "Something could not"
        return [f"{what} be read or written: {error.strerror}."]
    return [OUT_OF_MEMORY if isinstance(error, MemoryError) else _unforeseen(error)]


def _unforeseen(error: BaseException) -> str:
    """Name the place of an error that nobody foresaw, so that it can be reported."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119  # a name, no file
    first_line = (str(error).splitlines() or [""])[0]
    return f"Unforeseen, please report it: {type(error).__name__} in {where}: {first_line}"


def _leave_quietly() -> None:
    """Send what is left of our output nowhere: its reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
