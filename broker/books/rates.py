"""What a credit is worth in a national currency: finance sets it, every rate stays in the history.

A closed period keeps the rate that was in force at its close.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.books.tables import ExchangeRateRow
from broker.errors import InvalidInput
from broker.texts import LARGEST_NUMBER, findings_in_number, findings_in_text

MICROS = 10**6
"""How many parts of a unit of currency a rate counts in."""
_CURRENCY = re.compile(r"[A-Z]{3}")
NO_CURRENCY = frozenset({"XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XSU", "XUA"})
"""Codes of ISO 4217 that are no nation's currency."""


@dataclass(frozen=True, slots=True)
class RateWish:
    """A rate as somebody entered it. Units: millionths of a unit of currency per credit."""

    currency: str
    micros_per_credit: int
    reason: str


def set_rate(session: Session, actor: Actor, wish: RateWish, at: dt.datetime) -> int:
    """Let a rate hold from now on, and return its number. Raises: NotAllowed; InvalidInput."""
    require(actor, Action.SET_EXCHANGE_RATE)
    findings = list(_findings(wish))
    if findings:
        raise InvalidInput("exchange rate", findings)
    before = current_rate(session)
    number = before.number + 1 if before else 1
    row = ExchangeRateRow(
        number=number,
        currency=wish.currency,
        micros_per_credit=wish.micros_per_credit,
        reason=wish.reason.strip(),
        set_by=actor.id,
        set_at=at,
    )
    session.add(row)
    session.flush()
    facts = {"currency": row.currency, "micros_per_credit": row.micros_per_credit}
    record(session, Change(actor.id, at), "exchange-rate.set", f"exchange-rate:{number}", **facts)
    return number


def current_rate(session: Session) -> ExchangeRateRow | None:
    """Return the rate in force, or None before the first."""
    return session.scalars(
        select(ExchangeRateRow).order_by(col(ExchangeRateRow.number).desc())
    ).first()


def read_rate(text: str) -> int:
    """Read a rate such as `0.85` exactly. Raises: ValueError if it is none with six decimals."""
    found = re.fullmatch(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?", text.strip())
    if found is None:
        raise ValueError(text)
    return int(found[1]) * MICROS + int((found[2] or "").ljust(6, "0"))


def _findings(wish: RateWish) -> Iterator[str]:
    if not _CURRENCY.fullmatch(wish.currency) or wish.currency in NO_CURRENCY:
        yield f"currency: {wish.currency[:10]!r} is no national currency; write it as EUR."
    yield from findings_in_number("rate", wish.micros_per_credit, 1, LARGEST_NUMBER)
    if not wish.reason.strip():
        yield "reason: say why, for auditors to read."
    yield from findings_in_text("reason", wish.reason)
