"""Tokens with which programs ask: issued with an end and scopes, shown once, revoked at once.

A token belongs to a person, and then does at most what that person may at the moment; or to a
service, which is issued at the command line of a host only. Stored is the SHA-256 of a secret of
256 bits, which nobody can read back. Who asks with one is told by actors.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session, col

from broker.access import SERVICE_SCOPES, Action, Actor, Scope, may, require
from broker.audit import Change, record
from broker.errors import InvalidToken, NotFound, Refused
from broker.people.sessions import hashed
from broker.people.tables import ApiTokenRow
from broker.texts import findings_in_key, findings_in_number, findings_in_text

MARK = "cbt_"
"""What every secret begins with, so that people and scanners know it where it should not be."""
LONGEST_DAYS = 366
USUAL_DAYS = 90
MOST_TOKENS = 50
"""How many tokens somebody may have at a time."""


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A token that somebody wants: what they call it, what it is for, and how long it lasts.

    `service` names the service that it is for; None for a person's own.
    """

    name: str
    scopes: frozenset[str]
    days: int = USUAL_DAYS
    service: str | None = None


def issue_token(
    session: Session, actor: Actor, wish: TokenWish, secret: str, at: dt.datetime
) -> str:
    """Issue a token with a secret that nobody has yet, and return the token's id.

    Raises: SignInNeeded, NotAllowed; InvalidToken with every finding; Refused for a name that is
    taken.
    """
    require(actor, Action.ISSUE_SERVICE_TOKEN if wish.service is not None else Action.USE_ACCOUNT)
    findings = list(_findings(wish))
    if findings:
        raise InvalidToken("as wanted", findings)
    _check_room(session, actor, wish, at)
    row = ApiTokenRow(
        id=str(uuid4()),
        secret_sha256=hashed(secret),
        person_id=None if wish.service is not None else actor.person_id,
        service=wish.service,
        name=wish.name.strip(),
        scopes=" ".join(sorted(wish.scopes)),
        issued_by=actor.id,
        issued_at=at,
        expires_at=at + dt.timedelta(days=wish.days),
    )
    session.add(row)
    session.flush()
    facts = {"scopes": sorted(wish.scopes), "expires_at": row.expires_at.isoformat()}
    record(session, Change(actor.id, at), "token.issued", _subject(row), token_id=row.id, **facts)
    return row.id


def revoke_token(session: Session, actor: Actor, token_id: str, at: dt.datetime) -> bool:
    """End a token at once, one's own or, as an admin, anybody's. False if it was revoked already.

    Raises: SignInNeeded; NotFound, also for a token that is another's.
    """
    if not may(actor, Action.REVOKE_TOKEN):
        require(actor, Action.USE_ACCOUNT)
    row = session.get(ApiTokenRow, token_id, with_for_update=True, populate_existing=True)
    is_own = row is not None and row.person_id is not None and row.person_id == actor.person_id
    if row is None or not (is_own or may(actor, Action.REVOKE_TOKEN)):
        raise NotFound("There is no such token.", hint="Look at the list of tokens again.")
    if row.revoked_at is not None:
        return False
    _revoke(session, row, Change(actor.id, at))
    return True


def revoke_tokens_of(session: Session, person_id: str, change: Change) -> None:
    """End every token of a person."""
    row = ApiTokenRow
    live = select(row).where(col(row.person_id) == person_id, col(row.revoked_at).is_(None))
    for one in session.scalars(live.order_by(col(row.issued_at), col(row.id))):
        _revoke(session, one, change)


def note_use(session: Session, token_id: str, at: dt.datetime) -> None:
    """Note that a token is in use; no event, as nothing that counts has changed."""
    row = ApiTokenRow
    later = or_(col(row.used_at).is_(None), col(row.used_at) < at)
    session.execute(update(row).where(col(row.id) == token_id, later).values(used_at=at))


def is_good(at: dt.datetime) -> ColumnElement[bool]:
    """Return the condition that a token counts at a moment."""
    return and_(col(ApiTokenRow.revoked_at).is_(None), col(ApiTokenRow.expires_at) > at)


def scopes_of(row: ApiTokenRow) -> frozenset[Scope]:
    """Return what a token is for; a scope that this version does not know lets it do nothing."""
    known = {scope.value for scope in Scope}
    return frozenset(Scope(word) for word in row.scopes.split() if word in known)


def _findings(wish: TokenWish) -> Iterator[str]:
    if not wish.name.strip():
        yield "name: is empty; say what the token is for."
    yield from findings_in_text("name", wish.name)
    yield from findings_in_number("days", wish.days, 1, LONGEST_DAYS)
    if wish.service is not None:
        yield from findings_in_key("service", wish.service)
    if not wish.scopes:
        yield "scopes: are none; choose what the token is for."
    allowed = {scope.value for scope in Scope}
    if wish.service is None:
        allowed -= {scope.value for scope in SERVICE_SCOPES}
    yield from _findings_in_scopes(wish.scopes, allowed)


def _findings_in_scopes(scopes: Iterable[str], allowed: set[str]) -> Iterator[str]:
    for scope in sorted(set(scopes) - allowed):
        yield f"scopes: {scope[:40]!r} is none of them; there are {', '.join(sorted(allowed))}."


def _check_room(session: Session, actor: Actor, wish: TokenWish, at: dt.datetime) -> None:
    """Make sure that a name is free and that there are not too many. Raises: Refused."""
    row = ApiTokenRow
    owner = (
        col(row.service) == wish.service
        if wish.service is not None
        else col(row.person_id) == actor.person_id
    )
    live = and_(owner, col(row.revoked_at).is_(None))
    same = select(row).where(live, col(row.name) == wish.name.strip())
    if session.scalars(same).first() is not None:
        raise Refused(
            f"There is a token {wish.name.strip()[:64]!r} already.",
            hint="Take another name, or revoke that one first.",
        )
    count = session.scalar(select(func.count()).select_from(row).where(live, is_good(at)))
    if (count or 0) >= MOST_TOKENS:
        raise Refused(f"There are {count} tokens already.", hint="Revoke some first.")


def _revoke(session: Session, row: ApiTokenRow, change: Change) -> None:
    row.revoked_by, row.revoked_at = change.actor, change.at
    session.flush()
    record(session, change, "token.revoked", _subject(row), token_id=row.id)


def _subject(row: ApiTokenRow) -> str:
    return f"person:{row.person_id}" if row.person_id is not None else f"service:{row.service}"
