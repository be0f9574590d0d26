"""The versions of the policy: adopted one after another, each with author, approver and reason.

A version never changes. The one in force is the latest whose time has come; what a round uses is
frozen at its close, in freezing.py.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.audit import ActorId, Change, record
from broker.errors import InvalidPolicy, NotFound, Refused
from broker.policy.documents import Policy, policy_sha256, policy_text
from broker.policy.tables import PolicyVersionRow, RoundPolicyRow
from broker.states import RoundState
from broker.tables import RoundRow
from broker.texts import findings_in_text


@dataclass(frozen=True, slots=True)
class Adoption:
    """A policy that somebody wants to be in force, why, and from when on; None is at once.

    `proposed_by` is who wrote it, where another person adopts it and so approves it.
    """

    policy: Policy
    reason: str
    proposed_by: ActorId | None = None
    in_force_from: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy with the number of its version."""

    version: int
    policy: Policy


def adopt_policy(session: Session, wish: Adoption, change: Change) -> int | None:
    """Adopt the next version and return its number; None if the latest one says the same.

    Raises: InvalidPolicy with every finding about the reason; Refused if it would be in force
    before a version that is adopted already or in the past, if author and approver are one
    person, or if a second person is needed: while a round is closed and not yet published.
    """
    findings = [
        *findings_in_text("reason", wish.reason),
        *([] if wish.reason.strip() else ["reason: is empty; say why."]),
    ]
    if findings:
        raise InvalidPolicy("to adopt", findings)
    latest = latest_version(session)
    if latest is not None and latest.document_sha256 == policy_sha256(wish.policy):
        return None
    _check_persons(session, wish, change)
    from_ = wish.in_force_from or change.at
    _check_time(from_, latest, change)
    row = _version(wish, 1 if latest is None else latest.version + 1, from_, change)
    session.add(row)
    session.flush()
    record(
        session,
        change,
        "policy.adopted",
        f"policy:{row.version}",
        document_sha256=row.document_sha256,
        author=row.author,
        in_force_from=from_.isoformat(),
    )
    return row.version


def policy_in_force(session: Session, at: dt.datetime) -> InForce | None:
    """Return the policy that is in force at a moment; None before the first version is."""
    begun = select(PolicyVersionRow).where(col(PolicyVersionRow.in_force_from) <= at)
    row = session.scalars(begun.order_by(col(PolicyVersionRow.version).desc())).first()
    return None if row is None else InForce(row.version, policy_of(row))


def policy_of_round(session: Session, row: RoundRow) -> InForce | None:
    """Return the policy that a round froze at its close; None if it froze none."""
    frozen = session.get(RoundPolicyRow, row.id)
    if frozen is None or frozen.policy_version is None:
        return None
    version = session.get_one(PolicyVersionRow, frozen.policy_version)
    return InForce(version.version, policy_of(version))


def latest_version(session: Session) -> PolicyVersionRow | None:
    """Return the version that was adopted last, be it in force or not."""
    versions = select(PolicyVersionRow).order_by(col(PolicyVersionRow.version).desc())
    return session.scalars(versions).first()


def list_versions(session: Session) -> tuple[PolicyVersionRow, ...]:
    """Return every version, the first one first."""
    return tuple(session.scalars(select(PolicyVersionRow).order_by(col(PolicyVersionRow.version))))


def find_version(session: Session, number: int) -> PolicyVersionRow:
    """Return a version by its number. Raises: NotFound."""
    row = session.get(PolicyVersionRow, number)
    if row is None:
        raise NotFound(
            f"There is no policy {number}.", hint="`broker policy list` names them.", version=number
        )
    return row


def policy_of(row: PolicyVersionRow) -> Policy:
    """Return what a version says."""
    return Policy.model_validate_json(row.document)


def _check_persons(session: Session, wish: Adoption, change: Change) -> None:
    if wish.proposed_by == change.actor:
        raise Refused(
            f"{change.actor} proposed this policy and cannot approve it.",
            hint="Let another person adopt it.",
        )
    closed = select(col(RoundRow.key)).where(col(RoundRow.state) == RoundState.CLOSED)
    waiting = session.scalars(closed).first()
    if waiting is not None and wish.proposed_by is None:
        raise Refused(
            f"Round {waiting} is closed and not yet published: a policy now needs two persons.",
            hint="Name who proposed it with --proposed-by, or wait for the publication.",
            round_key=waiting,
        )


def _check_time(from_: dt.datetime, latest: PolicyVersionRow | None, change: Change) -> None:
    if from_ < change.at:
        raise Refused(f"{from_} is past: no policy is in force before it is adopted.")
    if latest is not None and from_ < latest.in_force_from:
        raise Refused(
            f"Policy {latest.version} is adopted already and in force from {latest.in_force_from}; "
            f"the next one cannot begin before it."
        )


def _version(wish: Adoption, number: int, from_: dt.datetime, change: Change) -> PolicyVersionRow:
    author = wish.proposed_by or change.actor
    return PolicyVersionRow(
        version=number,
        document=policy_text(wish.policy),
        document_sha256=policy_sha256(wish.policy),
        author=author,
        approver=change.actor if wish.proposed_by else None,
        reason=wish.reason,
        adopted_at=change.at,
        in_force_from=from_,
    )
