"""Capacity that breaks during a sprint: reported by whoever answers for the pool, told beforehand.

A loss takes units of a pool on some days. All units are then fewer, and so are those to reserve
where fewer are left than there were. What stands and does not fit any more is decided by a recovery
round: recoveries.py. The calendar of a pool, for rounds to come, stands in broker/pools.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import DayUnits, PoolKey, Tier
from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import InvalidInput
from broker.holdings.contests import Standing, standing_awards
from broker.pools.changes import find_pool
from broker.rounds import lock_round
from broker.snapshots import frozen_problem
from broker.spot.tables import CapacityLossRow, is_of_a_sprint
from broker.states import RoundState
from broker.tables import PoolRow, RoundPoolRow, RoundRow
from broker.texts import findings_in_number, findings_in_text

Place = tuple[str, dt.date]
"""The key of a pool, and a day."""
Lost = Counter[Place]
"""Units that are lost, by pool and day."""


class InvalidLoss(InvalidInput):
    """A report of lost capacity that cannot be true."""

    code = "invalid-loss"
    what = "loss"


@dataclass(frozen=True, slots=True)
class LossWish:
    """What somebody reports: so many units of a pool on some days, and why. Nothing is checked."""

    pool_key: str
    units: int
    first_day: dt.date
    last_day: dt.date
    reason: str


@dataclass(frozen=True, slots=True)
class LossDay:
    """A day of a loss: what there was, what is left, and what awards hold of it."""

    day: dt.date
    before: DayUnits
    left: DayUnits
    held: DayUnits

    @property
    def is_short(self) -> bool:
        """Say whether awards hold more than is left."""
        every = self.left.reserved_units + self.left.spot_units
        held = self.held.reserved_units + self.held.spot_units
        return self.held.reserved_units > self.left.reserved_units or held > every


@dataclass(frozen=True, slots=True)
class LossEffect:
    """What a loss would do: day by day, and which awards would compete for what is left."""

    sprint_key: str
    days: tuple[LossDay, ...]
    awards: tuple[Standing, ...]

    @property
    def is_short(self) -> bool:
        """Say whether a recovery round would follow."""
        return any(one.is_short for one in self.days)


@dataclass(frozen=True, slots=True)
class Reported:
    """A loss that is reported; `is_new` is False where the same report came again."""

    loss_id: str
    is_new: bool


def preview_loss(session: Session, actor: Actor, wish: LossWish, at: dt.datetime) -> LossEffect:
    """Say what a loss would do, and save nothing; it needs no reason yet.

    Raises: NotFound; SignInNeeded, NotAllowed; InvalidLoss with every finding.
    """
    pool = find_pool(session, wish.pool_key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    sprint = _checked(session, pool, wish, at)
    return _effect(session, sprint, wish)


def report_loss(session: Session, actor: Actor, wish: LossWish, at: dt.datetime) -> Reported:
    """Report that capacity is lost; the same report again, by the same person, is one loss.

    Awards that do not fit any more compete in a recovery round, which a tick makes.

    Raises: NotFound; SignInNeeded, NotAllowed; InvalidLoss with every finding.
    """
    pool = find_pool(session, wish.pool_key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    empty = [] if wish.reason.strip() else ["reason: is empty; say why the capacity is lost."]
    sprint = _checked(session, pool, wish, at, *findings_in_text("reason", wish.reason), *empty)
    lock_round(session, sprint.key)
    same = _same(session, pool, actor, wish)
    if same is not None:
        return Reported(same, is_new=False)
    row = CapacityLossRow(
        id=str(uuid4()),
        pool_id=pool.id,
        first_day=wish.first_day,
        last_day=wish.last_day,
        units=wish.units,
        reason=wish.reason.strip(),
        reported_by=actor.id,
        reported_at=at,
    )
    session.add(row)
    session.flush()
    days = {"first_day": str(row.first_day), "last_day": str(row.last_day)}
    record(
        session, Change(actor.id, at), "capacity.lost", f"pool:{pool.key}", units=row.units, **days
    )
    return Reported(row.id, is_new=True)


# --- what is left ------------------------------------------------------------------------------


def lost_units(session: Session, sprint: RoundRow) -> Lost:
    """Count the units that are lost on the days of a sprint."""
    lost: Lost = Counter()
    for key, row in _losses_of(session, sprint):
        for day in _days(row.first_day, row.last_day):
            lost[key, day] += row.units
    return lost


def losses_told(session: Session, sprint: RoundRow) -> dict[Place, dt.datetime]:
    """Return when the last loss of a pool on a day of a sprint was reported."""
    told: dict[Place, dt.datetime] = {}
    for key, row in _losses_of(session, sprint):
        for day in _days(row.first_day, row.last_day):
            told[key, day] = max(row.reported_at, told.get((key, day), row.reported_at))
    return told


def _losses_of(session: Session, sprint: RoundRow) -> Iterator[tuple[str, CapacityLossRow]]:
    """Return the losses on the days of a sprint, each with the key of its pool."""
    last = sprint.starts_on + dt.timedelta(days=sprint.days - 1)
    rows = session.execute(
        select(col(PoolRow.key), CapacityLossRow)
        .join(PoolRow, col(PoolRow.id) == col(CapacityLossRow.pool_id))
        .join(RoundPoolRow, col(RoundPoolRow.pool_id) == col(PoolRow.id))
        .where(
            col(RoundPoolRow.round_id) == sprint.id,
            col(CapacityLossRow.first_day) <= last,
            col(CapacityLossRow.last_day) >= sprint.starts_on,
        )
    )
    return ((key, row) for key, row in rows)


def without(capacity: Iterable[DayUnits], lost: Mapping[Place, int]) -> Iterator[DayUnits]:
    """Return what is left of units: T = R + S - L of all, and min(R, T) of those to reserve."""
    for one in capacity:
        gone = lost.get((one.pool_key, one.day), 0)
        every = max(0, one.reserved_units + one.spot_units - gone)
        reserved = min(one.reserved_units, every)
        yield DayUnits(one.pool_key, one.day, reserved, every - reserved)


def fitting(held: Iterable[DayUnits], capacity: Iterable[DayUnits]) -> Iterator[DayUnits]:
    """Return what is held as far as it fits: what earlier sprints hold cannot compete here."""
    there = {(one.pool_key, one.day): one for one in capacity}
    for one in held:
        units = there.get((one.pool_key, one.day), DayUnits(one.pool_key, one.day, 0, 0))
        reserved = min(one.reserved_units, units.reserved_units)
        every = units.reserved_units + units.spot_units
        yield DayUnits(one.pool_key, one.day, reserved, min(one.spot_units, every - reserved))


def short_places(
    left: Iterable[DayUnits], held: Mapping[tuple[str, dt.date, str], int]
) -> list[Place]:
    """Return where more is held than is left, by pool and day."""
    short = []
    for one in left:
        reserved = held.get((one.pool_key, one.day, Tier.RESERVED), 0)
        every = reserved + held.get((one.pool_key, one.day, Tier.SPOT), 0)
        if reserved > one.reserved_units or every > one.reserved_units + one.spot_units:
            short.append((one.pool_key, one.day))
    return sorted(short)


def meets(award: Standing, places: Iterable[Place]) -> bool:
    """Say whether an award holds units at one of some places."""
    first = min((day for _, day in places), default=dt.date.max)
    held = {(pool, day) for pool, day, _ in award.rest.units_from(first)}
    return not held.isdisjoint(places)


# --- what is reported --------------------------------------------------------------------------


def _checked(
    session: Session, pool: PoolRow, wish: LossWish, at: dt.datetime, *more: str
) -> RoundRow:
    """Return the running sprint that a loss is about. Raises: InvalidLoss."""
    today = at.astimezone(dt.UTC).date()
    findings = [*findings_in_number("units", wish.units, 1), *more]
    if wish.last_day < wish.first_day:
        findings.append("last_day: is before the first day; choose a later one.")
    if wish.first_day < today:
        findings.append(f"first_day: is past; choose {today} or a later day.")
    sprint = _sprint_of(session, pool, wish)
    if sprint is None:
        findings.append(
            "first_day: no sprint that is handed out offers the pool on all these days; for rounds "
            "to come, change the pool's calendar."
        )
    if findings or sprint is None:
        raise InvalidLoss(pool.key, findings)
    return sprint


def _sprint_of(session: Session, pool: PoolRow, wish: LossWish) -> RoundRow | None:
    offered = (
        select(RoundRow)
        .join(RoundPoolRow, col(RoundPoolRow.round_id) == col(RoundRow.id))
        .where(
            col(RoundPoolRow.pool_id) == pool.id,
            col(RoundRow.state) == RoundState.PUBLISHED,
            col(RoundRow.starts_on) <= wish.first_day,
            is_of_a_sprint(),
        )
        .order_by(col(RoundRow.starts_on).desc())
    )
    for row in session.scalars(offered):
        if wish.last_day < row.starts_on + dt.timedelta(days=row.days):
            return row
    return None


def _same(session: Session, pool: PoolRow, actor: Actor, wish: LossWish) -> str | None:
    told = select(col(CapacityLossRow.id)).where(
        col(CapacityLossRow.pool_id) == pool.id,
        col(CapacityLossRow.first_day) == wish.first_day,
        col(CapacityLossRow.last_day) == wish.last_day,
        col(CapacityLossRow.units) == wish.units,
        col(CapacityLossRow.reason) == wish.reason.strip(),
        col(CapacityLossRow.reported_by) == actor.id,
    )
    return session.scalars(told).first()


def _effect(session: Session, sprint: RoundRow, wish: LossWish) -> LossEffect:
    problem = frozen_problem(session, sprint)
    days = set(_days(wish.first_day, wish.last_day))
    here = [u for u in problem.capacity if u.pool_key == wish.pool_key and u.day in days]
    earlier = lost_units(session, sprint)
    before = list(without(here, earlier))
    lost = Counter({(wish.pool_key, day): wish.units for day in days})
    awards = standing_awards(session, sprint, wish.first_day)
    held: Counter[tuple[PoolKey, dt.date, Tier]] = Counter()
    for one in awards:
        held.update(one.rest.units_from(wish.first_day))
    told = tuple(
        LossDay(was.day, was, is_, _held_on(held, was))
        for was, is_ in zip(before, without(before, lost), strict=True)
    )
    short = [(wish.pool_key, one.day) for one in told if one.is_short]
    return LossEffect(sprint.key, told, tuple(one for one in awards if meets(one, short)))


def _held_on(held: Mapping[tuple[PoolKey, dt.date, Tier], int], one: DayUnits) -> DayUnits:
    reserved, spot = (held.get((one.pool_key, one.day, tier), 0) for tier in Tier)
    return DayUnits(one.pool_key, one.day, reserved, spot)


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    return (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
