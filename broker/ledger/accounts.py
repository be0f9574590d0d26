"""Balances as the database keeps them: of one kind, by team."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import Session, col

from broker.ledger.tables import AccountKind, AccountRow


def balances(session: Session, kind: AccountKind) -> Mapping[str, int]:
    """Return the credits on the accounts of a kind by team id, locked until the transaction ends.

    A team that never had credits is not among them.
    """
    accounts = (
        select(AccountRow)
        .where(col(AccountRow.kind) == kind, col(AccountRow.team_id).is_not(None))
        .order_by(col(AccountRow.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.team_id: row.balance_credits for row in session.scalars(accounts) if row.team_id}
