"""A policy by two persons: one proposes a document, another one activates it as the next version.

One proposal waits at a time. The versions themselves stand in versions.py; the database refuses
what one person does alone: tables.py and migration 0012.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import ActorId, Change, record
from broker.errors import InvalidPolicy, NotFound, Refused
from broker.policy.documents import Policy, policy_sha256, policy_text
from broker.policy.reading import read_policy
from broker.policy.tables import PolicyProposalRow, PolicyVersionRow
from broker.policy.versions import Adoption, adopt_policy, latest_version
from broker.texts import findings_in_text

PROPOSED, ACTIVATED, REFUSED = "proposed", "activated", "refused"


def propose_policy(
    session: Session, actor: Actor, content: bytes, reason: str, at: dt.datetime
) -> PolicyProposalRow:
    """Propose the policy that a document says, and return the proposal.

    Raises: NotAllowed; InvalidPolicy with every finding; Refused if another one waits already.
    """
    require(actor, Action.PROPOSE_POLICY)
    policy = _read(content, reason)
    latest = latest_version(session)
    if latest is not None and latest.document_sha256 == policy_sha256(policy):
        raise InvalidPolicy("to propose", [f"policy: says what version {latest.version} says."])
    if waiting_proposal(session) is not None:
        raise Refused("A policy waits already.", hint="Activate it or refuse it first.")
    proposal = _proposal(policy, reason, actor, at)
    session.add(proposal)
    session.flush()
    _record(session, proposal, Change(actor.id, at))
    return proposal


def activate_policy(session: Session, actor: Actor, proposal_id: str, at: dt.datetime) -> int:
    """Adopt a proposed policy as the next version, at once, and return its number.

    Whoever does it is the second person.

    Raises: NotFound; NotAllowed; Refused for the person who proposed it, if it was decided
    already, or if the latest version says the same by now.
    """
    require(actor, Action.ACTIVATE_POLICY)
    proposal = _undecided(session, proposal_id)
    if proposal.author == actor.id:
        raise Refused(
            "Who proposed a policy cannot activate it as well.", hint="Ask another admin."
        )
    policy = Policy.model_validate_json(proposal.document)
    wish = Adoption(policy, proposal.reason, ActorId(proposal.author))
    version = adopt_policy(session, wish, Change(actor.id, at))
    if version is None:
        raise Refused("The latest version says the same by now.", hint="Refuse the proposal.")
    _decide(session, proposal, ACTIVATED, actor, at, version)
    return version


def refuse_policy(session: Session, actor: Actor, proposal_id: str, at: dt.datetime) -> None:
    """Turn a proposed policy down, or take the own one back.

    Raises: NotFound; NotAllowed; Refused if it was decided already.
    """
    require(actor, Action.PROPOSE_POLICY)
    proposal = _undecided(session, proposal_id)
    _decide(session, proposal, REFUSED, actor, at)
    _record(session, proposal, Change(actor.id, at))


def find_policy(session: Session, sha256: str) -> Policy:
    """Return the policy of a version or a proposal by its hash. Raises: NotFound."""
    for table in (PolicyVersionRow, PolicyProposalRow):
        same = select(col(table.document)).where(col(table.document_sha256) == sha256)
        found = session.scalars(same).first()
        if found is not None:
            return Policy.model_validate_json(found)
    raise NotFound("There is no policy with this hash.")


def waiting_proposal(session: Session) -> PolicyProposalRow | None:
    """Return the proposal that waits for its second person."""
    waiting = select(PolicyProposalRow).where(col(PolicyProposalRow.state) == PROPOSED)
    return session.scalars(waiting).first()


def _read(content: bytes, reason: str) -> Policy:
    """Read what was entered. Raises: InvalidPolicy with what is wrong with document and reason."""
    findings = list(_findings_in_reason(reason))
    try:
        policy = read_policy(content)
    except InvalidPolicy as error:
        raise InvalidPolicy("to propose", [*error.findings, *findings]) from error
    if findings:
        raise InvalidPolicy("to propose", findings)
    return policy


def _findings_in_reason(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield "reason: say why, for everybody to read."
    yield from findings_in_text("reason", reason)


def _proposal(policy: Policy, reason: str, actor: Actor, at: dt.datetime) -> PolicyProposalRow:
    return PolicyProposalRow(
        id=str(uuid4()),
        state=PROPOSED,
        document=policy_text(policy),
        document_sha256=policy_sha256(policy),
        reason=reason.strip(),
        author=actor.id,
        proposed_at=at,
    )


def _undecided(session: Session, proposal_id: str) -> PolicyProposalRow:
    found = session.get(
        PolicyProposalRow, proposal_id, populate_existing=True, with_for_update=True
    )
    if found is None:
        raise NotFound("There is no such proposal of a policy.")
    if found.state != PROPOSED:
        raise Refused(f"The proposal was {found.state} already.")
    return found


def _decide(
    session: Session,
    proposal: PolicyProposalRow,
    state: str,
    actor: Actor,
    at: dt.datetime,
    version: int | None = None,
) -> None:
    proposal.state, proposal.version = state, version
    proposal.decided_by, proposal.decided_at = actor.id, at
    session.flush()


def _record(session: Session, proposal: PolicyProposalRow, change: Change) -> None:
    subject = f"policy-proposal:{proposal.id}"
    sha256 = proposal.document_sha256
    record(session, change, f"policy.{proposal.state}", subject, document_sha256=sha256)
