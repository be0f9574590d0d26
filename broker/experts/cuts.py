"""What becomes of experts' hours when their team gives a part of its award back.

From the day of the cut on, only the hours of the lots that are left are asked for: those to be
named go first, then those that nobody has confirmed. Whoever is asked for less is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from broker.audit import Change
from broker.experts.naming import Place, Wanted, free_hours, name_wanted, place_of
from broker.experts.tables import ExpertHoursRow
from broker.holdings.awards import HeldAward
from broker.holdings.tables import HoldingCutRow
from broker.states import LIVE_HOURS, HoursState

LEAST_CERTAIN_FIRST = (HoursState.TO_BE_NAMED, HoursState.ASKED, HoursState.CONFIRMED)
"""In which order hours are given back."""


def fit_hours(
    session: Session, award: HeldAward, cuts: Sequence[HoldingCutRow], change: Change
) -> None:
    """Ask no more for hours that an award does not hold any more."""
    units = {item.position: item.units_per_lot for item in award.items}
    for pool_id, places in _live(session, award).items():
        gone: list[ExpertHoursRow] = []
        wanted: list[Wanted] = []
        for place, rows in places.items():
            cut = sum(one.lots for one in cuts if one.from_day <= place.day)
            hours = units[place.position] * max(0, award.row.lots - cut)
            dropped = _dropped(rows, hours)
            rest = hours - sum(row.hours for row in rows if row not in dropped)
            gone += dropped
            if dropped and rest:
                wanted.append(Wanted(place, rows[0].run_id, rows[0].team_id, rest))
        free_hours(session, gone, change)
        if wanted:
            name_wanted(session, pool_id, wanted, change)


def _live(session: Session, award: HeldAward) -> Mapping[str, Mapping[Place, list[ExpertHoursRow]]]:
    rows = select(ExpertHoursRow).where(
        col(ExpertHoursRow.bid_id) == award.row.bid_id,
        col(ExpertHoursRow.state).in_(LIVE_HOURS),
    )
    found: dict[str, dict[Place, list[ExpertHoursRow]]] = defaultdict(dict)
    ordered = rows.order_by(col(ExpertHoursRow.day), col(ExpertHoursRow.id))
    for row in session.scalars(ordered, execution_options={"populate_existing": True}):
        found[row.pool_id].setdefault(place_of(row), []).append(row)
    return found


def _dropped(rows: Iterable[ExpertHoursRow], hours: int) -> list[ExpertHoursRow]:
    """Return which rows go so that no more hours are left than are held."""
    ordered = sorted(
        rows, key=lambda row: (LEAST_CERTAIN_FIRST.index(HoursState(row.state)), row.id)
    )
    left, dropped = sum(row.hours for row in ordered), []
    for row in ordered:
        if left > hours:
            dropped.append(row)
            left -= row.hours
    return dropped
