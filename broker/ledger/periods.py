"""Periods: the books are cut where a later sprint's round opens, and closed by finance.

Journals go into the latest period. A period that another followed can be closed, and is then kept
by the database as it is; what it got wrong is corrected in the period of the day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from broker.audit import Change, record
from broker.errors import NotFound, Refused
from broker.ledger.tables import PeriodRow
from broker.states import changes_one


def latest_period(session: Session) -> PeriodRow | None:
    """Return the period into which journals go, or None before the first."""
    return session.scalars(select(PeriodRow).order_by(col(PeriodRow.position).desc())).first()


def current_period(session: Session) -> PeriodRow:
    """Return the period into which journals go. Raises: Refused before the first."""
    period = latest_period(session)
    if period is None:
        raise Refused("The ledger has no period yet.", hint="The first round that opens begins it.")
    return period


def begin_period(session: Session, key: str, starts_on: dt.date, change: Change) -> bool:
    """Begin the period of a sprint, if it is later than the one at hand; say whether it was."""
    before = latest_period(session)
    if before is not None and starts_on <= before.starts_on:
        return False
    position = 1 if before is None else before.position + 1
    session.add(PeriodRow(key=key, position=position, starts_on=starts_on, begun_at=change.at))
    session.flush()
    record(session, change, "period.begun", f"period:{key}")
    return True


def close_period(session: Session, key: str, change: Change, **facts: Any) -> bool:
    """Close a period for good; return False if that was done. Facts go into its event.

    Raises: NotFound; Refused while it is the one into which journals go, and before an earlier one.
    """
    period = find_period(session, key)
    if period.closed_at is not None:
        return False
    check_closable(session, period)
    return _close(session, period, change, facts)


def find_period(session: Session, key: str) -> PeriodRow:
    """Return a period by its key. Raises: NotFound."""
    period = session.get(PeriodRow, key)
    if period is None:
        raise NotFound(f"There is no period {key[:64]}.", period_key=key)
    return period


def following_period(session: Session, period: PeriodRow) -> PeriodRow | None:
    """Return the period after another one, or None if journals go into that one still."""
    after = select(PeriodRow).where(col(PeriodRow.position) == period.position + 1)
    return session.scalars(after).first()


def check_closable(session: Session, period: PeriodRow) -> None:
    """Make sure that a period can be closed now.

    Raises: Refused while it is the one into which journals go, and before an earlier one.
    """
    if following_period(session, period) is None:
        raise Refused(
            f"Period {period.key} is the one into which credits move now.",
            hint="It can be closed when the next sprint's round has opened.",
            period_key=period.key,
        )
    earlier = select(PeriodRow).where(
        col(PeriodRow.position) < period.position, col(PeriodRow.closed_at).is_(None)
    )
    first = session.scalars(earlier.order_by(col(PeriodRow.position))).first()
    if first is not None:
        raise Refused(
            f"Period {period.key} waits for period {first.key}, which is not closed yet.",
            hint=f"Close {first.key} first.",
            period_key=period.key,
        )


def _close(session: Session, period: PeriodRow, change: Change, facts: Mapping[str, Any]) -> bool:
    still_open = (col(PeriodRow.key) == period.key, col(PeriodRow.closed_at).is_(None))
    closing = update(PeriodRow).where(*still_open)
    is_ours = changes_one(session, closing.values(closed_at=change.at, closed_by=change.actor))
    session.refresh(period)
    if is_ours:
        record(session, change, "period.closed", f"period:{period.key}", **facts)
    return is_ours
