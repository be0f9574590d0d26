"""Sprints that come again: the rule in force, what it says of the next ones, and its versions.

Everybody may read it: it is the year's plan. What the rule does stands in broker/sprints.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, may
from broker.people.tables import PersonRow
from broker.sprints.announcing import Coming, coming_sprints
from broker.sprints.offers import PoolOffer, pools_for
from broker.sprints.rules import SprintRule, read_rule
from broker.sprints.tables import RuleState, SprintRuleRow
from broker.sprints.versions import list_rules, rule_in_force
from broker.tables import TeamRow

COMING = 8
"""How many sprints a page looks ahead."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A version of the rule, with the names of who proposed, decided and ended it."""

    version: int
    state: str
    reason: str
    author: str
    proposed_at: dt.datetime
    decided_by: str
    decided_at: dt.datetime | None
    ended_by: str
    ended_at: dt.datetime | None
    document: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class PoolLine:
    """What a pool will offer in all the days of a sprint, in unit-days.

    `like_round` names the round that a pool without a calendar repeats.
    """

    key: str
    name: str
    unit: str
    reserved_unit_days: int
    spot_unit_days: int
    like_round: str | None


@dataclass(frozen=True, slots=True)
class SprintsScreen:
    """The rule that is shown, the sprints to come by it, and what the next of them offers.

    `rule` is None without one in force, `version` then 0. Shape: `teams` names every team by key.
    """

    version: int
    rule: SprintRule | None
    coming: tuple[Coming, ...]
    pools: tuple[PoolLine, ...]
    teams: Mapping[str, str]
    versions: tuple[RuleVersion, ...]
    may_change: bool

    @property
    def is_waiting(self) -> bool:
        """Whether a version waits for a second person."""
        return any(one.state == RuleState.PROPOSED for one in self.versions)


@dataclass(frozen=True, slots=True)
class RulePreview:
    """What a rule that is not saved yet would do."""

    rule: SprintRule
    coming: tuple[Coming, ...]


def sprints_screen(session: Session, actor: Actor, now: dt.datetime) -> SprintsScreen:
    """Return the rule in force, what comes by it, and every version."""
    in_force = rule_in_force(session)
    rule = in_force.rule if in_force else None
    coming = coming_sprints(session, rule, now, COMING) if rule else ()
    return SprintsScreen(
        version=in_force.version if in_force else 0,
        rule=rule,
        coming=coming,
        pools=_next_offer(session, coming),
        teams=dict(
            session.execute(select(col(TeamRow.key), col(TeamRow.name)).order_by(TeamRow.key)).all()
        ),
        versions=_versions(session, actor),
        may_change=may(actor, Action.CHANGE_SPRINT_RULE),
    )


def preview_rule(session: Session, content: str, now: dt.datetime) -> RulePreview:
    """Return what a rule would announce. Raises: InvalidSprintRule."""
    rule = read_rule(content.encode())
    return RulePreview(rule, coming_sprints(session, rule, now, COMING))


def _next_offer(session: Session, coming: Iterable[Coming]) -> tuple[PoolLine, ...]:
    """Return what the next sprint that no round has yet would offer if it were announced now."""
    ahead = next((one.sprint for one in coming if one.round_ is None), None)
    return tuple(map(_line, pools_for(session, ahead))) if ahead else ()


def _line(offer: PoolOffer) -> PoolLine:
    return PoolLine(
        key=offer.pool.key,
        name=offer.pool.name,
        unit=offer.pool.unit,
        reserved_unit_days=sum(one.reserved_units for one in offer.days),
        spot_unit_days=sum(one.spot_units for one in offer.days),
        like_round=offer.like_round,
    )


def _versions(session: Session, actor: Actor) -> tuple[RuleVersion, ...]:
    rows = list_rules(session)
    names = _names(session, rows)
    return tuple(
        RuleVersion(
            version=row.version,
            state=row.state,
            reason=row.reason,
            author=names.get(row.author, ""),
            proposed_at=row.proposed_at,
            decided_by=names.get(row.decided_by or "", ""),
            decided_at=row.decided_at,
            ended_by=names.get(row.ended_by or "", ""),
            ended_at=row.ended_at,
            document=row.document,
            is_own=row.author == actor.id,
        )
        for row in rows
    )


def _names(session: Session, rows: Iterable[SprintRuleRow]) -> Mapping[str, str]:
    ids = {one for row in rows for one in (row.author, row.decided_by, row.ended_by) if one}
    named = select(col(PersonRow.id), col(PersonRow.name)).where(col(PersonRow.id).in_(ids))
    return dict(session.execute(named).all()) if ids else {}
