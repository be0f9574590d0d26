"""The close of a period: what was verified is fixed, packed and kept, and nothing changes any more.

Everything is checked first, outside of any transaction that writes; the close itself then is one
transaction: balances, the log's size and root, the exchange rate and the archive with its hash.
Corrections go into the period of the day.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from sqlalchemy import insert
from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.audit import ActorId, Change
from broker.books.balances import period_balances
from broker.books.packs import Closing, period_pack
from broker.books.rates import current_rate
from broker.books.tables import PeriodBalanceRow, PeriodCloseRow, PeriodPackRow
from broker.errors import NotFound, Refused
from broker.ledger.periods import (
    check_closable,
    close_period,
    find_period,
    following_period,
)
from broker.ledger.tables import PeriodRow


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """The log up to which everything was checked and found right."""

    size: int
    root: str


def close_books(
    session: Session, actor: Actor, key: str, verified: VerifiedLog, at: dt.datetime
) -> bool:
    """Close a period for good; return False if that was done.

    Raises: NotAllowed; NotFound; Refused while it cannot be closed, and without an exchange rate.
    """
    require(actor, Action.CLOSE_PERIOD)
    return fix_books(session, actor.id, key, verified, at)


def fix_books(
    session: Session, actor_id: ActorId, key: str, verified: VerifiedLog, at: dt.datetime
) -> bool:
    """Close a period in the name of somebody who was allowed to ask for it."""
    period = find_period(session, key)
    if period.closed_at is not None:
        return False
    closing = closing_of(session, period, verified, at)
    content = period_pack(session, period, closing)
    sha256 = hashlib.sha256(content).hexdigest()
    _keep(session, period, closing, content, sha256)
    facts = {
        "log_size": closing.log_size,
        "log_root": closing.log_root,
        "pack_sha256": sha256,
        "rate_number": closing.rate.number,
    }
    return close_period(session, key, Change(actor_id, at), **facts)


def closing_of(
    session: Session, period: PeriodRow, verified: VerifiedLog, at: dt.datetime
) -> Closing:
    """Return what a close of a period fixes now.

    Raises: Refused while it cannot be closed, and without an exchange rate.
    """
    check_closable(session, period)
    rate, following = current_rate(session), following_period(session, period)
    if rate is None or following is None:
        raise Refused(
            "Nobody has said yet what a credit is worth in a national currency.",
            hint="`broker period rate` or the finance page sets an exchange rate.",
            period_key=period.key,
        )
    return Closing(verified.size, verified.root, rate, at, following)


def kept_pack(session: Session, actor: Actor, key: str) -> bytes:
    """Return the archive of a closed period, as it was written at the close.

    Raises: NotAllowed; NotFound; Refused if it is not what the close fixed.
    """
    require(actor, Action.READ_FINANCE)
    period = find_period(session, key)
    row, fixed = session.get(PeriodPackRow, key), session.get(PeriodCloseRow, key)
    if row is None or fixed is None:
        why = "is not closed yet" if period.closed_at is None else "was closed without a pack"
        hint = f"`broker period close {key}` closes it." if period.closed_at is None else ""
        raise NotFound(f"Period {key} {why}.", hint=hint, period_key=key)
    if hashlib.sha256(row.content).hexdigest() != fixed.pack_sha256:
        raise Refused(
            f"The pack of period {key} is not the one that its close fixed.",
            hint="`broker verify` says from which event on the log does not vouch for it.",
            period_key=key,
        )
    return row.content


def _keep(
    session: Session, period: PeriodRow, closing: Closing, content: bytes, sha256: str
) -> None:
    session.add(
        PeriodCloseRow(
            period_key=period.key,
            log_size=closing.log_size,
            log_root=closing.log_root,
            rate_number=closing.rate.number,
            pack_sha256=sha256,
            pack_bytes=len(content),
        )
    )
    session.flush()
    session.add(PeriodPackRow(period_key=period.key, content=content))
    balances = [
        {
            "period_key": period.key,
            "account_id": one.account_id,
            "opening_credits": one.opening_credits,
            "closing_credits": one.closing_credits,
        }
        for one in period_balances(session, period)
    ]
    if balances:
        session.execute(insert(PeriodBalanceRow), balances)
    session.flush()
