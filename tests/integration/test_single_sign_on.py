"""The company's own sign-in: accounts linked by subject, groups that propose, ways closed."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, col
from werkzeug.test import TestResponse

from broker.clock import system_clock
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.errors import InvalidSettings
from broker.people.directories import DIRECTORY, read_groups
from broker.people.erasing import erase_person
from broker.people.grants import approve_grant, end_grant
from broker.people.identities import link_identity
from broker.people.persons import disable_person, find_person, set_password
from broker.people.tables import PersonIdentityRow, RoleGrantRow
from broker.proofs.tables import SaltRow
from broker.tables import AuditEventRow
from broker.upkeep.ways_in import ways_in_findings
from tests.cast import ADMIN, LEAD, OPERATOR, PASSWORD, actor, signed_in, stranger
from tests.providers import CompanySignIn, a_provider
from web.app import create_app

GROUPS = {
    "ml-leads": [{"role": "team-lead", "team": "red"}],
    "board": [{"role": "finance-auditor"}],
}
HOME = "http://localhost"
SUBJECT = "248289761001"


@pytest.fixture(scope="module")
def provider() -> Iterator[CompanySignIn]:
    with a_provider() as running:
        yield running


@pytest.fixture
def groups_file(tmp_path: Path) -> Path:
    file = tmp_path / "groups.json"
    file.write_text(json.dumps({"groups": GROUPS}))
    return file


def settings_for(provider: CompanySignIn, db: Database, file: Path, **others: str) -> Settings:
    return Settings.from_environment(
        {
            "BROKER_DATABASE_URL": f"sqlite:///{db.file}",
            "BROKER_OIDC_ISSUER": provider.issuer,
            "BROKER_OIDC_CLIENT_ID": "market",
            "BROKER_OIDC_CLIENT_SECRET": "of-the-market",
            "BROKER_OIDC_GROUPS_FILE": str(file),
            "BROKER_PUBLIC_URL": HOME,
            **others,
        }
    )


@pytest.fixture
def app(provider: CompanySignIn, past_market: Database, groups_file: Path) -> Iterator[Flask]:
    """Serve the market with a past to people of the company."""
    settings = settings_for(provider, past_market, groups_file, BROKER_PASSWORDS="off")
    app = create_app(settings, system_clock)
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def leave(browser: FlaskClient, wanted: str = "/rounds") -> str:
    answer = browser.get("/sign-in/company", query_string={"next": wanted})
    assert answer.status_code == 303
    return answer.location


def enter(
    browser: FlaskClient, provider: CompanySignIn, subject: str = SUBJECT, **claims: object
) -> TestResponse:
    """Sign in at the company's provider, and follow its redirect back."""
    provider.describe(subject, **claims)
    back = provider.agree(leave(browser), subject)
    assert back.startswith(f"{HOME}/sign-in/company/back?")
    return browser.get(back.removeprefix(HOME))


def grants_of(db: Database, key: str) -> list[RoleGrantRow]:
    with reading(db) as session:
        person = find_person(session, key)
        rows = select(RoleGrantRow).where(col(RoleGrantRow.person_id) == person.id)
        return list(session.scalars(rows.order_by(col(RoleGrantRow.proposed_at))))


