"""When experts are named: in the publication of their award, and again where that fell through.

The hours of every award on an expert pool that the market defined are given to its persons; what
nobody can give stands there as to be named. The pool is locked meanwhile, so that nobody is
promised twice. Who is chosen is decided in assigning.py.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import and_, insert, select
from sqlmodel import Session, col

from allocation.wire import sha256_of
from broker.audit import Change, record
from broker.experts.assigning import Need, Person, Share, assign
from broker.experts.enrolment import experts_of, own_teams
from broker.experts.tables import ExpertHoursRow, ExpertRow
from broker.notices.causes import (
    AskedHours,
    tell_hours_asked,
    tell_hours_freed,
    tell_hours_to_name,
)
from broker.pools.calendars import Calendar, Cause, capacity_on
from broker.pools.definitions import EXPERT
from broker.pools.rosters import Roster, RosterPerson
from broker.pools.rosters_in_force import roster_calendar
from broker.states import LIVE_HOURS, HoursState, move_hours
from broker.tables import AwardRow, BidRow, ItemRow, PoolRow, RoundPoolRow, RoundRow, RunRow

WORKS = frozenset({Cause.PATTERN, Cause.DRAIN, Cause.PAUSE})
"""Why a day is one on which persons work: a drain or a pause ends new awards, not their work."""


class Place(NamedTuple):
    """Hours of one day of an award: what has to be given, whoever gives it."""

    bid_id: str
    position: int
    day: dt.date


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hours to be given. `declined` are the experts who said no to just these."""

    place: Place
    run_id: str
    team_id: str
    hours: int
    declined: frozenset[str] = frozenset()


Given = tuple[Wanted, str | None, int]
"""Hours wanted, who gives them, and how many."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who could give hours, and how many of them."""

    expert_id: str
    key: str
    name: str
    hours: int
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pool:
    """An expert pool with everybody in it, as naming sees it."""

    row: PoolRow
    calendar: Calendar
    roster: Roster
    experts: Mapping[str, ExpertRow]
    barred: Mapping[str, frozenset[str]]
    live: Mapping[dt.date, Sequence[ExpertHoursRow]] = field(default_factory=dict)


def name_experts(session: Session, row: RoundRow, run: RunRow, change: Change) -> None:
    """Name who works for the awards of a run, as it is published; some hours may stay open."""
    wanted = _awarded(session, row, run)
    before = _given_before(session, row)
    kept = _kept(wanted, before)
    for place, rows in before.items():
        if place not in kept:
            free_hours(session, rows, change)
    for pool_id in sorted(wanted):
        fresh = [one for one in wanted[pool_id] if one.place not in kept]
        pool = _lock(session, pool_id) if fresh else None
        if pool is not None:
            _give(session, pool, fresh, change, f"run:{run.id}")


def name_others(
    session: Session, pool_id: str, rows: Sequence[ExpertHoursRow], change: Change
) -> None:
    """Give hours to others that somebody declined or cannot give any more; open ones stay open."""
    pool, refused = _lock(session, pool_id), _declined_in(session, pool_id)
    wanted = [
        Wanted(place_of(one), one.run_id, one.team_id, one.hours, frozenset(refused[place_of(one)]))
        for one in rows
    ]
    if pool is None:
        _store(session, [(one, None, one.hours) for one in wanted], pool_id, None, change)
    else:
        _give(session, pool, wanted, change, f"pool:{pool.row.key}")


def name_wanted(session: Session, pool_id: str, wanted: Sequence[Wanted], change: Change) -> None:
    """Give hours that were never given, or not to anybody who is left."""
    pool = _lock(session, pool_id)
    if pool is not None:
        _give(session, pool, wanted, change, f"pool:{pool.row.key}")


def free_hours(session: Session, rows: Sequence[ExpertHoursRow], change: Change) -> None:
    """Ask for hours no more, and tell whoever was asked."""
    _replace(session, rows, change)
    freed: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row.expert_id:
            freed[row.expert_id, row.pool_id] += row.hours
    for (expert_id, pool_id), hours in sorted(freed.items()):
        expert, pool = session.get_one(ExpertRow, expert_id), session.get_one(PoolRow, pool_id)
        if expert.person_id:
            asked = AskedHours(pool.id, pool.name, expert.person_id, hours)
            tell_hours_freed(session, asked, change.at)


