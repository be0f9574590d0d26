"""The journal read back for people: one line for each transfer, in the words of the market."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from broker.ledger.tables import AccountRow, JournalRow, TransferRow
from broker.tables import BidRow, RoundRow, TeamRow


@dataclass(frozen=True, slots=True)
class Entry:
    """Credits that went from one account to another, with the journal that says why.

    A side is a kind of account; `team_key` is the team's, as no two teams meet in a transfer.
    `corrects` is the number of the journal that this one takes back.
    """

    journal: int
    posted_at: dt.datetime
    period_key: str
    kind: str
    idempotency_key: str
    actor: str
    approver: str | None
    reason: str
    round_key: str | None
    run_id: str | None
    bid_key: str | None
    team_key: str
    debit: str
    credit: str
    amount_credits: int
    corrects: int | None = None


def read_entries(session: Session, team_key: str | None = None) -> Iterator[Entry]:
    """Return the entries of all teams or of one, in the order in which they were posted."""
    for row in session.execute(_query(team_key)):
        yield Entry(*row)


def _query(team_key: str | None) -> Select[*tuple[Any, ...]]:
    payer, payee = aliased(AccountRow), aliased(AccountRow)
    query: Select[*tuple[Any, ...]] = (
        select(
            col(JournalRow.number),
            col(JournalRow.posted_at),
            col(JournalRow.period_key),
            col(JournalRow.kind),
            col(JournalRow.idempotency_key),
            col(JournalRow.actor),
            col(JournalRow.approver),
            col(JournalRow.reason),
            col(RoundRow.key),
            col(JournalRow.run_id),
            col(BidRow.key),
            col(TeamRow.key),
            col(payer.kind),
            col(payee.kind),
            col(TransferRow.amount_credits),
            col(JournalRow.corrects),
        )
        .select_from(TransferRow)
        .join(JournalRow, col(JournalRow.number) == col(TransferRow.journal_number))
        .join(payer, col(payer.id) == col(TransferRow.debit_account))
        .join(payee, col(payee.id) == col(TransferRow.credit_account))
        .join(
            TeamRow,
            or_(
                col(TeamRow.id) == col(payer.team_id),
                (col(payer.team_id).is_(None)) & (col(TeamRow.id) == col(payee.team_id)),
            ),
        )
        .outerjoin(RoundRow, col(RoundRow.id) == col(JournalRow.round_id))
        .outerjoin(BidRow, col(BidRow.id) == col(TransferRow.bid_id))
        .order_by(col(TransferRow.journal_number), col(TransferRow.id))
    )
    return query if team_key is None else query.where(col(TeamRow.key) == team_key)
