"""Which terms every data pool had at a moment: those of the version that was in force then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import ColumnElement, select, true
from sqlmodel import Session, col

from broker.pools.data_terms import DataTerms
from broker.pools.definitions import DATA, definition_from
from broker.pools.tables import PoolVersionRow
from broker.tables import PoolRow

Terms = Mapping[str, DataTerms]
"""The terms of data pools, by the pool's key; a pool that nobody defined asks nothing."""


def terms_at(session: Session, at: dt.datetime) -> Terms:
    """Return the terms of every data pool at a moment."""
    return _terms(session, col(PoolVersionRow.decided_at) <= at)


def terms_now(session: Session) -> Terms:
    """Return the terms of every data pool by the newest version of each."""
    return _terms(session, true())


def _terms(session: Session, which: ColumnElement[bool]) -> Terms:
    row = PoolVersionRow
    decided = (
        select(col(PoolRow.key), col(row.document))
        .join(row, col(row.pool_id) == col(PoolRow.id))
        .where(col(PoolRow.kind) == DATA, col(row.state) == "in-force", which)
        .order_by(col(row.number))
    )
    newest: dict[str, str] = dict(session.execute(decided).all())
    found = {key: definition_from(document).data for key, document in newest.items()}
    return {key: terms for key, terms in found.items() if terms is not None}
