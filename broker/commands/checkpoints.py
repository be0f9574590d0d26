"""`broker verify` and `broker checkpoint`: is everything as it was, and a line to prove it by."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from allocation.files.findings import pathname
from allocation.wire import Document
from broker.books.verifications import Notary
from broker.clock import system_clock, time_of
from broker.commands.exits import DONE, ROLLED_BACK, VIOLATIONS
from broker.commands.market import market_of
from broker.commands.options import NamedPath, json_option
from broker.commands.places import writing_to
from broker.commands.speech import say_json
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.errors import InvalidCheckpoint, NotChecked, UnusableKey
from broker.proofs.checkpoints import Checkpoint
from broker.proofs.keeping import take_checkpoint
from broker.proofs.keys import make_key, read_public_key, read_signer
from broker.proofs.verifying import Evidence, Step, Verified, collect, read_evidence
from broker.proofs.verifying import verify as verify_market

Say = Callable[[str], None]


@click.command()
@click.argument("round_key", metavar="[ROUND]", required=False)
@click.option(
    "--checkpoint", "kept", type=NamedPath(), help="Checkpoints that were kept elsewhere."
)
@json_option
@click.pass_obj
def verify(
    environment: Mapping[str, str], round_key: str | None, kept: Path | None, *, as_json: bool
) -> int:
    """Check audit log, ledger, runs and hashes: of ROUND, or of every round. Silent if all is well.

    Exit codes: 1 with every violation, one a line, and the first bad event; 6 if a checkpoint that
    was kept elsewhere is not of this log; 7 if the check could not be made.
    """
    key = read_public_key(Settings.from_environment(environment).audit_key_file)
    evidence = read_evidence(key, _lines(kept)) if kept else Evidence(key)
    with reading(market_of(environment)) as session:
        verified = collect(_told(verify_market(session, evidence, round_key)))
    if as_json:
        say_json(_document(verified))
    else:
        for line in _answer(verified):
            click.echo(line)
    return _code(verified)


@click.command()
@click.pass_obj
def checkpoint(environment: Mapping[str, str]) -> None:
    """Print a signed line that says what the audit log is now, to be kept elsewhere."""
    taken = take_one(market_of(environment), environment)
    if taken is None:
        raise NotChecked("The audit log is empty; there is nothing to sign yet.")
    click.echo(taken.line)


def take_one(db: Database, environment: Mapping[str, str]) -> Checkpoint | None:
    """Sign the log as it stands. Raises: UnusableKey."""
    key = read_signer(Settings.from_environment(environment).audit_key_file)
    return transact(
        db, lambda session: take_checkpoint(session, key, time_of(session, system_clock))
    )


def sign_after(db: Database, environment: Mapping[str, str]) -> None:
    """Sign what a command did; say so where that was not possible, for what was done is done."""
    try:
        take_one(db, environment)
    except UnusableKey as error:
        click.echo(f"No checkpoint was taken. {error}", err=True)


def notary_of(db: Database, environment: Mapping[str, str]) -> Notary:
    """Return what checks everything and signs after a close, by the settings."""
    file = Settings.from_environment(environment).audit_key_file
    return Notary(
        read_evidence=lambda: Evidence(read_public_key(file)),
        sign=lambda: sign_after(db, environment),
    )


def keep_key(file: Path, *, says: bool) -> None:
    """Make the key that signs the log, unless there is one. Raises: UnusablePlace."""
    with writing_to(file):
        is_new = make_key(file)
    if is_new and says:
        click.echo(f"{pathname(file)} is the new key of the audit log; keep it, and a copy apart.")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCheckpoint(f"{pathname(file)} cannot be read as a checkpoint.") from error


def _told(steps: Iterator[Step]) -> Iterator[Step]:
    """Tell a person at a terminal how far the check is."""
    for step in steps:
        if sys.stderr.isatty():
            click.echo(f"checked: {step.name}", err=True)
        yield step


def _answer(verified: Verified) -> Iterator[str]:
    yield from map(str, verified.findings)
    if verified.first_bad is not None:
        yield f"The first bad event is {verified.first_bad}."


def _document(verified: Verified) -> Document:
    return {
        "violations": [
            {"code": one.code, "sentence": one.sentence, "sequence": one.sequence}
            for one in verified.findings
        ],
        "first_bad_sequence": verified.first_bad,
    }


def _code(verified: Verified) -> int:
    if verified.is_rolled_back:
        return ROLLED_BACK
    return VIOLATIONS if verified.findings else DONE
