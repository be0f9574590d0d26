"""What every account had when a period began and when it ended: the replay of its transfers.

Journals go into the latest period only, so a period that another followed gets no more of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.ledger.tables import AccountRow, JournalRow, PeriodRow, TransferRow


@dataclass(frozen=True, slots=True)
class PeriodBalance:
    """An account over a period. Units: credits; only the issue is below zero."""

    account_id: str
    kind: str
    team_id: str | None
    opening_credits: int
    closing_credits: int


def period_balances(session: Session, period: PeriodRow) -> tuple[PeriodBalance, ...]:
    """Return every account that had credits until the end of a period, in the order of ids."""
    opening = _sums(session, period.position - 1)
    closing = _sums(session, period.position)
    accounts = session.scalars(select(AccountRow).where(col(AccountRow.id).in_(list(closing))))
    known = {account.id: account for account in accounts}
    return tuple(
        PeriodBalance(key, known[key].kind, known[key].team_id, opening[key], closing[key])
        for key in sorted(closing)
    )


def _sums(session: Session, position: int) -> Counter[str]:
    """Return what the transfers of all periods up to a position make of every account."""
    found: Counter[str] = Counter()
    for sign, side in ((1, TransferRow.credit_account), (-1, TransferRow.debit_account)):
        sums = (
            select(col(side), func.sum(col(TransferRow.amount_credits)))
            .join(JournalRow, col(JournalRow.number) == col(TransferRow.journal_number))
            .join(PeriodRow, col(PeriodRow.key) == col(JournalRow.period_key))
            .where(col(PeriodRow.position) <= position)
            .group_by(col(side))
        )
        for account, amount in session.execute(sums):
            found[account] += sign * int(amount)
    return found
