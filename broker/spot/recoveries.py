"""Recovery rounds: where capacity of a sprint is lost, who keeps what, by the rules of every round.

All that such a round decides about are awards that stand and hold units where there are too few.
Those of reserved units come first, so spot gives way before them; what is lost comes back in full,
with the rebate of the policy, and has the first place on the waitlist. The run machine solves,
judges and publishes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import DayUnits, PoolKey, Problem, RoundKey, Tier
from broker.access import service
from broker.audit import Change
from broker.holdings.contests import Standing, enter_contest, standing_awards
from broker.holdings.standing import standing_units
from broker.holdings.tables import CutCause
from broker.importing import content_sha256
from broker.nonces import draw_nonce, nonce_sha256
from broker.overrides.tables import OverrideRow
from broker.rounds import close_round, create_round, lock_round
from broker.rounds_by_hand import cancel_round
from broker.snapshots import capacity_now, frozen_problem
from broker.spot.losses import Place, losses_told, lost_units, meets, short_places, without
from broker.spot.offers import labels_of, team_names
from broker.spot.tables import DailyRoundRow, RecoveryRoundRow, is_of_a_sprint
from broker.states import RoundState, move_round
from broker.tables import RoundRow

TOO_LATE = "Its first day was over before it was decided."

Held = Mapping[tuple[str, dt.date, str], int]
"""Units by the key of a pool, day and tier."""


def open_recovery_round(session: Session, sprint_key: str, change: Change) -> str | None:
    """Close a round in which awards compete for what is left of a sprint; return its key.

    None if all that stands still fits, or another round during the sprint is not decided yet.

    Raises: NotFound.
    """
    sprint, today = lock_round(session, sprint_key), change.at.astimezone(dt.UTC).date()
    _cancel_late(session, sprint, today, change)
    if not _is_running(session, sprint) or is_undecided(session, sprint):
        return None
    short = short_now(session, sprint, today)
    if not short:
        return None
    first = min(day for _, day in short)
    awards = [one for one in standing_awards(session, sprint, first) if meets(one, short)]
    row = _announce(session, sprint, awards, first, change)
    enter_contest(session, row, awards, CutCause.CAPACITY_LOST)
    close_round(session, row.key, change)
    return row.key


def short_now(session: Session, sprint: RoundRow, today: dt.date) -> list[Place]:
    """Return where awards of a sprint hold more than is left, today and on days to come."""
    lost = lost_units(session, sprint)
    if not any(day >= today for _, day in lost):
        return []
    first = max(today, sprint.starts_on)
    problem = frozen_problem(session, sprint)
    held = standing_units(session, sprint, first)
    left = without(_net(problem), lost)
    return short_places((one for one in left if one.day >= first), held)


def overheld(session: Session, sprint: RoundRow) -> list[Place]:
    """Return where awards hold more than a sprint has now, and no recovery round is due for it.

    A loss is a shortfall on record until a recovery round that was closed after it is published;
    so is what an override gave out anew since.
    """
    problem = replace(frozen_problem(session, sprint), capacity=capacity_now(session, sprint))
    held = standing_units(session, sprint, sprint.starts_on)
    there = tuple(_net(problem))
    settled = _settled_places(session, sprint)
    left = without(there, lost_units(session, sprint))
    short_of_all = set(short_places(there, held))
    return [one for one in short_places(left, held) if one in short_of_all or one in settled]


def _settled_places(session: Session, sprint: RoundRow) -> set[Place]:
    """Return where units are lost, and a recovery round decided after the last of it was told."""
    told = losses_told(session, sprint)
    decided = (
        select(col(RoundRow.starts_on), col(RoundRow.closed_at))
        .join(RecoveryRoundRow, col(RecoveryRoundRow.round_id) == col(RoundRow.id))
        .where(
            col(RecoveryRoundRow.sprint_round_id) == sprint.id,
            col(RoundRow.published_at).is_not(None),
        )
    )
    rounds = session.execute(decided).all()
    overridden = select(func.max(col(OverrideRow.decided_at)))
    overridden_at = session.scalar(overridden.where(col(OverrideRow.round_id) == sprint.id))
    since = overridden_at or sprint.published_at
    return {
        (pool, day)
        for (pool, day), told_at in told.items()
        if any(
            first <= day and closed_at >= told_at and (since is None or closed_at >= since)
            for first, closed_at in rounds
        )
    }


def _net(problem: Problem) -> Iterator[DayUnits]:
    """Return what a round had to hand out: its units less those of earlier sprints' awards."""
    held = {(one.pool_key, one.day): one for one in problem.commitments}
    for one in problem.capacity:
        before = held.get((one.pool_key, one.day))
        reserved = before.reserved_units if before else 0
        spot = before.spot_units if before else 0
        every = one.reserved_units + one.spot_units - reserved - spot
        net = min(one.reserved_units - reserved, every)
        yield DayUnits(one.pool_key, one.day, net, every - net)


