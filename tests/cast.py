"""The cast: one person per role, and browsers in which they are signed in.

`bring_people` gives a market its people through the services of real use; `Browser` is a browser
whose forms carry the hidden field, as a page's own would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session
from werkzeug.test import TestResponse

from broker.access import Actor, service
from broker.audit import ActorId
from broker.db import Database, reading, transact
from broker.people.actors import actor_of_person
from broker.people.grants import Grant, approve_grant, propose_grant
from broker.people.persons import NewPerson, add_person, find_person, set_password
from broker.people.sessions import begin_session
from tests.markets import NOON
from web.auth import SESSION_COOKIE
from web.csrf import COOKIE, FIELD, token_of

OPERATOR = service(ActorId("operator"))
PASSWORD = "a quiet harbour town"  # noqa: S105  # of people who do not exist
FORM_SECRET = "of-this-browser"  # noqa: S105  # likewise
ADMIN, SECOND_ADMIN, AUDITOR = "ada", "linus", "cleo"
LEAD, MEMBER, OTHER_LEAD, OWNER, NEWCOMER = "lea", "max", "rita", "otto", "noah"
NAMES: Mapping[str, str] = {
    ADMIN: "Ada Admin",
    SECOND_ADMIN: "Linus Admin",
    AUDITOR: "Cleo Auditor",
    LEAD: "Lea Lead",
    MEMBER: "Max Member",
    OTHER_LEAD: "Rita Rival",
    OWNER: "Otto Owner",
    NEWCOMER: "Noah Newcomer",
}
"""Everybody by key; the newcomer has no role."""


@dataclass(frozen=True, slots=True)
class Places:
    """The teams and the pool, by key, in which the cast has its roles."""

    team: str = "red"
    other_team: str = "team-0"
    pool: str = "gpu"


def bring_people(db: Database, places: Places | None = None, *, password: str = "") -> None:
    """Add the cast to a market that has the places already; with a password they can sign in."""
    transact(db, lambda session: _bring(session, places or Places(), password))


def _bring(session: Session, places: Places, password: str) -> None:
    for key, name in NAMES.items():
        add_person(session, OPERATOR, NewPerson(key, name, f"{key}@example.org"), NOON)
        if password:
            set_password(session, OPERATOR, key, password, NOON)
    propose_grant(session, OPERATOR, Grant(ADMIN, "platform-admin"), NOON)
    for grant in _grants(places):
        proposed = propose_grant(session, OPERATOR, grant, NOON)
        approve_grant(session, actor_of_person(session, ADMIN), proposed.id, NOON)


def _grants(places: Places) -> tuple[Grant, ...]:
    return (
        Grant(SECOND_ADMIN, "platform-admin"),
        Grant(AUDITOR, "finance-auditor"),
        Grant(LEAD, "team-lead", places.team),
        Grant(MEMBER, "member", places.team),
        Grant(OTHER_LEAD, "team-lead", places.other_team),
        Grant(OWNER, "pool-owner", pool_key=places.pool),
    )


def actor(db: Database, key: str) -> Actor:
    """Return one of the cast as the services see them."""
    with reading(db) as session:
        return actor_of_person(session, key)


class Browser(FlaskClient):
    """A browser, of somebody or of nobody, whose forms carry the hidden field."""

    token = ""

    def post(self, *args: Any, **options: Any) -> TestResponse:
        """Send a form as one of our pages would."""
        options["data"] = {FIELD: self.token, **(options.get("data") or {})}
        return super().post(*args, **options)


def signed_in(app: Flask, key: str) -> Browser:
    """Return a browser in which one of the cast has just signed in."""
    desk, secret = app.extensions["desk"], str(uuid4())

    def begin(session: Session) -> str:
        person = find_person(session, key)
        begin_session(session, person, secret, "Test browser", desk.clock())
        return person.id

    person_id = transact(desk.db, begin)
    browser = stranger(app)
    browser.set_cookie(SESSION_COOKIE, secret)
    browser.token = token_of(FORM_SECRET, person_id)
    return browser


def stranger(app: Flask) -> Browser:
    """Return a browser of nobody in particular."""
    browser = Browser(app, app.response_class, use_cookies=True)
    browser.set_cookie(COOKIE, FORM_SECRET)
    browser.token = token_of(FORM_SECRET, "anonymous")
    return browser
