"""Screen 10, pools and their calendars: what whoever keeps a pool true sees and may do.

What a change does is told by broker/pools/effects.py; this module only reads.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, may, require
from broker.dashboards.departures import departures
from broker.experts.tables import ExpertRow
from broker.people.standing import POOL_OWNER
from broker.people.tables import FIRST_ADMIN, PersonRow, RoleGrantRow
from broker.pools.calendars import NONE, WEEKDAYS, Calendar, DayCapacity, Units, capacity_on
from broker.pools.changes import IN_FORCE, PROPOSED, find_pool, versions_of
from broker.pools.data_terms import DataTerms
from broker.pools.definitions import DATA, DEFINED_KINDS, EXPERT, PoolDefinition, definition_from
from broker.pools.rosters import Roster
from broker.pools.tables import PoolVersionRow
from broker.sprints.offers import week_offered
from broker.tables import PoolRow, RoundPoolRow, RoundRow

WEEKS = 6
"""How many weeks of a calendar a page shows at once."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who answers for a pool, or is proposed to."""

    grant_id: str
    person_id: str
    name: str
    proposed_by_id: str
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class PoolBrief:
    """A pool in the list. `today` is None where it has no calendar of its own."""

    key: str
    name: str
    kind: str
    unit: str
    owners: tuple[str, ...]
    version: int
    today: DayCapacity | None
    drains_from: dt.date | None
    is_waiting: bool
    departures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PoolList:
    """The pools that somebody may change, and who could own a new one or look after its data.

    Shape: `people` are names by key, `stewards` names by id.
    """

    pools: tuple[PoolBrief, ...]
    people: Mapping[str, str]
    stewards: Mapping[str, str]
    may_define: bool


@dataclass(frozen=True, slots=True)
class VersionBrief:
    """One version of a pool, with the names of who proposed and who decided it."""

    id: str
    number: int
    state: str
    reason: str
    proposed_by: str
    proposed_by_id: str
    proposed_at: dt.datetime
    decided_by: str
    decided_at: dt.datetime | None
    definition: PoolDefinition


@dataclass(frozen=True, slots=True)
class Weeks:
    """Whole weeks of a calendar. Shape: seven days a week, Monday first."""

    weeks: tuple[tuple[DayCapacity, ...], ...]
    earlier: dt.date
    later: dt.date


@dataclass(frozen=True, slots=True)
class PoolDesk:
    """One pool as those see it who keep it true.

    `definition` is the one in force, else what its latest round offered, to start from; `version`
    is then 0. `weeks` is None without a definition in force. `departures` say who has left.

    Shape: `people` are names by key, `stewards` names by id, `names` those of a roster's persons by
    their keys.
    """

    key: str
    name: str
    kind: str
    unit: str
    classification: str
    description: str
    is_definable: bool
    owners: tuple[Owner, ...]
    version: int
    definition: PoolDefinition
    weeks: Weeks | None
    waiting: VersionBrief | None
    history: tuple[VersionBrief, ...]
    people: Mapping[str, str]
    stewards: Mapping[str, str]
    names: Mapping[str, str]
    departures: tuple[str, ...]
    may_hand_over: bool

    @property
    def steward(self) -> str:
        """The name of whoever looks after the data, and nothing where that is nobody here."""
        data = self.definition.data
        return self.stewards.get(data.steward_id, "") if data else ""


def pool_list(session: Session, actor: Actor, today: dt.date) -> PoolList:
    """Return the pools that somebody may change. Raises: NotAllowed, SignInNeeded."""
    require(actor, Action.READ_CALENDARS)
    pools = session.scalars(select(PoolRow).order_by(col(PoolRow.name), col(PoolRow.key))).all()
    own = [row for row in pools if may(actor, Action.CHANGE_CAPACITY, pool_id=row.id)]
    owners, versions = _owners(session), _latest_versions(session)
    may_define, gone = may(actor, Action.DEFINE_POOL), departures(session)
    people, stewards = _people(session) if may_define else ({}, {})
    return PoolList(
        pools=tuple(
            _brief(row, owners[row.id], versions[row.id], gone.get(row.id, ()), today)
            for row in own
        ),
        people=people,
        stewards=stewards,
        may_define=may_define,
    )