def name_again(session: Session, pool_id: str, change: Change) -> None:
    """Look again at a pool whose roster changed: who cannot give hours any more is replaced.

    Hours that were open are offered to whoever can give them now.
    """
    pool = _lock(session, pool_id)
    if pool is None:
        return
    today = change.at.astimezone(dt.UTC).date()
    gone = _without_hours(pool, today)
    opened = [
        row
        for rows in pool.live.values()
        for row in rows
        if row.state == HoursState.TO_BE_NAMED and row.day >= today
    ]
    if gone or opened:
        free_hours(session, [*gone, *opened], change)
        name_others(session, pool_id, [*gone, *opened], change)


def hours_lost(
    session: Session, pool_id: str, calendar: Calendar, today: dt.date
) -> list[ExpertHoursRow]:
    """Return the hours to come that persons could not give any more under another calendar."""
    pool = _pool(session, pool_id, calendar)
    return [] if pool is None else _without_hours(pool, today)


def choices_for(
    session: Session, pool_id: str, ids: Sequence[str]
) -> Mapping[str, tuple[Choice, ...]]:
    """Return who of a pool could give hours that have nobody, by the key of the hours."""
    calendar = roster_calendar(session, pool_id)
    pool = None if calendar is None else _pool(session, pool_id, calendar)
    if pool is None:
        return {}
    refused = _declined_in(session, pool_id)
    rows = [row for some in pool.live.values() for row in some if row.id in set(ids)]
    return {row.id: tuple(_choices(pool, row, refused[place_of(row)])) for row in rows}


def _choices(pool: _Pool, row: ExpertHoursRow, refused: Collection[str]) -> Iterator[Choice]:
    """Yield who could give hours, whoever could give most first."""
    people = {one.id: one for one in _persons(pool, row.day, besides=row.id)}
    able = [
        Choice(expert.id, expert.key, expert.name, min(row.hours, people[id_].hours), one.skills)
        for id_, one in _by_expert(pool).items()
        if (expert := pool.experts[one.key])
        and id_ not in refused
        and people[id_].may_work_for(row.team_id)
        and (row.team_id in people[id_].teams or people[id_].new_teams)
    ]
    yield from sorted(able, key=lambda one: (-one.hours, one.name, one.key))


def give_by_hand(
    session: Session, pool_id: str, row: ExpertHoursRow, expert_id: str, change: Change
) -> int:
    """Ask somebody for hours whom the owner names; return how many, 0 if they cannot give any.

    What they cannot give stays open.
    """
    pool = _lock(session, pool_id)
    if pool is None:
        return 0
    refused = _declined_in(session, pool_id)[place_of(row)]
    able = {one.expert_id: one.hours for one in _choices(pool, row, refused)}
    hours = able.get(expert_id, 0)
    if not hours:
        return 0
    _replace(session, [row], change)
    wanted = Wanted(place_of(row), row.run_id, row.team_id, row.hours)
    shares: list[Given] = [(wanted, expert_id, hours)]
    if row.hours > hours:
        shares.append((wanted, None, row.hours - hours))
    _store(session, shares, pool_id, pool, change)
    _record(session, shares, change, f"pool:{pool.row.key}")
    _tell(session, pool, shares, change)
    return hours


# --- what is wanted ----------------------------------------------------------------------------


def _awarded(session: Session, row: RoundRow, run: RunRow) -> Mapping[str, list[Wanted]]:
    """Return what awards want of expert pools, day by day, by the pool's id."""
    offered = and_(
        col(RoundPoolRow.round_id) == row.id, col(RoundPoolRow.pool_id) == col(ItemRow.pool_id)
    )
    used = and_(
        col(ItemRow.bid_id) == col(AwardRow.bid_id),
        col(ItemRow.number) == col(AwardRow.alternative),
    )
    won = (
        select(AwardRow, ItemRow, col(BidRow.team_id))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(ItemRow, used)
        .join(RoundPoolRow, offered)
        .where(col(AwardRow.run_id) == run.id, col(RoundPoolRow.kind) == EXPERT)
        .order_by(col(BidRow.key), col(ItemRow.position))
    )
    found: dict[str, list[Wanted]] = defaultdict(list)
    for award, item, team_id in session.execute(won):
        for n in range(item.days):
            day = award.start + dt.timedelta(days=item.offset_days + n)
            place = Place(award.bid_id, item.position, day)
            hours = item.units_per_lot * award.lots
            found[item.pool_id].append(Wanted(place, run.id, team_id, hours))
    return found


