"""The people of the demo: added, given their roles by two persons each, and told how to sign in.

Who they are stands in company/people.py; the story of the rounds in demo.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

from sqlmodel import Session

from broker.access import Actor, Role, service
from broker.audit import ActorId
from broker.books.rates import RateWish, set_rate
from broker.company.people import (
    FIRST_ADMIN,
    LEAVER,
    OTHERS,
    PASSWORD,
    PEOPLE,
    SECOND_ADMIN,
    CompanyPerson,
    of_what,
)
from broker.people.actors import actor_of_person
from broker.people.grants import Grant, approve_grant, propose_grant
from broker.people.persons import NewPerson, add_person, set_password

RATE = RateWish("EUR", 850_000, "What a credit stands for in the budget of the year.")
OPERATOR = service(ActorId("operator"))


def add_people(session: Session, at: dt.datetime) -> None:
    """Add everybody with a password and a role.

    The operator makes the first platform admin and proposes the second; from then on one of the
    two proposes a role, and the other approves it.
    """
    for person in (*PEOPLE, LEAVER):
        add_person(session, OPERATOR, NewPerson(person.key, person.name, person.email), at)
        set_password(session, OPERATOR, person.key, PASSWORD, at)
    propose_grant(session, OPERATOR, Grant(FIRST_ADMIN.key, FIRST_ADMIN.role), at)
    first = actor_of_person(session, FIRST_ADMIN.key)
    give = partial(_give, session, at=at)
    give(Grant(SECOND_ADMIN.key, SECOND_ADMIN.role), author=OPERATOR, approver=first)
    second = actor_of_person(session, SECOND_ADMIN.key)
    for person in (*OTHERS, LEAVER):
        for grant in _grants(person):
            give(grant, author=first, approver=second)
    auditor = next(person for person in OTHERS if person.role == Role.FINANCE_AUDITOR)
    set_rate(session, actor_of_person(session, auditor.key), RATE, at)


def _give(
    session: Session, grant: Grant, *, author: Actor, approver: Actor, at: dt.datetime
) -> None:
    proposed = propose_grant(session, author, grant, at)
    approve_grant(session, approver, proposed.id, at)


def sign_in_lines() -> Iterator[str]:
    """Say who can sign in, as what, and with which password."""
    yield f"Sign in with the password “{PASSWORD}” as"
    for person in PEOPLE:
        role = person.role.replace("-", " ")
        where = f" of {of_what(person)}" if of_what(person) else ""
        yield f"  {person.key:<8} {person.name}, {role}{where}"


def _grants(person: CompanyPerson) -> Iterator[Grant]:
    for pool_key in person.pool_keys or (None,):
        yield Grant(person.key, person.role, person.team_key, pool_key)