def pool_desk(
    session: Session, actor: Actor, key: str, today: dt.date, first: dt.date | None = None
) -> PoolDesk:
    """Return one pool with its calendar from a day on, else from today.

    Raises: NotFound; NotAllowed; SignInNeeded.
    """
    require(actor, Action.READ_CALENDARS)
    pool = find_pool(session, key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    people, stewards = _people(session)
    history = _history(session, pool)
    in_force = next((one for one in history if one.state == IN_FORCE), None)
    definition = in_force.definition if in_force else _as_offered(session, pool, today)
    return PoolDesk(
        key=pool.key,
        name=pool.name,
        kind=pool.kind,
        unit=pool.unit,
        classification=pool.classification,
        description=pool.description,
        is_definable=pool.kind in DEFINED_KINDS,
        owners=_owners(session, pool.id)[pool.id],
        version=in_force.number if in_force else 0,
        definition=definition,
        weeks=weeks_of(definition.calendar, first or today) if in_force else None,
        waiting=next((one for one in history if one.state == PROPOSED), None),
        history=history,
        people=people,
        stewards=stewards,
        names=_names(session, definition.calendar),
        departures=departures(session, pool.id).get(pool.id, ()),
        may_hand_over=may(actor, Action.GRANT_ROLE),
    )


def weeks_of(calendar: Calendar, first: dt.date) -> Weeks:
    """Return some weeks of a calendar, from the week of a day on."""
    span = dt.timedelta(weeks=WEEKS)
    latest = dt.date.max - 2 * span
    monday = min(max(first, dt.date.min + 2 * span), latest)
    monday -= dt.timedelta(days=monday.weekday())
    days = capacity_on(calendar, (monday + dt.timedelta(days=n) for n in range(7 * WEEKS)))
    weeks = tuple(days[n : n + 7] for n in range(0, len(days), 7))
    return Weeks(weeks, monday - span, monday + span)


def _brief(
    row: PoolRow,
    owners: Iterable[Owner],
    versions: Mapping[str, PoolVersionRow],
    gone: tuple[str, ...],
    today: dt.date,
) -> PoolBrief:
    in_force = versions.get(IN_FORCE)
    calendar = definition_from(in_force.document).calendar if in_force else None
    return PoolBrief(
        key=row.key,
        name=row.name,
        kind=row.kind,
        unit=row.unit,
        owners=tuple(owner.name for owner in owners if owner.is_in_force),
        version=in_force.number if in_force else 0,
        today=capacity_on(calendar, [today])[0] if calendar else None,
        drains_from=calendar.drains_from if calendar else None,
        is_waiting=PROPOSED in versions,
        departures=gone,
    )


def _owners(session: Session, pool_id: str | None = None) -> dict[str, tuple[Owner, ...]]:
    """Return who owns each pool, and who is proposed to."""
    grant = RoleGrantRow
    rows = (
        select(RoleGrantRow, PersonRow)
        .join(PersonRow, col(PersonRow.id) == col(grant.person_id))
        .where(col(grant.role) == POOL_OWNER, col(grant.ended_at).is_(None))
        .order_by(col(grant.proposed_at), col(grant.id))
    )
    if pool_id is not None:
        rows = rows.where(col(grant.pool_id) == pool_id)
    found: dict[str, tuple[Owner, ...]] = defaultdict(tuple)
    for row, person in session.execute(rows):
        counts = row.approved_at is not None or row.basis == FIRST_ADMIN
        owner = Owner(row.id, person.id, person.name, row.proposed_by, counts)
        found[row.pool_id] = (*found[row.pool_id], owner)
    return found


def _latest_versions(session: Session) -> dict[str, dict[str, PoolVersionRow]]:
    """Return, by pool, the newest version of each state."""
    row = PoolVersionRow
    live = (
        select(row)
        .where(col(row.state).in_([IN_FORCE, PROPOSED]))
        .order_by(col(row.pool_id), col(row.number))
    )
    found: dict[str, dict[str, PoolVersionRow]] = defaultdict(dict)
    for one in session.scalars(live):
        found[one.pool_id][one.state] = one
    return found


def _history(session: Session, pool: PoolRow) -> tuple[VersionBrief, ...]:
    rows = versions_of(session, pool.id)
    ids = {actor for row in rows for actor in (row.proposed_by, row.decided_by) if actor}
    named = select(col(PersonRow.id), col(PersonRow.name)).where(col(PersonRow.id).in_(ids))
    names: dict[str, str] = dict(session.execute(named).all()) if ids else {}
    return tuple(
        VersionBrief(
            id=row.id,
            number=row.number,
            state=row.state,
            reason=row.reason,
            proposed_by=names.get(row.proposed_by, row.proposed_by),
            proposed_by_id=row.proposed_by,
            proposed_at=row.proposed_at,
            decided_by=names.get(row.decided_by or "", row.decided_by or ""),
            decided_at=row.decided_at,
            definition=definition_from(row.document),
        )
        for row in rows
    )


def _names(session: Session, calendar: Calendar) -> dict[str, str]:
    """Return what the persons of a roster are called."""
    keys = [one.key for one in calendar.roster.persons] if calendar.roster else []
    named = select(col(ExpertRow.key), col(ExpertRow.name)).where(col(ExpertRow.key).in_(keys))
    return dict(session.execute(named).all()) if keys else {}


def active_people(session: Session) -> Mapping[str, str]:
    """Return the names of everybody who may look after data, by id."""
    return _people(session)[1]


def _calendar_as_offered(pool: PoolRow, today: dt.date, week: tuple[Units, ...]) -> Calendar:
    """Return a calendar to start from; that of experts begins without anybody."""
    if pool.kind == EXPERT:
        return Calendar(today, (NONE,) * len(WEEKDAYS), roster=Roster())
    return Calendar(today, week)


def _people(session: Session) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of everybody who may answer for a pool, by key and by id."""
    active = select(col(PersonRow.key), col(PersonRow.id), col(PersonRow.name))
    active = active.where(col(PersonRow.disabled_at).is_(None)).order_by(col(PersonRow.name))
    rows = session.execute(active).all()
    return {key: name for key, _, name in rows}, {id_: name for _, id_, name in rows}


def _as_offered(session: Session, pool: PoolRow, today: dt.date) -> PoolDefinition:
    """Return a definition to start from: what the latest round offered, weekday by weekday."""
    latest = session.execute(
        select(RoundRow, RoundPoolRow)
        .join(RoundPoolRow, col(RoundPoolRow.round_id) == col(RoundRow.id))
        .where(col(RoundPoolRow.pool_id) == pool.id)
        .order_by(col(RoundRow.starts_on).desc(), col(RoundRow.key))
        .limit(1)
    ).first()
    week = week_offered(session, pool.id, latest[0].id) if latest else (NONE,) * len(WEEKDAYS)
    return PoolDefinition(
        name=pool.name,
        unit=pool.unit,
        calendar=_calendar_as_offered(pool, today, week),
        reserve_price_credits=latest[1].reserve_price_credits if latest else 0,
        description=pool.description,
        classification=pool.classification,
        data=DataTerms() if pool.kind == DATA else None,
    )
