"""The page of recurring sprints: the year's plan for everybody, forms for platform admins."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from broker.config import Settings
from broker.db import Database, reading
from broker.sprints.rules import read_rule
from broker.sprints.versions import list_rules, rule_in_force
from tests.cast import ADMIN, LEAD, SECOND_ADMIN, Browser, signed_in, stranger
from tests.integration.test_sprints import ANNOUNCED_AT
from tests.sprints import a_market, a_rule, put_in_force, rounds_of, ticked
from web.app import create_app
from web.sprint_forms import document_of, fields_of

HERE = "/admin/sprints"
SignIn = Callable[[str], Browser]


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    a_market(market)
    app = create_app(Settings(f"sqlite:///{market.file}"), lambda: ANNOUNCED_AT)
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    return lambda key: signed_in(app, key)


def page(browser: Browser) -> str:
    with browser.get(HERE) as response:
        assert response.status_code == 200
        return response.text.split("<main")[1].split("</main>")[0]


def typed(**other: str) -> dict[str, str]:
    return fields_of(a_rule()) | {"reason": "The year is planned.", "do": "propose"} | other


def test_a_rule_is_looked_at_proposed_and_put_in_force_by_two(
    market: Database, app: Flask, sign_in: SignIn
) -> None:
    one, two = sign_in(ADMIN), sign_in(SECOND_ADMIN)
    assert "No rule is in force" in page(stranger(app))
    looked = one.post(HERE, data=typed(do="check"))
    assert looked.status_code == 200
    assert "What the rule below would announce" in looked.text
    assert 'datetime="2026-03-23T08:00' in looked.text
    with reading(market) as session:
        assert list_rules(session) == ()
    assert one.post(HERE, data=typed()).status_code == 303
    assert "Put in force" not in page(one)
    assert "Put in force" in page(two)
    assert two.post(f"{HERE}/1/activate").status_code == 303
    said = page(stranger(app))
    assert "Version 1 of the rule is in force" in said
    assert "announced by the next tick" in said
    assert "its calendar" in said
    with reading(market) as session:
        found = rule_in_force(session)
    assert found is not None
    assert found.rule == a_rule()


def test_everybody_reads_the_plan_and_only_admins_are_offered_forms(
    market: Database, app: Flask, sign_in: SignIn
) -> None:
    put_in_force(market)
    list(ticked(market, ANNOUNCED_AT))
    assert rounds_of(market)
    for browser in (stranger(app), sign_in(LEAD)):
        said = page(browser)
        assert "<form" not in said
        assert '<a href="/rounds/s-7">Sprint 7</a>' in said
    admin = page(sign_in(ADMIN))
    assert "End version 1" in admin
    assert 'value="s-{number}"' in admin


def test_a_form_that_is_refused_keeps_what_was_typed_and_leads_to_each_field(
    sign_in: SignIn,
) -> None:
    wrong = typed(days="a fortnight", holidays="2026-12-25 Christmas", team_credits="red many")
    with sign_in(ADMIN).post(HERE, data=wrong) as response:
        assert response.status_code == 422
        for field in ("days", "holidays", "team_credits"):
            assert f'href="#{field}"' in response.text
        assert "a fortnight" in response.text
        assert "Christmas" in response.text


def test_a_rule_goes_into_the_form_and_out_again_the_same() -> None:
    rule = a_rule(holidays=["2026-12-25", "2026-12-26"], team_credits={"red": 3, "blue": 0})
    assert read_rule(document_of(fields_of(rule)).encode()) == rule


def test_the_second_admin_ends_a_rule_from_the_page(market: Database, sign_in: SignIn) -> None:
    put_in_force(market)
    second = sign_in(SECOND_ADMIN)
    assert second.post(f"{HERE}/1/end").status_code == 303
    assert "No rule is in force" in page(second)
    assert second.post(f"{HERE}/1/end").status_code == 409
