"""Proposing an override, and turning one down: whoever proposes says why, for everybody to read.

What is pinned has to be something that the bid asks for and that can stand, beside all that is
pinned already, in units and in credits; the worker then finds what it displaces and what it costs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import ColumnElement, exists, or_, select
from sqlmodel import Session, col

from allocation.judge.override import check_pins
from allocation.outcome import Placed
from allocation.problem import BidKey
from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.counterfactuals.answers import Decided, decided_run
from broker.deliveries.tables import DeliveryRow
from broker.errors import InvalidOverride, NotFound, Refused
from broker.holdings.tables import HoldingCutRow
from broker.ledger.overriding import has_changed_since
from broker.notices.causes import settle_override
from broker.overrides.decisions import approved_overrides, pins
from broker.overrides.tables import OverrideKind, OverrideRow, OverrideState
from broker.rounds import lock_round
from broker.runs import published_run
from broker.spot.tables import DailyRoundRow, RecoveryRoundRow
from broker.states import RoundState, RunState, move_run
from broker.tables import AwardRow, BidRow, RoundRow, RunRow
from broker.texts import findings_in_text


@dataclass(frozen=True, slots=True)
class OverrideWish:
    """What somebody wants to correct in a published round, and why; a pin says what it awards."""

    round_key: str
    bid_key: str
    kind: OverrideKind
    reason: str
    alternative: int | None = None
    start: dt.date | None = None
    lots: int | None = None

    @property
    def placed(self) -> Placed | None:
        """The award that a pin sets; None for an exclusion, or while something is missing."""
        if self.alternative is None or self.start is None or self.lots is None:
            return None
        return Placed(BidKey(self.bid_key), self.alternative, self.start, self.lots)


def propose_override(session: Session, actor: Actor, wish: OverrideWish, at: dt.datetime) -> str:
    """Propose a correction of a published result, and return the override's id.

    Raises: NotFound; NotAllowed; Refused if the round is not to be overridden or an override waits
    already; InvalidOverride.
    """
    require(actor, Action.PROPOSE_OVERRIDE)
    row = lock_round(session, wish.round_key)
    before = overridable_run(session, row)
    bid = _bid(session, row, wish.bid_key)
    _refuse_a_second(session, row)
    findings = list(_findings(session, row, before, bid, wish))
    if findings:
        raise InvalidOverride(wish.bid_key[:64], findings)
    placed = wish.placed if wish.kind is OverrideKind.PIN else None
    proposed = OverrideRow(
        id=str(uuid4()),
        round_id=row.id,
        bid_id=bid.id,
        kind=wish.kind,
        alternative=placed.alternative if placed else None,
        start=placed.start if placed else None,
        lots=placed.lots if placed else None,
        state=OverrideState.PROPOSED,
        reason=wish.reason.strip(),
        proposed_by=actor.id,
        proposed_at=at,
        before_run_id=before.id,
    )
    session.add(proposed)
    session.flush()
    record_override(session, row, proposed, "proposed", Change(actor.id, at))
    return proposed.id


def refuse_override(session: Session, actor: Actor, override_id: str, at: dt.datetime) -> None:
    """Turn a proposed override down, or take the own one back; what was solved goes stale.

    Raises: NotFound; NotAllowed; Refused if it is decided.
    """
    require(actor, Action.PROPOSE_OVERRIDE)
    row, proposed = lock_override(session, override_id)
    change = Change(actor.id, at)
    proposed.state, proposed.decided_by, proposed.decided_at = OverrideState.REFUSED, actor.id, at
    session.flush()
    give_up_run(session, proposed, change)
    settle_override(session, proposed.id, at)
    record_override(session, row, proposed, "refused", change)


def solve_again(session: Session, actor: Actor, override_id: str, at: dt.datetime) -> None:
    """Have a proposed override solved anew: it failed, or credits or rules have changed since.

    Raises: NotFound; NotAllowed; Refused if it is decided, or waits to be solved.
    """
    require(actor, Action.PROPOSE_OVERRIDE)
    row, proposed = lock_override(session, override_id)
    run = session.get(RunRow, proposed.run_id) if proposed.run_id else None
    if run is None or run.state == RunState.SOLVING:
        raise Refused("The override is being solved already.", hint="Wait for it.")
    change = Change(actor.id, at)
    give_up_run(session, proposed, change)
    proposed.run_id = None
    session.flush()
    record_override(session, row, proposed, "asked-again", change)


def give_up_run(session: Session, proposed: OverrideRow, change: Change) -> None:
    """End the run of an override that will not be published."""
    run = session.get(RunRow, proposed.run_id) if proposed.run_id else None
    if run is not None and run.state in {RunState.SOLVING, RunState.CHECKED}:
        ended_at = run.finished_at or change.at
        move_run(session, run, RunState.STALE, change, finished_at=ended_at)


def overridable_run(session: Session, row: RoundRow) -> RunRow:
    """Return the run whose result may still be corrected.

    Raises: Refused if the round is not published, or its awards have had consequences that no
    correction takes back: a delivery that was reported, an award that was cut, what a daily round
    handed out, a payment that was refunded or corrected.
    """
    run = published_run(session, row)
    if row.state != RoundState.PUBLISHED or run is None:
        raise Refused(
            f"Round {row.key} is {row.state}; only a published round is overridden, until its "
            "sprint is over.",
            round_key=row.key,
        )
    reported = exists().where(
        col(DeliveryRow.bid_id) == col(BidRow.id), col(BidRow.round_id) == row.id
    )
    if session.scalar(select(reported)):
        raise Refused(
            f"What came of awards of round {row.key} is reported already, so they stay.",
            round_key=row.key,
        )
    if session.scalar(select(_has_moved_on(run))):
        raise Refused(
            f"Awards of round {row.key} were cut, or what they left was handed out since, so they "
            "stay.",
            round_key=row.key,
        )
    if has_changed_since(session, run):
        raise Refused(
            f"Payments of round {row.key} were refunded or corrected since, so they stay.",
            round_key=row.key,
        )
    return run


def _has_moved_on(run: RunRow) -> ColumnElement[bool]:
    """Say whether the market went on after a run: awards were cut, or daily rounds rest on it."""
    counts = col(RoundRow.state).in_((RoundState.CLOSED, RoundState.PUBLISHED, RoundState.FINISHED))
    during = (
        exists().where(
            or_(col(table.sprint_round_id) == run.round_id, col(table.round_id) == run.round_id),
            col(RoundRow.id) == col(table.round_id),
            counts,
        )
        for table in (DailyRoundRow, RecoveryRoundRow)
    )
    return or_(exists().where(col(HoldingCutRow.run_id) == run.id), *during)


def lock_override(session: Session, override_id: str) -> tuple[RoundRow, OverrideRow]:
    """Return a proposed override and its round, which nobody else changes until the end.

    Raises: NotFound; Refused if it is decided.
    """
    found = session.get(OverrideRow, override_id)
    if found is None:
        raise NotFound(f"There is no override {override_id[:64]}.")
    row = lock_round(session, session.get_one(RoundRow, found.round_id).key)
    session.refresh(found)
    if found.state != OverrideState.PROPOSED:
        raise Refused(f"The override was {found.state} already.", round_key=row.key)
    return row, found


def record_override(
    session: Session, row: RoundRow, one: OverrideRow, what: str, change: Change, **facts: object
) -> None:
    """Write what happened to an override into the log."""
    record(
        session,
        change,
        f"override.{what}",
        f"override:{one.id}",
        round_key=row.key,
        bid=one.bid_id,
        override_kind=one.kind,
        before_run_id=one.before_run_id,
        **facts,
    )


def _bid(session: Session, row: RoundRow, key: str) -> BidRow:
    found = select(BidRow).where(col(BidRow.round_id) == row.id, col(BidRow.key) == key)
    bid = session.scalars(found).first()
    if bid is None:
        raise InvalidOverride(
            key[:64], [f"bid: there is no bid {key[:64]} in round {row.key}; name one of its bids."]
        )
    return bid


def _refuse_a_second(session: Session, row: RoundRow) -> None:
    waiting = select(col(OverrideRow.id)).where(
        col(OverrideRow.round_id) == row.id, col(OverrideRow.state) == OverrideState.PROPOSED
    )
    if session.scalars(waiting).first() is not None:
        raise Refused(
            f"An override of round {row.key} waits already.",
            hint="Approve it or refuse it first: each is compared with what is published.",
            round_key=row.key,
        )


def _findings(
    session: Session, row: RoundRow, before: RunRow, bid: BidRow, wish: OverrideWish
) -> Iterator[str]:
    if not wish.reason.strip():
        yield "reason: say why, for everybody to read."
    yield from findings_in_text("reason", wish.reason)
    award = session.get(AwardRow, (before.id, bid.id))
    if wish.kind is OverrideKind.EXCLUDE:
        if award is None:
            yield f"bid: {bid.key} has no award that could be taken away; name one that has."
        return
    placed = wish.placed
    if placed is None:
        yield "alternative: say which alternative, from which day and how many lots."
        return
    if award and (award.alternative, award.start, award.lots) == (
        placed.alternative,
        placed.start,
        placed.lots,
    ):
        yield f"bid: {bid.key} is awarded exactly this; change something."
        return
    yield from _findings_in_pin(session, row, decided_run(session, row, before), placed)


def _findings_in_pin(
    session: Session, row: RoundRow, decided: Decided, placed: Placed
) -> Iterator[str]:
    """Say why an award cannot be set, alone or beside those that are set already."""
    bids = {bid.key: bid for bid in decided.problem.bids}
    if placed.bid_key not in bids:
        yield (
            f"bid: a rule of the policy kept {placed.bid_key} out before the run; nobody awards "
            "what a rule bars."
        )
        return
    newest = {key: one for one, key in approved_overrides(session, row) if key != placed.bid_key}
    alone = check_pins(decided.problem, decided.outcome, [placed])
    beside = check_pins(decided.problem, decided.outcome, [placed, *pins(newest.items())])
    for violation in alone or beside:
        yield f"alternative: {violation.sentence}"
