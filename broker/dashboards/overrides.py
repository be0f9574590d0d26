"""Screen 12, overrides: what they change, what they cost, who proposed and who decides them.

All of it is open to everybody: the round is published, and so is the price of every correction of
it, before it is approved as well as after.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, or_, select
from sqlmodel import Session

from allocation.outcome import OverrideReport, Report
from allocation.wire import report_from_document
from broker.access import Action, Actor, may
from broker.dashboards.briefs import RoundBrief, find_round
from broker.dashboards.comparisons import labels_of
from broker.dashboards.disclosures import shown_team
from broker.dashboards.listings import Listing, Question, list_rows
from broker.dashboards.round_runs import OVERRIDE, PERSON, stages_of_run
from broker.dashboards.sources import ALTERNATIVE, AWARD, BID, PUBLISHED_RUN, ROUND, RUN, TEAM
from broker.errors import NotFound
from broker.overrides.tables import OverrideState
from broker.policy.comparing import Decided, Won
from broker.run_outcomes import decided_by, kept_outcome, published_decision
from broker.states import RoundState, RunState
from broker.tables import RunRow


@dataclass(frozen=True, slots=True)
class OverrideBrief:
    """One override. `price` is the value before less the value after, once it is solved.

    `run_state` says how far the run that solves it is; None while it waits for one.
    Units: value points.
    """

    id: str
    state: str
    kind: str
    bid_id: str
    bid_key: str
    title: str
    team: str
    team_id: str
    alternative: int | None
    start: dt.date | None
    lots: int | None
    reason: str
    proposed_by: str
    proposed_by_id: str
    proposed_at: dt.datetime
    decided_by: str
    decided_at: dt.datetime | None
    before_run_id: str
    run_id: str | None
    run_state: str | None
    revision: int | None
    failure: str | None
    report: Report | None

    @property
    def told(self) -> OverrideReport | None:
        """What the outcome says of what it overrides."""
        return self.report.override if self.report else None

    @property
    def price(self) -> int | None:
        """The value before less the value after; None before it is solved."""
        return self.told.before_value - self.report.value if self.told and self.report else None

    @property
    def is_waiting(self) -> bool:
        """Whether somebody has to decide it."""
        return self.state == OverrideState.PROPOSED

    @property
    def is_solved(self) -> bool:
        """Whether its price is known."""
        return self.run_state in (RunState.CHECKED, RunState.PUBLISHED)

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has still to come, or is at it."""
        return self.is_waiting and self.run_state in (None, RunState.SOLVING)


@dataclass(frozen=True, slots=True)
class OverriddenBid:
    """A bid that an override decides otherwise: its award before and after, where it has one."""

    bid_id: str
    title: str
    team: str
    is_set: bool
    before: Won | None
    after: Won | None


@dataclass(frozen=True, slots=True)
class OverrideScreen:
    """One override with all that it changes, and what the reader may do about it."""

    now: dt.datetime
    round: RoundBrief
    override: OverrideBrief
    bids: tuple[OverriddenBid, ...]
    payments_before: int
    payments_after: int
    stages: Listing | None
    may_approve: bool
    is_own: bool
    may_refuse: bool
    may_solve_again: bool


@dataclass(frozen=True, slots=True)
class RoundOverrides:
    """The overrides of a round, the newest first, and whether the reader may propose another."""

    overrides: tuple[OverrideBrief, ...]
    may_propose: bool


@dataclass(frozen=True, slots=True)
class AskedWay:
    """An alternative that a pin may name. Units: credits and points per lot."""

    number: int
    tier: str
    earliest_start: dt.date
    latest_start: dt.date
    min_lots: int
    max_lots: int
    offer_credits_per_lot: int


@dataclass(frozen=True, slots=True)
class ProposalScreen:
    """What somebody has to know who proposes to override the decision on a bid, if it is named."""

    round: RoundBrief
    bid_key: str
    title: str
    team: str
    ways: tuple[AskedWay, ...]
    award: Won | None


@dataclass(frozen=True, slots=True)
class BidOverride:
    """The override that last decided a bid otherwise; `is_about_it` says that it names the bid."""

    override_id: str
    revision: int
    reason: str
    price: int
    is_about_it: bool


@dataclass(frozen=True, slots=True)
class WaitingOverride:
    """An override in the queue: whom it is about, its price once solved, until when it can wait.

    `sprint_ends_on` is the last day on which it can be decided: then the round is finished.
    """

    override: OverrideBrief
    round_name: str
    sprint_ends_on: dt.date
    is_own: bool
    may_approve: bool