def is_undecided(session: Session, sprint: RoundRow) -> bool:
    """Say whether a round during a sprint is closed and not decided yet."""
    during = (
        select(col(table.round_id)).where(col(table.sprint_round_id) == sprint.id)
        for table in (DailyRoundRow, RecoveryRoundRow)
    )
    daily, recovery = during
    waiting = select(col(RoundRow.id)).where(
        col(RoundRow.state) == RoundState.CLOSED,
        col(RoundRow.id).in_(daily) | col(RoundRow.id).in_(recovery),
    )
    return session.scalars(waiting.limit(1)).first() is not None


def _is_running(session: Session, sprint: RoundRow) -> bool:
    is_sprint = select(col(RoundRow.id)).where(col(RoundRow.id) == sprint.id, is_of_a_sprint())
    return sprint.state == RoundState.PUBLISHED and session.scalars(is_sprint).first() is not None


def _cancel_late(session: Session, sprint: RoundRow, today: dt.date, change: Change) -> None:
    late = (
        select(col(RoundRow.key))
        .join(RecoveryRoundRow, col(RecoveryRoundRow.round_id) == col(RoundRow.id))
        .where(
            col(RecoveryRoundRow.sprint_round_id) == sprint.id,
            col(RoundRow.state) == RoundState.CLOSED,
            col(RoundRow.starts_on) < today,
        )
    )
    for key in session.scalars(late).all():
        cancel_round(session, service(change.actor), key, TOO_LATE, change.at)


def _announce(
    session: Session,
    sprint: RoundRow,
    awards: Iterable[Standing],
    first: dt.date,
    change: Change,
) -> RoundRow:
    """Announce and open a round of what is left from a day on."""
    numbers = select(func.max(col(RecoveryRoundRow.number)))
    last = session.scalar(numbers.where(col(RecoveryRoundRow.sprint_round_id) == sprint.id)) or 0
    asked = _problem(session, sprint, awards, first, last + 1)
    problem = replace(asked, nonce=draw_nonce())
    offer = RoundFolder(
        problem=problem,
        name=f"{sprint.name}, what is left from {first:%-d %B} on",
        pools=labels_of(session, sprint),
        teams=team_names(session, problem.teams),
        titles={},
    )
    row = create_round(session, offer, change, imported_sha256=content_sha256(offer))
    session.add(RecoveryRoundRow(round_id=row.id, sprint_round_id=sprint.id, number=last + 1))
    session.flush()
    facts = {"nonce_sha256": nonce_sha256(row.nonce)}
    move_round(session, row, RoundState.OPEN, change, facts=facts, opens_at=change.at)
    return row


def _problem(
    session: Session, sprint: RoundRow, awards: Iterable[Standing], first: dt.date, number: int
) -> Problem:
    """Return what is left, with all that does not compete as commitments."""
    whole = frozen_problem(session, sprint)
    held = standing_units(session, sprint, first)
    for one in awards:
        held.subtract(one.rest.units_from(first))
    left = [one for one in without(_net(whole), lost_units(session, sprint)) if one.day >= first]
    return Problem(
        round_key=RoundKey(f"{sprint.key}-recovery-{number}"),
        starts_on=first,
        days=(whole.ends_on - first).days + 1,
        pools=whole.pools,
        capacity=tuple(left),
        teams=whole.teams,
        commitments=tuple(_still_held(left, held)),
    )


def _still_held(left: Iterable[DayUnits], held: Held) -> Iterator[DayUnits]:
    for one in left:
        reserved, spot = (max(0, held.get((one.pool_key, one.day, tier), 0)) for tier in Tier)
        if reserved or spot:
            yield DayUnits(PoolKey(one.pool_key), one.day, reserved, spot)
