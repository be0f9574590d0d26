"""What a change of a pool would do, before anybody saves it: to rounds and to existing awards.

A round that is not published offers what the calendar says, from the calendar's first day on. What
was awarded stays awarded; days on which it is more than there will be are told. Who may change a
pool and how is in changes.py.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import Tier
from broker.dashboards.sources import BID, PUBLISHED_RUN, ROUND, TEAM, all_holdings, days_after
from broker.experts.naming import hours_lost
from broker.experts.tables import ExpertRow
from broker.pools.calendars import NONE, Calendar, Cause, DayCapacity, Units, capacity_on
from broker.states import RoundState, RunState
from broker.tables import CapacityRow, CommitmentRow, RoundPoolRow, RoundRow, RunRow, TeamRow

UNDECIDED = (RoundState.SCHEDULED, RoundState.OPEN, RoundState.CLOSED)
KEEPS_WHAT_IS_HELD = frozenset({Cause.DRAIN, Cause.PAUSE})
"""What ends new awards and leaves earlier ones their units."""


@dataclass(frozen=True, slots=True)
class DayChange:
    """A day on which a round would offer something else, and why."""

    day: dt.date
    before: Units
    after: Units
    cause: Cause


@dataclass(frozen=True, slots=True)
class RoundEffect:
    """What a change does to a round that is not published.

    `is_solving`: a run is under way, and would end stale.
    """

    round_id: str
    round_key: str
    name: str
    state: RoundState
    is_solving: bool
    days: tuple[DayChange, ...]


@dataclass(frozen=True, slots=True)
class AwardAtRisk:
    """Units that an award holds on days on which there would be fewer than are awarded."""

    bid_id: str
    title: str
    team: str
    round_key: str
    tier: str
    units: int
    first_day: dt.date
    last_day: dt.date


@dataclass(frozen=True, slots=True)
class ShortDay:
    """A day to come on which awards hold more than there would be."""

    day: dt.date
    held: Units
    units: Units


@dataclass(frozen=True, slots=True)
class LostHours:
    """Hours that somebody is asked for and could not give any more; others would be asked."""

    expert: str
    team: str
    day: dt.date
    hours: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does; findings keep it from being saved.

    Shape: rounds that take part, even where none of their days changes.
    """

    rounds: tuple[RoundEffect, ...]
    short_days: tuple[ShortDay, ...]
    awards: tuple[AwardAtRisk, ...]
    findings: tuple[str, ...]
    lost_hours: tuple[LostHours, ...] = ()

    @property
    def needs_second_person(self) -> bool:
        """Whether a round that offers the pool is between its close and its publication."""
        return any(one.state is RoundState.CLOSED for one in self.rounds)


def effect_on(session: Session, pool_id: str, calendar: Calendar, today: dt.date) -> Effect:
    """Return what a calendar would change if it came into force now."""
    rounds = undecided_rounds(session, pool_id)
    stored = _units_by_round(session, pool_id, rounds, CapacityRow)
    held = _units_by_round(session, pool_id, rounds, CommitmentRow)
    solving = _solving(session, rounds)
    effects: list[RoundEffect] = []
    findings: list[str] = []
    for row in rounds:
        days = tuple(_days_of(calendar, row))
        findings += _findings(row, days, held[row.id])
        changes = tuple(_changes(days, stored[row.id], held[row.id]))
        state = RoundState(row.state)
        effects.append(RoundEffect(row.id, row.key, row.name, state, row.id in solving, changes))
    short, awards = _shortfall(session, pool_id, calendar, today)
    lost = tuple(_lost_hours(session, pool_id, calendar, today))
    return Effect(tuple(effects), short, awards, tuple(findings), lost)


def _lost_hours(
    session: Session, pool_id: str, calendar: Calendar, today: dt.date
) -> Iterator[LostHours]:
    for row in hours_lost(session, pool_id, calendar, today):
        expert = session.get_one(ExpertRow, row.expert_id)
        team = session.get_one(TeamRow, row.team_id)
        yield LostHours(expert.name, team.name, row.day, row.hours)


def undecided_rounds(session: Session, pool_id: str) -> list[RoundRow]:
    """Return the rounds that offer a pool and are not published, by key."""
    offered = (
        select(RoundRow)
        .join(RoundPoolRow, col(RoundPoolRow.round_id) == col(RoundRow.id))
        .where(col(RoundPoolRow.pool_id) == pool_id, col(RoundRow.state).in_(UNDECIDED))
        .order_by(col(RoundRow.key))
    )
    return list(session.scalars(offered, execution_options={"populate_existing": True}))


def _days_of(calendar: Calendar, row: RoundRow) -> Iterator[DayCapacity]:
    """Return what the calendar says of a round's days; it is silent before its first day."""
    days = (row.starts_on + dt.timedelta(days=n) for n in range(row.days))
    for one in capacity_on(calendar, days):
        if one.cause is not Cause.BEFORE_FIRST_DAY:
            yield one