def round_overrides(session: Session, actor: Actor, brief: RoundBrief) -> RoundOverrides:
    """Return what people corrected, or want to, in a decided round."""
    found = tuple(_brief(row) for row in session.execute(_overrides(brief.id)).mappings())
    waits = any(one.is_waiting for one in found)
    return RoundOverrides(found, not waits and may_override(actor, brief))


def waiting_overrides(session: Session, actor: Actor) -> tuple[WaitingOverride, ...]:
    """Return the overrides that wait for a second person, the longest waiting first."""
    waiting = (
        _briefs()
        .add_columns(ROUND.c.name.label("round_name"), ROUND.c.starts_on, ROUND.c.days)
        .where(OVERRIDE.c.state == OverrideState.PROPOSED)
        .order_by(OVERRIDE.c.proposed_at, OVERRIDE.c.id)
    )
    return tuple(_waiting(row, actor) for row in session.execute(waiting).mappings())


def _waiting(row: Any, actor: Actor) -> WaitingOverride:
    one = _brief(row)
    is_own = one.proposed_by_id == actor.id
    is_for_them = may(actor, Action.APPROVE_OVERRIDE, team_id=one.team_id)
    ends_on = row["starts_on"] + dt.timedelta(days=row["days"] - 1)
    may_approve = one.is_solved and is_for_them and not is_own
    return WaitingOverride(one, row["round_name"], ends_on, is_own, may_approve)


def may_override(actor: Actor, brief: RoundBrief) -> bool:
    """Say whether somebody may propose to correct the result of a round now."""
    return brief.state == RoundState.PUBLISHED and may(actor, Action.PROPOSE_OVERRIDE)


def override_screen(
    session: Session, actor: Actor, override_id: str, now: dt.datetime, stages: Question
) -> OverrideScreen:
    """Return one override. Raises: NotFound if there is none."""
    row = session.execute(_named(override_id)).mappings().first()
    if row is None:
        raise NotFound(f"There is no override {override_id[:64]}.")
    one, brief = _brief(row), find_round(session, row["round_key"])
    before, after = _decisions(session, one)
    is_own = one.proposed_by_id == actor.id
    is_for_them = may(actor, Action.APPROVE_OVERRIDE, team_id=one.team_id)
    may_change = one.is_waiting and may(actor, Action.PROPOSE_OVERRIDE)
    is_failed = one.run_state in (RunState.FAILED, RunState.STALE)
    return OverrideScreen(
        now=now,
        round=brief,
        override=one,
        bids=_changed(session, brief.id, one, before, after) if before and after else (),
        payments_before=_payments(before),
        payments_after=_payments(after),
        stages=list_rows(session, stages_of_run(one.run_id), stages) if one.run_id else None,
        may_approve=one.is_waiting and one.is_solved and is_for_them and not is_own,
        is_own=is_own,
        may_refuse=may_change,
        may_solve_again=may_change and (one.is_solved or is_failed),
    )


def proposal_screen(session: Session, key: str, bid_key: str) -> ProposalScreen:
    """Return what a proposal about a bid of a round needs to know; nothing of an unknown bid.

    Raises: NotFound if there is no such round.
    """
    brief = find_round(session, key)
    bid = session.execute(
        select(BID.c.id, BID.c.title, shown_team(BID.c.round_id))
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .where(BID.c.round_id == brief.id, BID.c.key == bid_key)
    ).first()
    if bid is None or not brief.is_decided:
        return ProposalScreen(brief, bid_key, "", "", (), None)
    return ProposalScreen(
        brief, bid_key, bid[1], bid[2], _ways(session, bid[0]), _award_of(session, bid[0], bid_key)
    )


def override_of_bid(session: Session, round_id: str, bid_id: str) -> BidOverride | None:
    """Return the override that last decided a bid otherwise than the revision before."""
    was, will = AWARD.alias("was"), AWARD.alias("will")
    row = session.execute(
        _briefs()
        .outerjoin(was, (was.c.run_id == OVERRIDE.c.before_run_id) & (was.c.bid_id == bid_id))
        .outerjoin(will, (will.c.run_id == OVERRIDE.c.run_id) & (will.c.bid_id == bid_id))
        .where(
            OVERRIDE.c.round_id == round_id,
            OVERRIDE.c.state == OverrideState.APPROVED,
            (OVERRIDE.c.bid_id == bid_id) | _differs(was, will),
        )
        .order_by(RUN.c.revision.desc())
        .limit(1)
    )
    found = row.mappings().first()
    if found is None:
        return None
    one = _brief(found)
    is_about_it = one.bid_id == bid_id
    return BidOverride(one.id, one.revision or 0, one.reason, one.price or 0, is_about_it)


