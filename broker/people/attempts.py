"""Attempts to sign in, counted before the password is looked at, so that no race gets one free.

Names and places are counted alike, known or not, so that waiting says nothing about who exists. A
name has few free failures, a place more; after that every failure doubles the wait.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, select
from sqlmodel import Session, col

from broker.errors import TooManyAttempts
from broker.people.tables import SignInAttemptRow

FIRST_WAIT = dt.timedelta(seconds=30)
LONGEST_WAIT = dt.timedelta(minutes=15)
MOST_DOUBLINGS = 10
FORGOTTEN_AFTER = dt.timedelta(hours=1)
"""Longer than the longest wait: otherwise waiting would start anew."""
HOME_PREFIX_BITS = 64
"""How much of an IPv6 address says whose it is; the rest changes at will."""


class Kind(StrEnum):
    """What is counted: a name that was typed, or the place it came from."""

    ACCOUNT = "account"
    SOURCE = "source"


FREE_FAILURES: Mapping[Kind, int] = {Kind.ACCOUNT: 5, Kind.SOURCE: 20}


@dataclass(frozen=True, slots=True)
class Subject:
    """Something whose failures are counted, by the hash of its name."""

    kind: Kind
    sha256: str


def account(typed: str) -> Subject:
    """Return the subject of a name as it was typed."""
    return Subject(Kind.ACCOUNT, _sha256(typed.strip().lower()))


def source(address: str) -> Subject:
    """Return the subject of a network address."""
    return Subject(Kind.SOURCE, _sha256(home_of(address)))


def count_attempt(session: Session, subject: Subject, at: dt.datetime) -> None:
    """Count an attempt as a failure until it proves right.

    Raises: TooManyAttempts while there is something to wait for; nothing is counted then.
    """
    _forget(session, at)
    row = _row(session, subject)
    if row is None:
        row = SignInAttemptRow(
            kind=subject.kind, subject_sha256=subject.sha256, failures=0, failed_at=at
        )
    elif row.waits_until is not None and at < row.waits_until:
        raise _wait(at, row.waits_until)
    row.failures, row.failed_at = row.failures + 1, at
    row.waits_until = _waits_until(row.failures, subject.kind, at)
    session.add(row)
    session.flush()


def forgive_attempt(session: Session, subject: Subject) -> None:
    """Take back what was counted for an attempt that was right.

    A name starts anew; a place only gets this attempt back, or one's own account would cover for
    guesses at others.
    """
    row = _row(session, subject)
    if row is None:
        return
    if subject.kind is Kind.ACCOUNT or row.failures <= 1:
        session.delete(row)
        return
    row.failures, row.waits_until = row.failures - 1, None
    session.add(row)


def _row(session: Session, subject: Subject) -> SignInAttemptRow | None:
    row = SignInAttemptRow
    one = select(row).where(
        col(row.kind) == subject.kind, col(row.subject_sha256) == subject.sha256
    )
    return session.scalars(one.with_for_update()).first()


def _forget(session: Session, at: dt.datetime) -> None:
    old = col(SignInAttemptRow.failed_at) < at - FORGOTTEN_AFTER
    session.execute(delete(SignInAttemptRow).where(old))


def _waits_until(failures: int, kind: Kind, at: dt.datetime) -> dt.datetime | None:
    over = failures - FREE_FAILURES[kind]
    if over < 0:
        return None
    wait: dt.timedelta = FIRST_WAIT * 2 ** min(over, MOST_DOUBLINGS)
    return at + min(wait, LONGEST_WAIT)


def _wait(at: dt.datetime, until: dt.datetime) -> TooManyAttempts:
    seconds = -(-(until - at) // dt.timedelta(seconds=1))
    return TooManyAttempts(
        "Signing in failed too often in a row.",
        hint=f"Wait {seconds} seconds, then try again.",
        wait_seconds=seconds,
    )


def home_of(address: str) -> str:
    """Return whose an address is: an IPv4 address itself, of an IPv6 one the network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004  # the Internet protocol's own number
        return address
    return str(ipaddress.ip_network((address, HOME_PREFIX_BITS), strict=False))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
