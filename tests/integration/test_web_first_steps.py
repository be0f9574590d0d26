"""A new company is led in, step by step; nobody else is asked to do what only an admin may."""

from __future__ import annotations

import re

from sqlmodel import Session

from broker.dashboards.first_steps import FirstStepKind, first_steps
from broker.db import Database, reading, transact
from broker.people.actors import actor_of_person
from broker.people.grants import Grant, approve_grant, propose_grant
from broker.people.persons import NewPerson, add_person
from tests.cast import ADMIN, LEAD, NAMES, OPERATOR, SECOND_ADMIN, signed_in
from tests.markets import NOON
from tests.screens import screens


def bring_admins(db: Database) -> None:
    """Add two admins and somebody without a role to a market in which nothing is."""

    def bring(session: Session) -> None:
        for key in (ADMIN, SECOND_ADMIN, LEAD):
            add_person(session, OPERATOR, NewPerson(key, NAMES[key], f"{key}@example.org"), NOON)
        propose_grant(session, OPERATOR, Grant(ADMIN, "platform-admin"), NOON)
        second = propose_grant(session, OPERATOR, Grant(SECOND_ADMIN, "platform-admin"), NOON)
        approve_grant(session, actor_of_person(session, ADMIN), second.id, NOON)

    transact(db, bring)


def test_an_admin_of_a_new_market_is_led_through_every_step(market: Database) -> None:
    bring_admins(market)
    with screens(market) as app:
        admin = signed_in(app, ADMIN)
        page = admin.get("/").text
        links = re.findall(r'<li class="[^"]*"[^>]*>\s*<p><a href="([^"]+)"', page)

        assert len(links) == len(FirstStepKind)
        assert all(admin.get(link).status_code == 200 for link in links)
        assert page.count('aria-current="step"') == 1
        assert "Set up the market" not in signed_in(app, LEAD).get("/").text


def test_the_next_step_is_the_first_that_is_not_done(market: Database) -> None:
    with reading(market) as session:
        before = first_steps(session)
    bring_admins(market)
    with reading(market) as session:
        after = first_steps(session)

    assert not any(step.is_done for step in before)
    done = [step.kind for step in after if step.is_done]
    assert FirstStepKind.ADMINS in done
    assert FirstStepKind.ROUND not in done