def test_somebody_of_the_company_is_let_in_and_led_where_they_wanted(
    browser: FlaskClient, provider: CompanySignIn
) -> None:
    answer = enter(browser, provider, preferred_username="grace", name="Grace Hopper")
    assert (answer.status_code, answer.location) == (303, "/rounds")
    page = browser.get("/account")
    assert "Grace Hopper" in page.text
    assert "company's own sign-in" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_the_provider_is_asked_with_state_nonce_and_a_challenge(
    app: Flask, browser: FlaskClient
) -> None:
    asked = parse_qs(urlsplit(leave(browser)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == [f"{HOME}/sign-in/company/back"]
    again = parse_qs(urlsplit(leave(app.test_client())).query)
    for secret in ("state", "nonce", "code_challenge"):
        assert len(asked[secret][0]) >= 43
        assert asked[secret] != again[secret]


def test_an_account_is_known_by_its_subject_whatever_else_changes(
    browser: FlaskClient, provider: CompanySignIn, past_market: Database
) -> None:
    enter(browser, provider, preferred_username="grace", name="Grace", email="g@example.org")
    enter(browser, provider, preferred_username="gracie", name="Other", email=f"{LEAD}@example.org")
    with reading(past_market) as session:
        linked = session.scalars(select(PersonIdentityRow)).all()
        assert [(one.issuer, one.subject) for one in linked] == [(provider.issuer, SUBJECT)]
        assert find_person(session, "grace").id == linked[0].person_id


def test_a_name_that_somebody_has_here_links_nobody_until_the_command_line_does(
    browser: FlaskClient, provider: CompanySignIn, past_market: Database
) -> None:
    claims = {"preferred_username": LEAD, "email": f"{LEAD}@example.org"}
    refused = enter(browser, provider, "another", **claims)
    assert refused.status_code == 409
    assert "broker user link" in refused.text
    assert browser.get("/account").status_code == 303

    def link(session: Session) -> bool:
        return link_identity(session, OPERATOR, LEAD, provider.issuer, "another", system_clock())

    assert transact(past_market, link)
    assert not transact(past_market, link)
    assert enter(browser, provider, "another", **claims).status_code == 303
    assert LEAD in browser.get("/account").text


def test_a_group_proposes_an_admin_approves_and_leaving_ends(
    browser: FlaskClient, provider: CompanySignIn, past_market: Database
) -> None:
    known = {"preferred_username": "grace", "name": "Grace"}
    enter(browser, provider, **known, groups=["ml-leads", "unheard-of"])
    [proposed] = grants_of(past_market, "grace")
    assert (proposed.role, proposed.proposed_by, proposed.approved_at) == (
        "team-lead",
        DIRECTORY.id,
        None,
    )
    assert not actor(past_market, "grace").teams
    admin, at = actor(past_market, ADMIN), system_clock()
    transact(past_market, lambda session: approve_grant(session, admin, proposed.id, at))
    enter(browser, provider, **known, groups=["ml-leads"])
    assert set(actor(past_market, "grace").teams.values()) == {"team-lead"}
    assert len(grants_of(past_market, "grace")) == 1
    enter(browser, provider, **known, groups=[])
    [ended] = grants_of(past_market, "grace")
    assert ended.ended_by == DIRECTORY.id
    assert not actor(past_market, "grace").teams


def test_what_an_admin_took_back_is_not_proposed_again(
    browser: FlaskClient, provider: CompanySignIn, past_market: Database
) -> None:
    claims = {"preferred_username": "grace", "groups": ["board"]}
    enter(browser, provider, **claims)
    [proposed] = grants_of(past_market, "grace")
    admin, at = actor(past_market, ADMIN), system_clock()
    transact(past_market, lambda session: end_grant(session, admin, proposed.id, at))
    enter(browser, provider, **claims)
    assert len(grants_of(past_market, "grace")) == 1


def test_a_code_is_good_for_the_browser_that_began_and_once(
    app: Flask, browser: FlaskClient, provider: CompanySignIn
) -> None:
    provider.describe(SUBJECT, preferred_username="grace")
    back = provider.agree(leave(browser), SUBJECT).removeprefix(HOME)
    stranger = app.test_client()
    assert stranger.get(back).status_code == 403
    leave(stranger)
    assert stranger.get(back).status_code == 403
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "another"}, "does not belong to this browser"),
        ({"state": ""}, "does not belong to this browser"),
        ({"code": "another"}, "refused to go on"),
        ({"code": ""}, "could not be completed"),
        ({"iss": "https://elsewhere.example"}, "Another provider answered"),
        ({"error": "access_denied"}, "did not let you in"),
    ],
)
def test_what_was_not_asked_for_lets_nobody_in(
    browser: FlaskClient, provider: CompanySignIn, changed: Mapping[str, str], said: str
) -> None:
    back = urlsplit(provider.agree(leave(browser), SUBJECT))
    brought = {name: values[0] for name, values in parse_qs(back.query).items()}
    answer = browser.get(f"{back.path}?{urlencode(brought | dict(changed))}")
    assert answer.status_code == 403
    assert said in answer.text
    assert browser.get("/account").status_code == 303


def test_an_answer_for_another_nonce_is_not_believed(
    browser: FlaskClient, provider: CompanySignIn
) -> None:
    address = urlsplit(leave(browser))
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    forged = f"{provider.issuer}{address.path}?{urlencode(asked | {'nonce': 'of-another-way'})}"
    answer = browser.get(provider.agree(forged, SUBJECT).removeprefix(HOME))
    assert (answer.status_code, "not what was asked" in answer.text) == (403, True)


def test_who_is_disabled_here_stays_out(
    browser: FlaskClient, provider: CompanySignIn, past_market: Database
) -> None:
    enter(browser, provider, preferred_username="grace")
    transact(
        past_market, lambda session: disable_person(session, OPERATOR, "grace", system_clock())
    )
    refused = enter(browser, provider, preferred_username="grace")
    assert (refused.status_code, "disabled" in refused.text) == (403, True)


def test_nobody_is_led_elsewhere_afterwards(browser: FlaskClient, provider: CompanySignIn) -> None:
    provider.describe(SUBJECT, preferred_username="grace")
    back = provider.agree(leave(browser, "https://elsewhere.example/x"), SUBJECT)
    assert browser.get(back.removeprefix(HOME)).location == "/"