def _differs(was: FromClause, will: FromClause) -> ColumnElement[bool]:
    """Say whether two awards of a bid are not the same, or only one of them is there."""
    places = ("alternative", "start", "lots")
    return or_(*(was.c[name].is_distinct_from(will.c[name]) for name in places))


def _overrides(round_id: str) -> Select[Any]:
    newest = (OVERRIDE.c.proposed_at.desc(), OVERRIDE.c.id)
    return _briefs().where(OVERRIDE.c.round_id == round_id).order_by(*newest)


def _named(override_id: str) -> Select[Any]:
    return _briefs().where(OVERRIDE.c.id == override_id)


def _briefs() -> Select[Any]:
    proposer, decider = PERSON.alias("proposer"), PERSON.alias("decider")
    return (
        select(
            OVERRIDE,
            ROUND.c.key.label("round_key"),
            BID.c.key.label("bid_key"),
            BID.c.title,
            shown_team(BID.c.round_id).label("team"),
            BID.c.team_id,
            proposer.c.name.label("proposer"),
            decider.c.name.label("decider"),
            RUN.c.state.label("run_state"),
            RUN.c.revision,
            RUN.c.failure,
            RUN.c.report,
        )
        .select_from(OVERRIDE)
        .join(ROUND, ROUND.c.id == OVERRIDE.c.round_id)
        .join(BID, BID.c.id == OVERRIDE.c.bid_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .outerjoin(RUN, RUN.c.id == OVERRIDE.c.run_id)
        .outerjoin(proposer, proposer.c.id == OVERRIDE.c.proposed_by)
        .outerjoin(decider, decider.c.id == OVERRIDE.c.decided_by)
    )


def _brief(row: Any) -> OverrideBrief:
    same = ("id", "state", "kind", "bid_id", "bid_key", "title", "team", "team_id", "alternative")
    more = ("start", "lots", "reason", "proposed_at", "decided_at", "before_run_id", "run_id")
    run = ("run_state", "revision", "failure")
    return OverrideBrief(
        **{name: row[name] for name in (*same, *more, *run)},
        proposed_by=row["proposer"] or row["proposed_by"],
        proposed_by_id=row["proposed_by"],
        decided_by=row["decider"] or row["decided_by"] or "",
        report=report_from_document(json.loads(row["report"])) if row["report"] else None,
    )


def _decisions(session: Session, one: OverrideBrief) -> tuple[Decided | None, Decided | None]:
    """Return what the run before decided, and the one that solved the override."""
    if not one.is_solved or one.run_id is None:
        return None, None
    before = published_decision(session, session.get_one(RunRow, one.before_run_id))
    if one.run_state == RunState.PUBLISHED:
        return before, published_decision(session, session.get_one(RunRow, one.run_id))
    outcome = kept_outcome(session, one.run_id)
    return before, decided_by(outcome, {}) if outcome else None


def _payments(decided: Decided | None) -> int:
    return sum(award.payment_credits for award in decided.awards) if decided else 0


def _changed(
    session: Session, round_id: str, one: OverrideBrief, before: Decided, after: Decided
) -> tuple[OverriddenBid, ...]:
    pairs = list(_pairs(before, after))
    labels = labels_of(session, round_id, (key for key, *_ in pairs))
    bids = [OverriddenBid(*labels[key], key == one.bid_key, was, will) for key, was, will in pairs]
    return tuple(sorted(bids, key=lambda bid: (not bid.is_set, bid.title)))


def _pairs(before: Decided, after: Decided) -> Iterator[tuple[str, Won | None, Won | None]]:
    """Yield the bids whose awards differ, by key, with both of them."""
    was = {award.bid_key: award for award in before.awards}
    will = {award.bid_key: award for award in after.awards}
    for key in sorted(was.keys() | will.keys()):
        pair = was.get(key), will.get(key)
        if (pair[0].place if pair[0] else None) != (pair[1].place if pair[1] else None):
            yield key, *pair


def _ways(session: Session, bid_id: str) -> tuple[AskedWay, ...]:
    names = AskedWay.__slots__
    rows = session.execute(
        select(*(ALTERNATIVE.c[name] for name in names))
        .where(ALTERNATIVE.c.bid_id == bid_id)
        .order_by(ALTERNATIVE.c.number)
    )
    return tuple(AskedWay(*row) for row in rows)


def _award_of(session: Session, bid_id: str, bid_key: str) -> Won | None:
    row = session.execute(
        select(AWARD)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == AWARD.c.run_id)
        .where(AWARD.c.bid_id == bid_id)
    ).first()
    if row is None:
        return None
    place = row.alternative, row.start, row.lots
    return Won(bid_key, "", *place, row.value_score, row.payment_credits)