def _offered(one: DayCapacity, held: Units) -> Units:
    """Return the gross units that a round offers: what earlier awards hold stays in them."""
    return held if one.cause in KEEPS_WHAT_IS_HELD else one.units


def _changes(
    days: Iterable[DayCapacity], stored: Mapping[dt.date, Units], held: Mapping[dt.date, Units]
) -> Iterator[DayChange]:
    for one in days:
        before, after = stored.get(one.day, NONE), _offered(one, held.get(one.day, NONE))
        if before != after:
            yield DayChange(one.day, before, after, one.cause)


def _findings(
    row: RoundRow, days: Iterable[DayCapacity], held: Mapping[dt.date, Units]
) -> Iterator[str]:
    """Refuse a round less than earlier awards still hold in it: it could not be run."""
    for one in days:
        promised = held.get(one.day, NONE)
        if _is_short(promised, _offered(one, promised)):
            yield (
                f"calendar: earlier awards hold {promised.reserved_units} reserved and "
                f"{promised.spot_units} spot units on {one.day} in round {row.key}, more than the "
                f"{one.units.reserved_units} and {one.units.spot_units} that it would offer; leave "
                "at least those."
            )


def _is_short(held: Units, units: Units) -> bool:
    """Say whether a day has fewer units than are held; spot may use what is not reserved."""
    return held.reserved_units > units.reserved_units or sum(held) > sum(units)


def _units_by_round(
    session: Session,
    pool_id: str,
    rounds: Iterable[RoundRow],
    table: type[CapacityRow | CommitmentRow],
) -> dict[str, dict[dt.date, Units]]:
    columns = (
        col(table.round_id),
        col(table.day),
        col(table.reserved_units),
        col(table.spot_units),
    )
    stored = select(*columns).where(
        col(table.pool_id) == pool_id, col(table.round_id).in_([row.id for row in rounds])
    )
    found: dict[str, dict[dt.date, Units]] = defaultdict(dict)
    for round_id, day, reserved, spot in session.execute(stored):
        found[round_id][day] = Units(reserved, spot)
    return found


def _solving(session: Session, rounds: Iterable[RoundRow]) -> set[str]:
    under_way = select(col(RunRow.round_id)).where(
        col(RunRow.round_id).in_([row.id for row in rounds]),
        col(RunRow.state) == RunState.SOLVING,
    )
    return set(session.scalars(under_way))


def _shortfall(
    session: Session, pool_id: str, calendar: Calendar, today: dt.date
) -> tuple[tuple[ShortDay, ...], tuple[AwardAtRisk, ...]]:
    """Return the days to come that are promised to more than there would be, and to whom."""
    awards = _awarded(session, pool_id, today)
    held = _held_per_day(awards, today)
    short = tuple(
        ShortDay(one.day, held[one.day], one.units)
        for one in capacity_on(calendar, sorted(held))
        if one.cause not in KEEPS_WHAT_IS_HELD | {Cause.BEFORE_FIRST_DAY}
        and _is_short(held[one.day], one.units)
    )
    return short, tuple(award for award in awards if _meets(award, short))


def _awarded(session: Session, pool_id: str, today: dt.date) -> tuple[AwardAtRisk, ...]:
    """Find awards of sprints that last, and only then those of a pool.

    The other way round, the time it takes would tell how many sealed bids ask for that pool.
    """
    lasting = all_holdings().join(ROUND, ROUND.c.id == PUBLISHED_RUN.c.round_id)
    lasting = lasting.where(days_after(ROUND.c.starts_on, ROUND.c.days) > today)
    held = lasting.cte("held").prefix_with("MATERIALIZED")
    columns = (held.c.bid_id, held.c.tier, held.c.units, held.c.first_day, held.c.last_day)
    rows = (
        select(*columns, BID.c.title, TEAM.c.name.label("team"), ROUND.c.key.label("round_key"))
        .select_from(held)
        .join(BID, BID.c.id == held.c.bid_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .where(held.c.pool_id == pool_id, held.c.last_day >= today)
        .order_by(held.c.first_day, BID.c.key, held.c.position)
    )
    return tuple(AwardAtRisk(**row) for row in session.execute(rows).mappings())


def _held_per_day(awards: Iterable[AwardAtRisk], today: dt.date) -> dict[dt.date, Units]:
    held: dict[dt.date, Units] = defaultdict(lambda: NONE)
    for award in awards:
        first = max(today, award.first_day)
        for n in range((award.last_day - first).days + 1):
            day = first + dt.timedelta(days=n)
            held[day] = _with(held[day], award)
    return dict(held)


def _with(held: Units, award: AwardAtRisk) -> Units:
    if award.tier == Tier.RESERVED:
        return Units(held.reserved_units + award.units, held.spot_units)
    return Units(held.reserved_units, held.spot_units + award.units)


def _meets(award: AwardAtRisk, short: Iterable[ShortDay]) -> bool:
    return any(award.first_day <= one.day <= award.last_day for one in short)
