"""Read models of the policy: the version in force, all versions, what waits, what is different.

Everybody may read them. What may be done stands in broker/access.py and policy/proposals.py.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, may
from broker.errors import NotFound
from broker.people.tables import PersonRow
from broker.policy.documents import Policy, policy_document
from broker.policy.proposals import waiting_proposal
from broker.policy.sentences import Difference, Rule, differences, rules_of
from broker.policy.tables import PolicyProposalRow, PolicyVersionRow
from broker.policy.versions import list_versions, policy_of


@dataclass(frozen=True, slots=True)
class Chapter:
    """The rules of a policy under one heading."""

    heading: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class VersionBrief:
    """A version: who wrote and approved it, and since when it is in force; names are only shown."""

    number: int
    document_sha256: str
    author: str
    approver: str
    reason: str
    adopted_at: dt.datetime
    in_force_from: dt.datetime
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class ProposalBrief:
    """A policy that waits for its second person, with what it would change."""

    id: str
    document_sha256: str
    author: str
    reason: str
    proposed_at: dt.datetime
    differences: tuple[Difference, ...]
    is_own: bool


@dataclass(frozen=True, slots=True)
class PolicyScreen:
    """The policy in force and its versions, the newest first; `text` is where an edit begins."""

    in_force: VersionBrief | None
    chapters: tuple[Chapter, ...]
    versions: tuple[VersionBrief, ...]
    proposal: ProposalBrief | None
    text: str
    may_propose: bool
    may_activate: bool
    may_replay: bool


@dataclass(frozen=True, slots=True)
class VersionScreen:
    """One version whole, and what it says differently from the one in force."""

    version: VersionBrief
    chapters: tuple[Chapter, ...]
    in_force: int | None
    differences: tuple[Difference, ...]
    text: str
    may_replay: bool


def policy_screen(session: Session, actor: Actor, now: dt.datetime) -> PolicyScreen:
    """Return the policy in force, its versions, and what waits."""
    rows = list_versions(session)
    current = _in_force(rows, now)
    policy = policy_of(current) if current else None
    proposal = waiting_proposal(session)
    names = _names(session, rows, proposal)
    versions = tuple(_brief(row, names, current) for row in reversed(rows))
    waiting = _proposal(proposal, policy, names, actor) if proposal else None
    return PolicyScreen(
        in_force=next((one for one in versions if one.is_in_force), None),
        chapters=_chapters(policy) if policy else (),
        versions=versions,
        proposal=waiting,
        text=_text(policy) if policy else "",
        may_propose=waiting is None and may(actor, Action.PROPOSE_POLICY),
        may_activate=waiting is not None and may(actor, Action.ACTIVATE_POLICY),
        may_replay=may(actor, Action.REPLAY_POLICY),
    )


def version_screen(session: Session, actor: Actor, number: int, now: dt.datetime) -> VersionScreen:
    """Return one version beside the one in force. Raises: NotFound."""
    rows = list_versions(session)
    row = next((one for one in rows if one.version == number), None)
    if row is None:
        raise NotFound(f"There is no policy {number}.", version=number)
    current, policy = _in_force(rows, now), policy_of(row)
    return VersionScreen(
        version=_brief(row, _names(session, (row,), None), current),
        chapters=_chapters(policy),
        in_force=current.version if current else None,
        differences=differences(policy_of(current), policy) if current else (),
        text=_text(policy),
        may_replay=may(actor, Action.REPLAY_POLICY),
    )


def _in_force(rows: Iterable[PolicyVersionRow], now: dt.datetime) -> PolicyVersionRow | None:
    begun = [row for row in rows if row.in_force_from <= now]
    return begun[-1] if begun else None


def _names(
    session: Session, rows: Iterable[PolicyVersionRow], proposal: PolicyProposalRow | None
) -> dict[str, str]:
    """Return the names of those who acted and are persons, by their ids."""
    ids = {one for row in rows for one in (row.author, row.approver) if one}
    ids |= {proposal.author} if proposal else set()
    named = select(col(PersonRow.id), col(PersonRow.name)).where(col(PersonRow.id).in_(ids))
    return dict(session.execute(named).all())


def _brief(
    row: PolicyVersionRow, names: dict[str, str], current: PolicyVersionRow | None
) -> VersionBrief:
    approver = row.approver or ""
    return VersionBrief(
        number=row.version,
        document_sha256=row.document_sha256,
        author=names.get(row.author, row.author),
        approver=names.get(approver, approver),
        reason=row.reason,
        adopted_at=row.adopted_at,
        in_force_from=row.in_force_from,
        is_in_force=current is not None and row.version == current.version,
    )


def _proposal(
    row: PolicyProposalRow, in_force: Policy | None, names: dict[str, str], actor: Actor
) -> ProposalBrief:
    return ProposalBrief(
        id=row.id,
        document_sha256=row.document_sha256,
        author=names.get(row.author, row.author),
        reason=row.reason,
        proposed_at=row.proposed_at,
        differences=differences(in_force, Policy.model_validate_json(row.document)),
        is_own=row.author == actor.id,
    )


def _chapters(policy: Policy) -> tuple[Chapter, ...]:
    headed = groupby(rules_of(policy), key=lambda rule: rule.heading)
    return tuple(Chapter(heading, tuple(rules)) for heading, rules in headed)


def _text(policy: Policy) -> str:
    return json.dumps(policy_document(policy), indent=2, ensure_ascii=False)
