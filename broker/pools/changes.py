"""How a pool changes: version by version, at once or with a second person, and into its rounds.

One person changes a pool alone, unless a round that offers it is between its close and its
publication: then the change waits for a second person, and whatever was being solved is stale. The
database refuses what one person does alone there: migration 0011. What a change would do is told by
effects.py before anybody saves it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import InvalidPool, NotFound, Refused
from broker.experts.enrolment import enrol, findings_in_names
from broker.experts.naming import name_again
from broker.people.grants import Grant, propose_grant
from broker.people.persons import find_person
from broker.people.standing import POOL_OWNER
from broker.people.tables import PersonRow
from broker.pools.definitions import (
    DEFINED_KINDS,
    PoolDefinition,
    definition_from,
    definition_text,
    findings_in_definition,
)
from broker.pools.effects import Effect, RoundEffect, effect_on, undecided_rounds
from broker.pools.tables import CapacityAmendmentRow, PoolVersionRow
from broker.rounds import lock_round
from broker.rounds_by_hand import give_up_runs
from broker.states import RoundState
from broker.tables import CapacityRow, PoolRow, RoundPoolRow, RoundRow
from broker.texts import findings_in_key, findings_in_text

PROPOSED, IN_FORCE, REFUSED = "proposed", "in-force", "refused"
ALONE, TWO_PERSONS = "one-person", "two-persons"


@dataclass(frozen=True, slots=True)
class PoolWish:
    """What somebody wants a pool to be, and why.

    `follows` is the number of the version that they looked at, 0 where there was none. `names` are
    those of persons of a roster who have no account, by their keys.
    """

    pool_key: str
    definition: PoolDefinition
    reason: str
    follows: int = 0
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """The version that a change became; not in force while it waits for a second person."""

    version_id: str
    number: int
    is_in_force: bool


def define_pool(
    session: Session, actor: Actor, wish: PoolWish, owner_key: str | None, at: dt.datetime
) -> Changed:
    """Define a pool that was not there, and propose who answers for it, where somebody is named.

    Raises: NotAllowed; InvalidPool; Refused if the key is taken; NotFound for the owner.
    """
    require(actor, Action.DEFINE_POOL)
    findings = [
        *findings_in_key("key", wish.pool_key),
        *findings_in_definition(wish.definition),
        *_findings_in_people(session, wish),
        *_findings_in_reason(wish),
    ]
    if findings:
        raise InvalidPool(wish.pool_key[:64], findings)
    if session.scalars(select(PoolRow).where(col(PoolRow.key) == wish.pool_key)).first():
        raise Refused(f"There is a pool {wish.pool_key} already.", hint="Take another key.")
    owner = None if owner_key is None else find_person(session, owner_key)
    pool = PoolRow(
        id=str(uuid4()),
        key=wish.pool_key,
        name=wish.definition.name,
        kind=wish.definition.kind,
        unit=wish.definition.unit,
        owner=owner.name if owner else "",
    )
    session.add(pool)
    session.flush()
    record(session, Change(actor.id, at), "pool.registered", f"pool:{pool.key}")
    changed = _decide_alone(session, pool, wish, actor, at)
    if owner is not None:
        propose_grant(session, actor, Grant(owner.key, POOL_OWNER, pool_key=pool.key), at)
    return changed


def preview_change(session: Session, actor: Actor, wish: PoolWish, today: dt.date) -> Effect:
    """Return what a change would do, and save nothing; it needs no reason yet.

    Raises: NotFound; NotAllowed; InvalidPool with every finding.
    """
    pool = find_pool(session, wish.pool_key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    return _checked_effect(session, pool, wish, today)


def change_pool(session: Session, actor: Actor, wish: PoolWish, at: dt.datetime) -> Changed:
    """Change a pool at once, or propose the change where a second person is needed.

    Raises: NotFound; NotAllowed; InvalidPool; Refused if a change waits, if somebody changed the
    pool meanwhile, or if it says what is in force.
    """
    pool = _lock_pool(session, wish.pool_key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    effect = _checked_effect(session, pool, wish, at.date(), *_findings_in_reason(wish))
    _check_order(session, pool, wish)
    if effect.needs_second_person:
        return _propose(session, pool, wish, actor, at)
    return _decide_alone(session, pool, wish, actor, at)


def approve_change(
    session: Session, actor: Actor, pool_key: str, version_id: str, at: dt.datetime
) -> None:
    """Bring a proposed change in force, as the second person.

    Raises: NotFound; NotAllowed; InvalidPool if it does not fit the rounds any more; Refused for
    whoever proposed it, and once it is decided.
    """
    pool = _lock_pool(session, pool_key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    row = _undecided(session, pool, version_id)
    if row.proposed_by == actor.id:
        raise Refused(
            f"Who proposed a change of pool {pool.key} cannot approve it as well.",
            hint="Ask another platform admin or the owner of the pool.",
        )
    wish = PoolWish(pool.key, definition_from(row.document), row.reason)
    effect = _checked_effect(session, pool, wish, at.date())
    row.state, row.decided_by, row.decided_at = IN_FORCE, actor.id, at
    session.flush()
    _bring_in_force(session, pool, row, effect, Change(actor.id, at))


def refuse_change(
    session: Session, actor: Actor, pool_key: str, version_id: str, at: dt.datetime
) -> None:
    """Turn a proposed change down, or take the own proposal back.

    Raises: NotFound; NotAllowed; Refused if it is decided.
    """
    pool = _lock_pool(session, pool_key)
    require(actor, Action.CHANGE_CAPACITY, pool_id=pool.id)
    row = _undecided(session, pool, version_id)
    row.state, row.decided_by, row.decided_at = REFUSED, actor.id, at
    session.flush()
    _record(session, pool, row, "pool.change-refused", Change(actor.id, at))


def find_pool(session: Session, key: str) -> PoolRow:
    """Return a pool by its key. Raises: NotFound."""
    row = session.scalars(select(PoolRow).where(col(PoolRow.key) == key)).first()
    if row is None:
        raise NotFound(f"There is no pool {key[:64]}.", hint="The list of pools names them.")
    return row


def versions_of(session: Session, pool_id: str) -> tuple[PoolVersionRow, ...]:
    """Return every version of a pool, proposed and refused ones too, the newest first."""
    versions = select(PoolVersionRow).where(col(PoolVersionRow.pool_id) == pool_id)
    return tuple(session.scalars(versions.order_by(col(PoolVersionRow.number).desc())))


def _lock_pool(session: Session, key: str) -> PoolRow:
    """Return a pool that nobody else changes, and whose rounds stay in their states, until the end.

    Raises: NotFound.
    """
    wanted = select(PoolRow).where(col(PoolRow.key) == key).with_for_update()
    pool = session.scalars(wanted).first()
    if pool is None:
        raise NotFound(f"There is no pool {key[:64]}.", hint="The list of pools names them.")
    for row in undecided_rounds(session, pool.id):
        lock_round(session, row.key)
    return pool


def _checked_effect(
    session: Session, pool: PoolRow, wish: PoolWish, today: dt.date, *findings: str
) -> Effect:
    own = [
        *findings_in_definition(wish.definition),
        *_findings_in_kind(pool, wish.definition),
        *_findings_in_people(session, wish),
    ]
    if own or findings:
        raise InvalidPool(pool.key, [*own, *findings])
    effect = effect_on(session, pool.id, wish.definition.calendar, today)
    if effect.findings:
        raise InvalidPool(pool.key, effect.findings)
    return effect


def _findings_in_reason(wish: PoolWish) -> list[str]:
    empty = [] if wish.reason.strip() else ["reason: is empty; say why."]
    return [*findings_in_text("reason", wish.reason), *empty]


def _findings_in_kind(pool: PoolRow, definition: PoolDefinition) -> list[str]:
    if pool.kind not in DEFINED_KINDS:
        return [f"kind: {pool.key} is a pool of kind {pool.kind}, which has no calendar here."]
    if pool.kind != definition.kind:
        return [f"kind: {pool.key} is a pool of kind {pool.kind}, and stays one."]
    if pool.unit != definition.unit:
        return [f"unit: is {pool.unit} wherever {pool.key} was offered, and stays; keep it."]
    return []


def _findings_in_people(session: Session, wish: PoolWish) -> list[str]:
    """Say who of those that a pool names is not there."""
    roster = wish.definition.calendar.roster
    unknown = [] if roster is None else list(findings_in_names(session, roster, wish.names))
    return [*_findings_in_steward(session, wish.definition), *unknown]


def _findings_in_steward(session: Session, definition: PoolDefinition) -> list[str]:
    """Say whether whoever looks after the data is still there."""
    if definition.data is None or not definition.data.steward_id:
        return []
    steward = session.get(PersonRow, definition.data.steward_id)
    if steward is None or steward.disabled_at is not None:
        return ["steward: has left, or never was here; choose somebody who is."]
    return []


def _check_order(session: Session, pool: PoolRow, wish: PoolWish) -> None:
    versions = versions_of(session, pool.id)
    if any(row.state == PROPOSED for row in versions):
        raise Refused(
            f"A change of pool {pool.key} waits for a second person.",
            hint="Approve it or refuse it first.",
        )
    latest = next((row for row in versions if row.state == IN_FORCE), None)
    if wish.follows != (latest.number if latest else 0):
        raise Refused(
            f"Somebody changed pool {pool.key} meanwhile.",
            hint="Look at the pool again, then change it.",
        )
    if latest is not None and latest.document == definition_text(wish.definition):
        raise Refused(f"Pool {pool.key} is like that already.", hint="Change something first.")


def _propose(
    session: Session, pool: PoolRow, wish: PoolWish, actor: Actor, at: dt.datetime
) -> Changed:
    row = _version(session, pool, wish, Change(actor.id, at), is_alone=False)
    _record(session, pool, row, "pool.change-proposed", Change(actor.id, at))
    return Changed(row.id, row.number, is_in_force=False)


def _decide_alone(
    session: Session, pool: PoolRow, wish: PoolWish, actor: Actor, at: dt.datetime
) -> Changed:
    row = _version(session, pool, wish, Change(actor.id, at), is_alone=True)
    effect = effect_on(session, pool.id, wish.definition.calendar, at.date())
    _bring_in_force(session, pool, row, effect, Change(actor.id, at))
    return Changed(row.id, row.number, is_in_force=True)


def _version(
    session: Session, pool: PoolRow, wish: PoolWish, change: Change, *, is_alone: bool
) -> PoolVersionRow:
    """Store the next version of a pool; whoever proposes it alone decides it as well."""
    numbers = select(func.max(col(PoolVersionRow.number)))
    last = session.scalar(numbers.where(col(PoolVersionRow.pool_id) == pool.id)) or 0
    text = definition_text(wish.definition)
    row = PoolVersionRow(
        id=str(uuid4()),
        pool_id=pool.id,
        number=last + 1,
        state=IN_FORCE if is_alone else PROPOSED,
        basis=ALONE if is_alone else TWO_PERSONS,
        document=text,
        document_sha256=hashlib.sha256(text.encode()).hexdigest(),
        reason=wish.reason.strip(),
        proposed_by=change.actor,
        proposed_at=change.at,
        decided_by=change.actor if is_alone else None,
        decided_at=change.at if is_alone else None,
    )
    session.add(row)
    session.flush()
    if wish.definition.calendar.roster is not None:
        enrol(session, wish.definition.calendar.roster, wish.names, change.at)
    return row


def _undecided(session: Session, pool: PoolRow, version_id: str) -> PoolVersionRow:
    row = session.get(PoolVersionRow, version_id, populate_existing=True)
    if row is None or row.pool_id != pool.id:
        raise NotFound(f"Pool {pool.key} has no such change.")
    if row.state != PROPOSED:
        raise Refused(f"That change of pool {pool.key} is {row.state} already.")
    return row


def _bring_in_force(
    session: Session, pool: PoolRow, row: PoolVersionRow, effect: Effect, change: Change
) -> None:
    """Let a version speak: in the pool's own words, and in every round that is not published."""
    definition = definition_from(row.document)
    pool.name, pool.description = definition.name, definition.description
    pool.classification = definition.classification
    session.flush()
    _reprice(session, pool, definition.reserve_price_credits, effect)
    for one in effect.rounds:
        if one.days:
            _amend(session, pool, row, one, change)
    facts = {"short_days": [one.day.isoformat() for one in effect.short_days]}
    _record(session, pool, row, "pool.changed", change, **facts)
    name_again(session, pool.id, change)


