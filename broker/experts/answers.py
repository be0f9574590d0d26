"""What experts say to hours that they are asked for: yes, or no; others are asked then.

Whoever has an account answers for themselves, also once more: who confirmed may still decline. For
experts without one the owner of the pool answers, or a platform admin.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.audit import Change
from broker.errors import InvalidAnswer, Refused
from broker.experts.naming import give_by_hand, name_others
from broker.experts.tables import ExpertHoursRow, ExpertRow
from broker.notices.causes import settle_hours_asked, tell_hours_declined
from broker.states import HoursState, move_hours
from broker.tables import PoolRow
from broker.texts import findings_in_text


def confirm_hours(session: Session, actor: Actor, ids: Collection[str], at: dt.datetime) -> int:
    """Say yes to hours; return how many. Those that are confirmed already are left alone.

    Raises: NotFound; SignInNeeded, NotAllowed; InvalidAnswer if none is named; Refused if some are
    asked for no more.
    """
    rows = _rows(session, actor, ids)
    asked = [row for row in rows if row.state != HoursState.CONFIRMED]
    for expert_id, some in _by_expert(asked):
        move_hours(session, some, HoursState.CONFIRMED, Change(actor.id, at), f"expert:{expert_id}")
    _settle(session, rows, at)
    return sum(row.hours for row in asked)


def decline_hours(
    session: Session, actor: Actor, ids: Collection[str], reason: str, at: dt.datetime
) -> int:
    """Say no to hours, for a reason that the owner and the team read; others are asked at once.

    Raises: as `confirm_hours`; InvalidAnswer without a reason.
    """
    findings = list(_findings(reason))
    if findings:
        raise InvalidAnswer("to hours", findings)
    rows, change = _rows(session, actor, ids), Change(actor.id, at)
    for expert_id, some in _by_expert(rows):
        move_hours(
            session,
            some,
            HoursState.DECLINED,
            change,
            f"expert:{expert_id}",
            reason=reason.strip(),
        )
    _settle(session, rows, at)
    hours = 0
    for pool_id, grouped in groupby(sorted(rows, key=lambda row: row.pool_id), _pool_of):
        some = list(grouped)
        hours += sum(row.hours for row in some)
        pool = session.get_one(PoolRow, pool_id)
        tell_hours_declined(session, pool.id, pool.key, sum(r.hours for r in some), at)
        name_others(session, pool_id, some, change)
    return hours


def name_hours(
    session: Session, actor: Actor, hours_id: str, expert_key: str, at: dt.datetime
) -> int:
    """Ask somebody for hours whom the owner names instead; return how many they are asked for.

    Raises: NotFound; SignInNeeded, NotAllowed; Refused if they cannot give any, or if the hours
    are over.
    """
    row = session.get(ExpertHoursRow, hours_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise nothing_here()
    require(actor, Action.NAME_EXPERTS, pool_id=row.pool_id)
    expert = session.scalars(select(ExpertRow).where(col(ExpertRow.key) == expert_key)).first()
    if expert is None:
        raise Refused("Nobody of that key is an expert of this pool.", hint="Choose from the list.")
    if row.state in {HoursState.DECLINED, HoursState.REPLACED}:
        raise Refused("Others were asked for these hours already.", hint="Look at the page again.")
    hours = give_by_hand(session, row.pool_id, row, expert.id, Change(actor.id, at))
    if not hours:
        raise Refused(
            f"{expert.name} cannot give these hours: away, full, in that team, or declined.",
            hint="Choose somebody else.",
        )
    return hours


def _rows(session: Session, actor: Actor, ids: Collection[str]) -> list[ExpertHoursRow]:
    """Return hours that somebody may answer for, locked. Raises: as `confirm_hours`."""
    if not ids:
        require(actor, Action.READ_OWN_HOURS)
        raise InvalidAnswer("to hours", ["hours: none is chosen; choose some first."])
    wanted = (
        select(ExpertHoursRow, col(ExpertRow.person_id))
        .join(ExpertRow, col(ExpertRow.id) == col(ExpertHoursRow.expert_id))
        .where(col(ExpertHoursRow.id).in_(list(ids)))
        .order_by(col(ExpertHoursRow.id))
        .with_for_update(of=ExpertHoursRow)
        .execution_options(populate_existing=True)
    )
    found = session.execute(wanted).all()
    if len(found) < len(set(ids)):
        require(actor, Action.READ_OWN_HOURS)
        raise nothing_here()
    for row, person_id in found:
        if person_id is None:
            require(actor, Action.ANSWER_FOR_EXPERTS, pool_id=row.pool_id)
        else:
            require(actor, Action.ANSWER_HOURS, person_id=person_id)
    return [row for row, _ in found]


def _by_expert(rows: Sequence[ExpertHoursRow]) -> Iterator[tuple[str, list[ExpertHoursRow]]]:
    ordered = sorted(rows, key=lambda row: row.expert_id or "")
    for expert_id, some in groupby(ordered, lambda row: row.expert_id or ""):
        yield expert_id, list(some)


def _pool_of(row: ExpertHoursRow) -> str:
    return row.pool_id


def _settle(session: Session, rows: Sequence[ExpertHoursRow], at: dt.datetime) -> None:
    """Ask nobody any more who has answered all that a pool asks of them."""
    session.flush()
    for (_, pool_id), person_id in _answered(session, rows).items():
        if person_id:
            settle_hours_asked(session, person_id, pool_id, at)


def _answered(
    session: Session, rows: Sequence[ExpertHoursRow]
) -> Mapping[tuple[str, str], str | None]:
    pairs = {(row.expert_id or "", row.pool_id) for row in rows}
    waiting = select(col(ExpertHoursRow.expert_id), col(ExpertHoursRow.pool_id)).where(
        col(ExpertHoursRow.expert_id).in_([expert_id for expert_id, _ in pairs]),
        col(ExpertHoursRow.state) == HoursState.ASKED,
    )
    left = {(expert_id or "", pool_id) for expert_id, pool_id in session.execute(waiting)}
    people = select(col(ExpertRow.id), col(ExpertRow.person_id)).where(
        col(ExpertRow.id).in_([expert_id for expert_id, _ in pairs - left])
    )
    person_ids: dict[str, str | None] = dict(session.execute(people).all())
    return {pair: person_ids.get(pair[0]) for pair in pairs - left}


def _findings(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield "reason: is empty; say why, for the owner and the team to read."
    yield from findings_in_text("reason", reason)
