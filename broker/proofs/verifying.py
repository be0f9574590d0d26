"""The whole check of a market: log, rows, checkpoints, ledger, states, rounds, step by step.

`verify` yields every step with what it found, so that whoever waits sees how far it is. A check
that cannot be made is an error, never a clean result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select
from sqlmodel import Session, col

from broker.errors import InvalidCheckpoint
from broker.proofs.checkpoints import Checkpoint, read_checkpoint
from broker.proofs.findings import FORK, LOG, ROLLBACK, Finding
from broker.proofs.log_checks import (
    Walk,
    check_checkpoints,
    check_kept_elsewhere,
    kept_checkpoints,
    walk_log,
)
from broker.proofs.market_checks import (
    Lives,
    caught,
    check_ledger,
    check_persons,
    check_round,
    check_states,
)
from broker.proofs.standing import Difference, differences
from broker.rounds import find_round
from broker.tables import RoundRow


@dataclass(frozen=True, slots=True)
class Evidence:
    """What does not come from the database: the public key, and checkpoints kept elsewhere."""

    key: str
    elsewhere: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the check, when it is done: what was compared, and what was found."""

    name: str
    findings: tuple[Finding, ...]


@dataclass
class Verified:
    """All that was found."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def first_bad(self) -> int | None:
        """Return the first event that cannot be believed; None if none is known.

        Where the log itself is damaged, it is the first damaged event: what follows from a log that
        cannot be read right, such as rows that seem older than they are, does not count then.
        """
        known = [one for one in self.findings if one.sequence is not None]
        damaged = [one for one in known if one.code == LOG]
        return min((one.sequence for one in damaged or known if one.sequence), default=None)

    @property
    def is_rolled_back(self) -> bool:
        """Say whether a checkpoint that was kept elsewhere is not of this log."""
        return any(finding.code in {ROLLBACK, FORK} for finding in self.findings)


def read_evidence(key: str, lines: Iterable[str]) -> Evidence:
    """Read checkpoints that were kept elsewhere, one a line.

    Raises: InvalidCheckpoint if there is none, or another key signed one.
    """
    elsewhere = tuple(read_checkpoint(line) for line in lines if line.strip())
    if not elsewhere:
        raise InvalidCheckpoint("There is no checkpoint in the file.")
    for one in elsewhere:
        if one.key != key or not one.is_signed():
            raise InvalidCheckpoint(
                f"The checkpoint of {one.size} events was not signed with this installation's key.",
                hint="Give a checkpoint of this installation, and its key as it was then.",
            )
    return Evidence(key, elsewhere)


def verify(session: Session, evidence: Evidence, round_key: str | None = None) -> Iterator[Step]:
    """Check the log and the ledger whole, and one round or all of them.

    Raises: NotFound if there is no such round.
    """
    rounds = _rounds(session, round_key)
    kept, lives = kept_checkpoints(session), Lives()
    sizes = {*kept, *(one.size for one in evidence.elsewhere)}
    walk = walk_log(session, sizes, [lives.see])
    yield Step(f"{walk.size} events", tuple(walk.findings))
    yield Step(f"{len(kept)} checkpoints", tuple(check_checkpoints(walk, kept, evidence.key)))
    compared = check_kept_elsewhere(walk, evidence.elsewhere, kept, evidence.key)
    yield Step("checkpoints kept elsewhere", tuple(compared))
    yield Step("rows", tuple(check_rows(session, walk)))
    yield Step("ledger", tuple(caught("The ledger", partial(check_ledger, session))))
    yield Step("two persons", tuple(check_persons(session)))
    yield Step("states", tuple(caught("A state", partial(check_states, session, lives))))
    for key in rounds:
        found = caught(f"Round {key}", partial(check_round, session, key))
        yield Step(f"round {key}", tuple(found))


def check_rows(session: Session, walk: Walk) -> Iterator[Finding]:
    """Compare every audited row with what the log says of it."""
    for one in differences(session, walk.said):
        yield Finding("row", _sentence(one), one.sequence or walk.size + 1)


def collect(steps: Iterable[Step]) -> Verified:
    """Return what all steps found."""
    verified = Verified()
    for step in steps:
        verified.findings.extend(step.findings)
    return verified


def _rounds(session: Session, round_key: str | None) -> Sequence[str]:
    if round_key is not None:
        return [find_round(session, round_key).key]
    every = select(col(RoundRow.key)).order_by(col(RoundRow.starts_on), col(RoundRow.key))
    return session.scalars(every).all()


def _sentence(one: Difference) -> str:
    what = f"Row {one.key[:120]} of {one.table}"
    if one.sequence is None:
        return f"{what} is there, and no event speaks of it."
    if one.now is None:
        return f"{what} is gone; event {one.sequence} left it there."
    return f"{what} is not what event {one.sequence} left there."
