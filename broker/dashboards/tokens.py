"""Screen 14, tokens: one's own, and for admins and auditors everybody's; never what they open."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, true
from sqlmodel import Session, col

from broker.access import SERVICE_SCOPES, Action, Actor, Scope, may, require
from broker.people.tables import ApiTokenRow, PersonRow


@dataclass(frozen=True, slots=True)
class TokenBrief:
    """A token: whose it is, what for, until when, and when it was used last."""

    id: str
    name: str
    owner: str
    is_service: bool
    scopes: tuple[str, ...]
    issued_at: dt.datetime
    expires_at: dt.datetime
    used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    is_good: bool


@dataclass(frozen=True, slots=True)
class TokensScreen:
    """Some tokens, the good ones first; `scopes` are those that a person may choose from."""

    tokens: tuple[TokenBrief, ...]
    scopes: tuple[Scope, ...]
    may_read_all: bool
    may_revoke_all: bool


def own_tokens_screen(session: Session, actor: Actor, now: dt.datetime) -> TokensScreen:
    """Return the actor's own tokens. Raises: SignInNeeded."""
    require(actor, Action.USE_ACCOUNT)
    return _screen(session, actor, col(ApiTokenRow.person_id) == actor.person_id, now)


def all_tokens_screen(session: Session, actor: Actor, now: dt.datetime) -> TokensScreen:
    """Return everybody's tokens, and those of services. Raises: SignInNeeded, NotAllowed."""
    require(actor, Action.READ_PEOPLE)
    return _screen(session, actor, true(), now)


def _screen(
    session: Session, actor: Actor, which: ColumnElement[bool], now: dt.datetime
) -> TokensScreen:
    rows = session.execute(
        select(ApiTokenRow, col(PersonRow.name))
        .outerjoin(PersonRow, col(PersonRow.id) == col(ApiTokenRow.person_id))
        .where(which)
        .order_by(col(ApiTokenRow.issued_at).desc(), col(ApiTokenRow.id))
    )
    found = [_brief(row, name, now) for row, name in rows]
    return TokensScreen(
        tokens=tuple(sorted(found, key=lambda one: not one.is_good)),
        scopes=tuple(scope for scope in Scope if scope not in SERVICE_SCOPES),
        may_read_all=may(actor, Action.READ_PEOPLE),
        may_revoke_all=may(actor, Action.REVOKE_TOKEN),
    )


def _brief(row: ApiTokenRow, name: str | None, now: dt.datetime) -> TokenBrief:
    return TokenBrief(
        id=row.id,
        name=row.name,
        owner=name or row.service or "",
        is_service=row.service is not None,
        scopes=tuple(row.scopes.split()),
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
        is_good=row.revoked_at is None and row.expires_at > now,
    )
