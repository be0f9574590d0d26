"""The versions of the rule for sprints: one person proposes, another puts in force, one ends it.

A rule opens rounds and issues credits for as long as it holds, so two persons want it. To end it
takes one: what is announced stays announced, and nothing more is. The newest version that was put
in force decides; once it ended, none does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.errors import NotFound, Refused
from broker.sprints.rules import (
    InvalidSprintRule,
    SprintRule,
    read_rule,
    rule_sha256,
    rule_text,
)
from broker.sprints.tables import RuleState, SprintRuleRow
from broker.tables import TeamRow
from broker.texts import findings_in_text


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """The rule by which sprints are announced now, with the number of its version."""

    version: int
    rule: SprintRule


def rule_in_force(session: Session) -> RuleInForce | None:
    """Return the rule in force; None before there is one, and once it ended."""
    return _in_force(session.scalars(_decided()).first())


def lock_rule(session: Session) -> RuleInForce | None:
    """Return the rule in force, kept as it is and to oneself until the transaction ends."""
    locked = _decided().with_for_update()
    return _in_force(session.scalars(locked, execution_options={"populate_existing": True}).first())


def list_rules(session: Session) -> tuple[SprintRuleRow, ...]:
    """Return every version that was proposed, the newest first."""
    versions = select(SprintRuleRow).order_by(col(SprintRuleRow.version).desc())
    return tuple(session.scalars(versions))


def propose_rule(session: Session, actor: Actor, content: str, reason: str, at: dt.datetime) -> int:
    """Propose a rule for a second person to put in force; return the version's number.

    Raises: NotAllowed; InvalidSprintRule with every finding; Refused if a proposal waits already,
    or if it says what is in force.
    """
    require(actor, Action.CHANGE_SPRINT_RULE)
    rule = read_rule(content.encode())
    findings = [*_findings_in_reason(reason), *_findings_in_teams(session, rule)]
    if findings:
        raise InvalidSprintRule("as written", findings)
    _check_news(session, rule)
    latest = session.scalar(select(func.max(col(SprintRuleRow.version)))) or 0
    row = SprintRuleRow(
        version=latest + 1,
        document=rule_text(rule),
        document_sha256=rule_sha256(rule),
        reason=reason.strip(),
        state=RuleState.PROPOSED,
        author=actor.id,
        proposed_at=at,
    )
    session.add(row)
    session.flush()
    _record(session, row, "proposed", Change(actor.id, at))
    return row.version


def activate_rule(session: Session, actor: Actor, version: int, at: dt.datetime) -> None:
    """Put a proposed rule in force, as the second person.

    Raises: NotAllowed; NotFound; Refused for the author, and if it is decided already.
    """
    row = _locked(session, actor, version, RuleState.PROPOSED)
    if row.author == actor.id:
        raise Refused(
            f"You proposed version {version} of the rule and cannot put it in force.",
            hint="Ask another platform admin.",
            version=version,
        )
    _decide(session, row, RuleState.ACTIVE, Change(actor.id, at))


def refuse_rule(session: Session, actor: Actor, version: int, at: dt.datetime) -> None:
    """Turn a proposed rule down, or take the own proposal back.

    Raises: NotAllowed; NotFound; Refused if it is decided already.
    """
    row = _locked(session, actor, version, RuleState.PROPOSED)
    _decide(session, row, RuleState.REFUSED, Change(actor.id, at))


def end_rule(session: Session, actor: Actor, version: int, at: dt.datetime) -> None:
    """Announce no more sprints by the rule in force; those that are announced stay.

    Raises: NotAllowed; NotFound; Refused if another version is in force, or none.
    """
    row = _locked(session, actor, version, RuleState.ACTIVE)
    in_force = rule_in_force(session)
    if in_force is None or in_force.version != version:
        raise Refused(f"Version {version} of the rule is not in force any more.", version=version)
    row.state, row.ended_by, row.ended_at = RuleState.ENDED, actor.id, at
    session.flush()
    _record(session, row, "ended", Change(actor.id, at))


def _decided() -> Select[SprintRuleRow]:
    """Ask for the newest version that was put in force, be it ended or not."""
    decided = col(SprintRuleRow.state).in_((RuleState.ACTIVE, RuleState.ENDED))
    newest = col(SprintRuleRow.version).desc()
    return select(SprintRuleRow).where(decided).order_by(newest).limit(1)


def _in_force(row: SprintRuleRow | None) -> RuleInForce | None:
    if row is None or row.state != RuleState.ACTIVE:
        return None
    return RuleInForce(row.version, SprintRule.model_validate_json(row.document))


def _locked(session: Session, actor: Actor, version: int, state: RuleState) -> SprintRuleRow:
    """Return a version in a state that nobody else changes. Raises: NotFound, Refused."""
    require(actor, Action.CHANGE_SPRINT_RULE)
    row = session.get(SprintRuleRow, version, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"There is no version {version} of the rule.", version=version)
    if row.state != state:
        raise Refused(f"Version {version} of the rule is {row.state}.", version=version)
    return row


def _decide(session: Session, row: SprintRuleRow, state: RuleState, change: Change) -> None:
    row.state, row.decided_by, row.decided_at = state, change.actor, change.at
    session.flush()
    _record(session, row, "activated" if state is RuleState.ACTIVE else "refused", change)


def _check_news(session: Session, rule: SprintRule) -> None:
    proposed = select(SprintRuleRow).where(col(SprintRuleRow.state) == RuleState.PROPOSED)
    waiting = session.scalars(proposed).first()
    if waiting is not None:
        raise Refused(
            f"Version {waiting.version} of the rule waits for a second person already.",
            hint="Put it in force or refuse it first.",
            version=waiting.version,
        )
    known = rule_in_force(session)
    if known is not None and known.rule == rule:
        raise Refused(
            f"Version {known.version} of the rule says the same and is in force.",
            hint="Change what should be different.",
        )


def _findings_in_reason(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield "reason: is empty; say why, for everybody to read."
    yield from findings_in_text("reason", reason)


def _findings_in_teams(session: Session, rule: SprintRule) -> Iterator[str]:
    known = set(session.scalars(select(col(TeamRow.key))))
    for key in sorted(rule.team_credits):
        if key not in known:
            yield f"team_credits.{key}: there is no team {key}; remove it or correct its key."


def _record(session: Session, row: SprintRuleRow, what: str, change: Change) -> None:
    record(
        session,
        change,
        f"sprint-rule.{what}",
        f"sprint-rule:{row.version}",
        document_sha256=row.document_sha256,
    )