def test_a_provider_that_is_away_is_said_and_nobody_is_let_in(
    past_market: Database, groups_file: Path
) -> None:
    away = CompanySignIn("http://127.0.0.1:9")
    app = create_app(settings_for(away, past_market, groups_file), system_clock)
    answer = app.test_client().get("/sign-in/company")
    app.extensions["desk"].db.dispose()
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_switched_off_passwords_let_nobody_in(
    app: Flask, browser: FlaskClient, past_market: Database
) -> None:
    at = system_clock()
    transact(past_market, lambda session: set_password(session, OPERATOR, LEAD, PASSWORD, at))
    page = browser.get("/sign-in")
    assert 'name="password"' not in page.text
    assert "/sign-in/company?next=" in page.text
    data = {"name": LEAD, "password": PASSWORD}
    answer = stranger(app).post("/sign-in", data=data)
    assert (answer.status_code, "password" in answer.text) == (403, True)


def test_admins_read_what_groups_mean_and_what_is_wrong_with_it(
    app: Flask, groups_file: Path
) -> None:
    admin = signed_in(app, ADMIN)
    page = admin.get("/admin/people").text
    assert all(group in page for group in GROUPS)
    groups_file.write_text("{")
    assert "cannot be read" in admin.get("/admin/people").text


@pytest.mark.parametrize(
    "meaning",
    [
        [],
        {"groups": []},
        {"groups": {"a": {"role": "member"}}},
        {"groups": {"a": [{"role": "king"}]}},
        {"groups": {"a": [{"role": "member"}]}},
        {"groups": {"a": [{"role": "platform-admin", "team": "red"}]}},
        {"groups": {"a": [{"role": "member", "team": 7}]}},
        {"groups": {"a": [{"role": "member", "team": "red", "x": 1}]}},
        {"groups": {}, "more": 1},
    ],
)
def test_a_file_of_groups_that_means_nothing_is_refused(groups_file: Path, meaning: object) -> None:
    groups_file.write_text(json.dumps(meaning))
    with pytest.raises(InvalidSettings, match=re.escape(str(groups_file))):
        read_groups(groups_file)


def test_the_doctor_says_how_people_get_in(
    provider: CompanySignIn, past_market: Database, groups_file: Path
) -> None:
    def levels(settings: Settings) -> dict[str, str]:
        found = ways_in_findings(settings, system_clock(), is_production=True)
        return {one.sentence: one.level for one in found}

    sound = settings_for(provider, past_market, groups_file, BROKER_PASSWORDS="off")
    assert set(levels(sound).values()) == {"ok"}
    embedded = settings_for(provider, past_market, groups_file)
    assert "warning" in levels(embedded).values()
    away = settings_for(CompanySignIn("http://127.0.0.1:9"), past_market, groups_file)
    assert "problem" in levels(away).values()
    nobody = Settings.from_environment({"BROKER_PASSWORDS": "off"})
    assert set(levels(nobody).values()) == {"problem"}


def test_the_log_tells_ids_only_and_an_erased_person_is_nobodys_subject(
    browser: FlaskClient, provider: CompanySignIn, past_market: Database
) -> None:
    enter(browser, provider, preferred_username="grace", name="Grace Hopper")
    salts_of_identities = select(col(SaltRow.salt)).where(
        col(SaltRow.table_name) == "person_identity"
    )
    with reading(past_market) as session:
        events = session.scalars(select(AuditEventRow).order_by(col(AuditEventRow.sequence))).all()
        kinds = [event.kind for event in events[-3:]]
        said = json.dumps([event.model_dump(mode="json") for event in events])
        salts = set(session.scalars(salts_of_identities))
    assert kinds == ["person.added", "identity.linked", "session.began"]
    assert not any(word in said for word in ("Hopper", SUBJECT, provider.issuer))
    at = system_clock() + dt.timedelta(seconds=1)

    def erase(session: Session) -> None:
        disable_person(session, OPERATOR, "grace", at)
        erase_person(session, OPERATOR, "grace", actor(past_market, ADMIN), at)

    transact(past_market, erase)
    with reading(past_market) as session:
        assert session.scalars(select(PersonIdentityRow)).all() == []
        assert not salts & set(session.scalars(salts_of_identities))


def test_whom_an_account_is_linked_to_is_never_changed(either_market: Database) -> None:
    with either_market.writer.begin() as connection:
        at = "2026-03-02T12:00:00+00:00"
        connection.execute(
            text(
                "INSERT INTO person (id, key, name, email, added_at) "
                "VALUES ('p', 'p', 'P', '', :at)"
            ),
            {"at": at},
        )
        connection.execute(
            text(
                "INSERT INTO person_identity (id, issuer, subject, person_id, linked_at) "
                "VALUES ('i', 'https://login.example', '1', 'p', :at)"
            ),
            {"at": at},
        )
        with pytest.raises(DatabaseError, match="never changed"):
            connection.execute(text("UPDATE person_identity SET subject = '2'"))
