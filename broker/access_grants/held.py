"""What of an award is still held behind a grant: an award that is given up gives access up with it.

A grant is never rewritten. Until when it holds, and for how many seats, follows from the cuts of
its award, as everything that the award holds does.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, Integer, Table, case, func, literal, select

from broker.access_grants.tables import AccessGrantRow
from broker.dashboards.sources import days_after, total
from broker.holdings.tables import HoldingCutRow
from broker.tables import AwardRow

_TABLES = AccessGrantRow.metadata.tables
GRANT: Table = _TABLES[AccessGrantRow.__tablename__]
CUT: Table = _TABLES[HoldingCutRow.__tablename__]
AWARD: Table = _TABLES[AwardRow.__tablename__]


def until_on() -> ColumnElement[dt.date]:
    """Return the last day of a grant: that of its award, or the one before nothing of it is left.

    It is before the first day where all was given up before access began.
    """
    given_up = _given_up_on()
    return case(
        (given_up <= GRANT.c.until_on, days_after(given_up, literal(-1, Integer))),
        else_=GRANT.c.until_on,
    )


def seats_on(day: dt.date) -> ColumnElement[int]:
    """Return the seats that are left of a grant on a day, those of lots that are still held."""
    cut = CUT.alias("cut_until")
    gone = select(total(cut.c.lots)).where(cut.c.bid_id == GRANT.c.bid_id, cut.c.from_day <= day)
    lots = select(func.max(AWARD.c.lots)).where(
        AWARD.c.run_id == GRANT.c.run_id, AWARD.c.bid_id == GRANT.c.bid_id
    )
    per_lot = GRANT.c.seats // lots.correlate(GRANT).scalar_subquery()
    return GRANT.c.seats - per_lot * gone.correlate(GRANT).scalar_subquery()


def _given_up_on() -> ColumnElement[dt.date]:
    """Return the first day on which nothing of the award is held; None where there is none."""
    cut, earlier = CUT.alias("cut"), CUT.alias("earlier")
    so_far = (
        select(func.sum(earlier.c.lots))
        .where(
            earlier.c.run_id == cut.c.run_id,
            earlier.c.bid_id == cut.c.bid_id,
            earlier.c.from_day <= cut.c.from_day,
        )
        .correlate(cut)
        .scalar_subquery()
    )
    lots = (
        select(AWARD.c.lots)
        .where(AWARD.c.run_id == cut.c.run_id, AWARD.c.bid_id == cut.c.bid_id)
        .correlate(cut)
        .scalar_subquery()
    )
    return (
        select(func.min(cut.c.from_day))
        .where(cut.c.bid_id == GRANT.c.bid_id, so_far >= lots)
        .correlate(GRANT)
        .scalar_subquery()
    )