def _given_before(session: Session, row: RoundRow) -> Mapping[Place, list[ExpertHoursRow]]:
    """Return what earlier revisions of a round named, or left to be named."""
    earlier = (
        select(ExpertHoursRow)
        .join(RunRow, col(RunRow.id) == col(ExpertHoursRow.run_id))
        .where(col(RunRow.round_id) == row.id, col(ExpertHoursRow.state).in_(LIVE_HOURS))
        .order_by(col(ExpertHoursRow.id))
    )
    found: dict[Place, list[ExpertHoursRow]] = defaultdict(list)
    for one in session.scalars(earlier):
        found[place_of(one)].append(one)
    return found


def _kept(
    wanted: Mapping[str, Iterable[Wanted]], before: Mapping[Place, Sequence[ExpertHoursRow]]
) -> set[Place]:
    """Return where a revision wants just what is given already."""
    hours = {(pool_id, one.place): one.hours for pool_id, some in wanted.items() for one in some}
    return {
        place
        for place, rows in before.items()
        if hours.get((rows[0].pool_id, place)) == sum(row.hours for row in rows)
    }


def _declined_in(session: Session, pool_id: str) -> Mapping[Place, set[str]]:
    """Return who said no to hours of a pool, by the day of the award."""
    row = ExpertHoursRow
    said = select(col(row.bid_id), col(row.position), col(row.day), col(row.expert_id)).where(
        col(row.pool_id) == pool_id, col(row.state) == HoursState.DECLINED
    )
    found: dict[Place, set[str]] = defaultdict(set)
    for bid_id, position, day, expert_id in session.execute(said):
        if expert_id:
            found[Place(bid_id, position, day)].add(expert_id)
    return found


def place_of(row: ExpertHoursRow) -> Place:
    """Return where hours belong: the day of an item of an award."""
    return Place(row.bid_id, row.position, row.day)


# --- who can give it ---------------------------------------------------------------------------


def _lock(session: Session, pool_id: str) -> _Pool | None:
    """Return a pool that nobody else names from; None if the market does not define it."""
    session.execute(select(PoolRow).where(col(PoolRow.id) == pool_id).with_for_update())
    calendar = roster_calendar(session, pool_id)
    return None if calendar is None else _pool(session, pool_id, calendar)


def _pool(session: Session, pool_id: str, calendar: Calendar) -> _Pool | None:
    if calendar.roster is None:
        return None
    experts = experts_of(session, calendar.roster)
    rows = select(ExpertHoursRow).where(
        col(ExpertHoursRow.pool_id) == pool_id, col(ExpertHoursRow.state).in_(LIVE_HOURS)
    )
    live: dict[dt.date, list[ExpertHoursRow]] = defaultdict(list)
    ordered = rows.order_by(col(ExpertHoursRow.day), col(ExpertHoursRow.id))
    for row in session.scalars(ordered, execution_options={"populate_existing": True}):
        live[row.day].append(row)
    return _Pool(
        session.get_one(PoolRow, pool_id),
        calendar,
        calendar.roster,
        experts,
        own_teams(session, calendar.roster, experts),
        live,
    )


def _persons(
    pool: _Pool, day: dt.date, *, besides: str = "", familiar: Mapping[str, set[str]] | None = None
) -> list[Person]:
    """Return everybody with what is left of their day."""
    given: dict[str, int] = defaultdict(int)
    teams: dict[str, set[str]] = defaultdict(set)
    for row in pool.live.get(day, ()):
        if row.expert_id and row.id != besides:
            given[row.expert_id] += row.hours
            teams[row.expert_id].add(row.team_id)
    known = familiar or {}
    return [
        Person(
            id=expert.id,
            hours=max(0, _hours(pool, person, day) - given[expert.id]),
            most_teams=person.most_teams,
            teams=frozenset(teams[expert.id]),
            barred=pool.barred[person.key],
            familiar=frozenset(known.get(expert.id, ())),
        )
        for person in pool.roster.persons
        if (expert := pool.experts.get(person.key)) is not None
    ]


def _hours(pool: _Pool, person: RosterPerson, day: dt.date) -> int:
    """Return the hours of somebody on a day, none where the whole pool is closed."""
    [of_day] = capacity_on(pool.calendar, [day])
    return person.hours_on(day) if of_day.cause in WORKS else 0


