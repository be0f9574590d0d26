"""The versions of the decision rights: one person proposes, another puts in force.

A version never changes; the newest one that is active is in force, and before there is any, the
one that comes with the program, version 0. A request keeps the version by which it was asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.access import Action, Actor, Role, require
from broker.approvals.matrices import (
    DEFAULT,
    InvalidMatrix,
    Matrix,
    matrix_sha256,
    matrix_text,
    read_matrix,
)
from broker.approvals.tables import DecisionMatrixRow, MatrixState
from broker.audit import Change, record
from broker.errors import NotFound, Refused
from broker.people.standing import in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.texts import findings_in_text


@dataclass(frozen=True, slots=True)
class MatrixInForce:
    """A matrix with the number of its version; 0 is the one that comes with the program."""

    version: int
    matrix: Matrix


def matrix_in_force(session: Session) -> MatrixInForce:
    """Return the decision rights by which a request is asked now."""
    active = select(DecisionMatrixRow).where(col(DecisionMatrixRow.state) == MatrixState.ACTIVE)
    row = session.scalars(active.order_by(col(DecisionMatrixRow.version).desc()).limit(1)).first()
    return MatrixInForce(0, DEFAULT) if row is None else MatrixInForce(row.version, _read(row))


def matrix_of(session: Session, version: int) -> Matrix:
    """Return the decision rights of a version. Raises: NotFound."""
    return DEFAULT if version == 0 else _read(_find(session, version))


def list_matrices(session: Session) -> tuple[DecisionMatrixRow, ...]:
    """Return every version that was proposed, the newest first."""
    versions = select(DecisionMatrixRow).order_by(col(DecisionMatrixRow.version).desc())
    return tuple(session.scalars(versions))


def propose_matrix(
    session: Session, actor: Actor, content: str, reason: str, at: dt.datetime
) -> int:
    """Propose decision rights for a second person to put in force; return the version's number.

    Raises: NotAllowed; InvalidMatrix with every finding; Refused if a proposal waits already, or if
    it says what is in force.
    """
    require(actor, Action.CHANGE_DECISION_RIGHTS)
    matrix = read_matrix(content.encode())
    findings = [*_findings_in_reason(reason), *_findings_in_board(session, matrix)]
    if findings:
        raise InvalidMatrix("to propose", findings)
    latest = session.scalar(select(func.max(col(DecisionMatrixRow.version)))) or 0
    _check_news(session, matrix)
    row = DecisionMatrixRow(
        version=latest + 1,
        document=matrix_text(matrix),
        document_sha256=matrix_sha256(matrix),
        reason=reason.strip(),
        state=MatrixState.PROPOSED,
        author=actor.id,
        proposed_at=at,
    )
    session.add(row)
    session.flush()
    _record(session, row, "proposed", Change(actor.id, at))
    return row.version


def activate_matrix(session: Session, actor: Actor, version: int, at: dt.datetime) -> None:
    """Put proposed decision rights in force for what is asked from now on, as the second person.

    Raises: NotAllowed; NotFound; Refused for the author, and if it is decided already.
    """
    row = _waiting(session, actor, version)
    if row.author == actor.id:
        raise Refused(
            f"You proposed version {version} of the decision rights and cannot put it in force.",
            hint="Ask another platform admin.",
            version=version,
        )
    _decide(session, row, MatrixState.ACTIVE, Change(actor.id, at))


def refuse_matrix(session: Session, actor: Actor, version: int, at: dt.datetime) -> None:
    """Turn proposed decision rights down, or take the own proposal back.

    Raises: NotAllowed; NotFound; Refused if it is decided already.
    """
    _decide(session, _waiting(session, actor, version), MatrixState.REFUSED, Change(actor.id, at))


def _read(row: DecisionMatrixRow) -> Matrix:
    return Matrix.model_validate_json(row.document)


def _find(session: Session, version: int) -> DecisionMatrixRow:
    row = session.get(DecisionMatrixRow, version)
    if row is None:
        raise NotFound(f"There is no version {version} of the decision rights.", version=version)
    return row


def _waiting(session: Session, actor: Actor, version: int) -> DecisionMatrixRow:
    require(actor, Action.CHANGE_DECISION_RIGHTS)
    _find(session, version)
    row = session.get_one(DecisionMatrixRow, version, with_for_update=True, populate_existing=True)
    if row.state != MatrixState.PROPOSED:
        raise Refused(
            f"Version {version} of the decision rights is {row.state} already.", version=version
        )
    return row


def _decide(session: Session, row: DecisionMatrixRow, state: MatrixState, change: Change) -> None:
    row.state, row.decided_by, row.decided_at = state, change.actor, change.at
    session.flush()
    _record(session, row, {MatrixState.ACTIVE: "activated"}.get(state, "refused"), change)


def _check_news(session: Session, matrix: Matrix) -> None:
    waiting = select(col(DecisionMatrixRow.version)).where(
        col(DecisionMatrixRow.state) == MatrixState.PROPOSED
    )
    version = session.scalars(waiting).first()
    if version is not None:
        raise Refused(
            f"Version {version} of the decision rights waits for a second person already.",
            hint="Put it in force or refuse it first.",
            version=version,
        )
    known = matrix_in_force(session)
    if matrix == known.matrix:
        raise Refused(
            f"Version {known.version} of the decision rights says the same and is in force.",
            hint="Change what should be different.",
        )


def _findings_in_reason(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield "reason: is empty; say why, for everybody to read."
    yield from findings_in_text("reason", reason)


def _findings_in_board(session: Session, matrix: Matrix) -> Iterator[str]:
    admins = (
        select(col(PersonRow.key))
        .join(RoleGrantRow, col(RoleGrantRow.person_id) == col(PersonRow.id))
        .where(in_force(), col(RoleGrantRow.role) == Role.PLATFORM_ADMIN)
    )
    known = set(session.scalars(admins)) if matrix.board else set()
    for position, key in enumerate(matrix.board):
        if key not in known:
            yield f"board[{position}]: {key!r} is no platform admin; name one by their key."


def _record(session: Session, row: DecisionMatrixRow, what: str, change: Change) -> None:
    record(
        session,
        change,
        f"decision-rights.{what}",
        f"decision-rights:{row.version}",
        document_sha256=row.document_sha256,
    )