def _reprice(session: Session, pool: PoolRow, credits_: int, effect: Effect) -> None:
    """Change the reserve price where nobody could bid yet; bidders have seen the other ones."""
    scheduled = [one.round_id for one in effect.rounds if one.state is RoundState.SCHEDULED]
    here = (col(RoundPoolRow.pool_id) == pool.id, col(RoundPoolRow.round_id).in_(scheduled))
    session.execute(update(RoundPoolRow).where(*here).values(reserve_price_credits=credits_))


def _amend(
    session: Session, pool: PoolRow, row: PoolVersionRow, effect: RoundEffect, change: Change
) -> None:
    """Let a round offer what the pool now has; what was being solved for it is stale."""
    session.add(
        CapacityAmendmentRow(
            round_id=effect.round_id,
            version_id=row.id,
            changed_days=len(effect.days),
            round_state=effect.state,
            amended_at=change.at,
        )
    )
    session.flush()
    _store_days(session, pool, effect)
    if effect.state is RoundState.CLOSED:
        _stop_runs(session, effect, change)
    facts = {"pool_key": pool.key, "version": row.number, "days": len(effect.days)}
    record(session, change, "round.capacity-amended", f"round:{effect.round_key}", **facts)


def _store_days(session: Session, pool: PoolRow, effect: RoundEffect) -> None:
    here = (col(CapacityRow.round_id) == effect.round_id, col(CapacityRow.pool_id) == pool.id)
    changed = [one.day for one in effect.days]
    session.execute(delete(CapacityRow).where(*here, col(CapacityRow.day).in_(changed)))
    place = {"round_id": effect.round_id, "pool_id": pool.id}
    rows = [{**place, "day": one.day, **one.after._asdict()} for one in effect.days]
    session.execute(insert(CapacityRow), rows)


def _stop_runs(session: Session, effect: RoundEffect, change: Change) -> None:
    """End every run that solved what was on offer before: its host's fence is behind from now."""
    row = lock_round(session, effect.round_key)
    give_up_runs(session, row, change)
    taken = update(RoundRow).where(col(RoundRow.id) == row.id)
    session.execute(
        taken.values(fence=col(RoundRow.fence) + 1, lease_holder=None, lease_until=None)
    )
    session.refresh(row)


def _record(
    session: Session, pool: PoolRow, row: PoolVersionRow, kind: str, change: Change, **facts: object
) -> None:
    said = {"version": row.number, "document_sha256": row.document_sha256, "basis": row.basis}
    record(session, change, kind, f"pool:{pool.key}", **said, **facts)