def _without_hours(pool: _Pool, today: dt.date) -> list[ExpertHoursRow]:
    """Return named hours to come that do not fit the roster: nobody keeps more than they have."""
    persons, found = _by_expert(pool), []
    for day, rows in sorted(pool.live.items()):
        left = {id_: _hours(pool, person, day) for id_, person in persons.items()}
        for row in (one for one in rows if one.expert_id and day >= today):
            id_ = row.expert_id or ""
            if left.get(id_, 0) < row.hours:
                found.append(row)
            else:
                left[id_] -= row.hours
    return found


# --- giving and storing ------------------------------------------------------------------------


def _give(
    session: Session, pool: _Pool, wanted: Sequence[Wanted], change: Change, subject: str
) -> None:
    """Give hours day by day, to whom they fit, and tell whoever should know."""
    familiar = _familiar(pool)
    given: list[Given] = []
    for day, some in groupby(sorted(wanted, key=lambda one: one.place.day), lambda w: w.place.day):
        by_key = {(*_key(one), str(n)): one for n, one in enumerate(some)}
        needs = [Need(key, one.team_id, one.hours, one.declined) for key, one in by_key.items()]
        shares = assign(needs, _persons(pool, day, familiar=familiar))
        given += [(by_key[share.need.key], share.person_id, share.hours) for share in shares]
        _remember(familiar, shares)
    _store(session, given, pool.row.id, pool, change)
    _record(session, given, change, subject)
    _tell(session, pool, given, change)


def _key(one: Wanted) -> tuple[str, ...]:
    return (one.place.bid_id, f"{one.place.position:09d}")


def _familiar(pool: _Pool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in (one for rows in pool.live.values() for one in rows):
        if row.expert_id:
            found[row.expert_id].add(row.team_id)
    return found


def _remember(familiar: dict[str, set[str]], shares: Iterable[Share]) -> None:
    for share in shares:
        if share.person_id:
            familiar[share.person_id].add(share.need.team_id)


def _store(
    session: Session,
    given: Iterable[Given],
    pool_id: str,
    pool: _Pool | None,
    change: Change,
) -> None:
    persons = {} if pool is None else _by_expert(pool)
    rows = []
    for wanted, expert_id, hours in given:
        person = persons.get(expert_id or "")
        rows.append(
            {
                "id": str(uuid4()),
                "run_id": wanted.run_id,
                **wanted.place._asdict(),
                "team_id": wanted.team_id,
                "pool_id": pool_id,
                "expert_id": expert_id,
                "hours": hours,
                "hours_of_day": person and pool and _hours(pool, person, wanted.place.day),
                "most_teams": person and person.most_teams,
                "state": HoursState.ASKED if expert_id else HoursState.TO_BE_NAMED,
                "written_at": change.at,
            }
        )
    if rows:
        session.execute(insert(ExpertHoursRow), rows)


def _by_expert(pool: _Pool) -> Mapping[str, RosterPerson]:
    """Return the persons of a roster by the ids of the experts that they are."""
    return {
        expert.id: person
        for person in pool.roster.persons
        if (expert := pool.experts.get(person.key)) is not None
    }


def _replace(session: Session, rows: Sequence[ExpertHoursRow], change: Change) -> None:
    """End hours that others are to be found for, or that nobody wants any more."""
    if rows:
        move_hours(session, rows, HoursState.REPLACED, change, f"bid:{rows[0].bid_id}")


def _record(session: Session, given: Sequence[Given], change: Change, subject: str) -> None:
    named = sum(hours for _, expert_id, hours in given if expert_id)
    listed = [[*map(str, wanted.place), expert_id, hours] for wanted, expert_id, hours in given]
    facts = {
        "hours_named": named,
        "hours_to_be_named": sum(hours for _, _, hours in given) - named,
        "hours_sha256": sha256_of(listed),
    }
    record(session, change, "experts.named", subject, **facts)


def _tell(session: Session, pool: _Pool, given: Sequence[Given], change: Change) -> None:
    by_person: dict[str, int] = defaultdict(int)
    for _, expert_id, hours in given:
        if expert_id:
            by_person[expert_id] += hours
    person_ids = {row.id: row.person_id for row in pool.experts.values()}
    for expert_id, hours in sorted(by_person.items()):
        person_id = person_ids[expert_id]
        if person_id:
            asked = AskedHours(pool.row.id, pool.row.name, person_id, hours)
            tell_hours_asked(session, asked, change.at)
    left = sum(hours for _, expert_id, hours in given if not expert_id)
    if left:
        tell_hours_to_name(session, pool.row.id, pool.row.key, left, change.at)
