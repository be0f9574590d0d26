"""What an installation says about itself: to whoever runs it, and to machines that watch it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from broker.clock import system_clock
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.people.grants import Grant, propose_grant
from broker.people.persons import NewPerson, add_person
from broker.proofs.keys import make_key
from broker.rounds import create_round, open_round
from broker.tables import InstallationRow
from broker.upkeep.examinations import Patient, examine
from broker.upkeep.findings import Finding, Level
from broker.upkeep.ticks import note_tick, what_is_late
from tests.builders import a_problem
from tests.cast import OPERATOR
from tests.commands import Broker
from tests.markets import NOON, a_change, described, run_it
from tests.past import SEALED
from tests.screens import screens

LONG_KEY = "0123456789abcdef" * 4
IN_PRODUCTION = {
    "BROKER_SECRET_KEY": LONG_KEY,
    "BROKER_SMTP_URL": "smtps://market:hunter2@mail.example.org",
    "BROKER_PUBLIC_URL": "https://market.example.org",
    "BROKER_TRUSTED_PROXIES": "1",
}
"""Settings with which nothing is wrong."""


def examined(
    db: Database, environment: Mapping[str, str] = IN_PRODUCTION, *, is_production: bool = True
) -> list[Finding]:
    key_file = db.file.parent / "audit.key"
    make_key(key_file)
    settings = Settings.from_environment(
        {"BROKER_AUDIT_KEY_FILE": str(key_file)} | dict(environment)
    )
    return list(examine(Patient(settings, db, system_clock, is_production)))


def problems(findings: list[Finding]) -> set[str]:
    return {one.subject for one in findings if one.level is Level.PROBLEM}


def tick_at(db: Database, at: dt.datetime) -> None:
    transact(db, lambda session: note_tick(session, "host-1", at))


@pytest.fixture
def sound_market(market: Database) -> Database:
    """Return a market with which nothing is wrong."""

    def work(session: object) -> None:
        for key in ("ada", "ben"):
            add_person(session, OPERATOR, NewPerson(key, key, f"{key}@example.org"), NOON)  # type: ignore[arg-type]
        propose_grant(session, OPERATOR, Grant("ada", "platform-admin"), NOON)  # type: ignore[arg-type]

    transact(market, work)
    tick_at(market, system_clock())
    return market


# --- the doctor --------------------------------------------------------------------------------


def test_a_sound_installation_has_no_problem(sound_market: Database) -> None:
    assert problems(examined(sound_market)) == set()


def mark_as_demo(db: Database) -> None:
    transact(db, lambda session: session.add(InstallationRow(key="purpose", value="demo")))


def let_others_read(db: Database) -> None:
    db.file.chmod(0o644)


def let_others_replace(db: Database) -> None:
    db.file.parent.chmod(0o777)


def stop_ticking(db: Database) -> None:
    tick_at(db, system_clock() - dt.timedelta(minutes=15))


def write_an_event_of_tomorrow(db: Database) -> None:
    tomorrow = system_clock() + dt.timedelta(days=1)
    transact(db, lambda session: create_round(session, described(a_problem()), at(tomorrow)))


def at(moment: dt.datetime) -> object:
    return type(a_change())(a_change().actor, moment)


def forget_the_schema(db: Database) -> None:
    with db.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))


SICK: Mapping[str, tuple[Callable[[Database], None], str]] = {
    "a demo": (mark_as_demo, "demo"),
    "a file that others read": (let_others_read, "file modes"),
    "a folder that others change": (let_others_replace, "file modes"),
    "nobody ticks": (stop_ticking, "ticks"),
    "a clock that ran back": (write_an_event_of_tomorrow, "clock"),
    "another schema": (forget_the_schema, "database"),
}


@pytest.mark.parametrize("illness", SICK)
def test_what_is_unsafe_in_production_is_a_problem(sound_market: Database, illness: str) -> None:
    spoil, subject = SICK[illness]
    spoil(sound_market)
    assert problems(examined(sound_market)) == {subject}


@pytest.mark.parametrize(
    ("name", "value", "subject"),
    [
        ("BROKER_AUDIT_KEY_FILE", "/nowhere/audit.key", "audit key"),
        ("BROKER_SECRET_KEY", None, "secret key"),
        ("BROKER_SECRET_KEY", "password" * 8, "secret key"),
        ("BROKER_SECRET_KEY", "correct horse", "secret key"),
        ("BROKER_SMTP_URL", "mail.example.org", "mail"),
        ("BROKER_PUBLIC_URL", None, "address"),
        ("BROKER_PUBLIC_URL", "http://market.example.org", "address"),
    ],
)
def test_a_setting_that_is_unsafe_in_production_is_a_problem(
    sound_market: Database, name: str, value: str | None, subject: str
) -> None:
    environment = {key: text for key, text in IN_PRODUCTION.items() if key != name}
    environment |= {name: value} if value else {}
    assert problems(examined(sound_market, environment)) == {subject}


def test_sqlite_in_production_is_a_warning(sound_market: Database) -> None:
    [said] = [one for one in examined(sound_market) if "SQLite holds" in one.sentence]
    assert said.level is Level.WARNING
    tried_out = examined(sound_market, is_production=False)
    assert not [one for one in tried_out if "SQLite holds" in one.sentence]


def test_a_server_is_examined_as_well(either_market: Database) -> None:
    tick_at(either_market, system_clock())
    found = {one.subject: one for one in examined(either_market, is_production=False)}
    expected = {"schema", "database", "clock", "ticks", "people"}
    assert expected <= set(found)
    assert found["people"].level is Level.WARNING


def test_the_command_lists_settings_without_secrets_and_leaves_with_1_for_a_problem(
    migrated: Broker,
) -> None:
    said = migrated("doctor", **IN_PRODUCTION)
    assert said.code == 0
    assert "BROKER_SMTP_URL: set" in said.out
    assert "BROKER_MAIL_FROM: not set" in said.out
    assert "https://market.example.org" in said.out
    assert "hunter2" not in said.out
    assert LONG_KEY not in said.out
    migrated("tick")
    weak = migrated("doctor", "--production", "--json", **IN_PRODUCTION, BROKER_MAIL_FROM="a@b")
    assert (weak.code, weak.document["is_safe"]) == (0, True)
    assert "hunter2" not in weak.out
    assert migrated("doctor", "--production").code == 1


def test_a_database_that_is_not_there_is_a_problem(broker: Broker) -> None:
    said = broker("doctor", "--json")
    assert said.code == 1
    assert "Run `broker migrate`" in said.out


# --- what is late ------------------------------------------------------------------------------


def late(db: Database, minutes: float) -> list[str]:
    with reading(db) as session:
        return [one.what for one in what_is_late(session, NOON + dt.timedelta(minutes=minutes))]


def test_a_missed_run_is_noticed_within_a_quarter_of_an_hour(either_market: Database) -> None:
    closes_at = NOON + dt.timedelta(minutes=30)
    transact(
        either_market,
        lambda session: create_round(
            session, described(a_problem()), a_change(), opens_at=NOON, closes_at=closes_at
        ),
    )
    assert late(either_market, 5) == ["tick"]
    tick_at(either_market, NOON)
    assert late(either_market, 9) == []
    assert late(either_market, 15) == ["tick", "round:sprint-1"]
    transact(either_market, lambda session: open_round(session, "sprint-1", a_change()))
    tick_at(either_market, NOON + dt.timedelta(minutes=45))
    assert late(either_market, 39) == []
    assert late(either_market, 45) == ["round:sprint-1"]


def test_a_closed_round_that_nobody_allocates_is_late_until_it_is_published(
    past_market: Database,
) -> None:
    tick_at(past_market, NOON + dt.timedelta(minutes=15))
    assert late(past_market, 9) == []
    assert late(past_market, 15) == ["round:waiting"]
    run_it(past_market, "waiting")
    assert late(past_market, 15) == []


# --- for machines ------------------------------------------------------------------------------


def test_readyz_says_what_is_late_and_still_answers(past_market: Database) -> None:
    tick_at(past_market, NOON + dt.timedelta(hours=3))
    with screens(past_market) as app:
        said = app.test_client().get("/readyz")
        assert said.status_code == 200
        assert said.json is not None
        assert said.json["status"] == "late"
        assert [line for line in said.json["late"] if "waiting waits to be allocated" in line]
        run_it(past_market, "waiting")
        assert app.test_client().get("/readyz").json == {
            "status": "ready",
            "purpose": "",
            "late": [],
        }


def test_metrics_count_rounds_and_runs_and_no_bids(past: FlaskClient) -> None:
    said = past.get("/metrics")
    assert said.mimetype == "text/plain"
    lines = said.text.splitlines()
    assert 'broker_rounds{state="open"} 1.0' in lines
    assert 'broker_runs{purpose="publication",state="published"} 2.0' in lines
    assert "broker_late 2.0" in lines
    assert [line for line in lines if line.startswith('broker_last_run_stage_seconds{stage="')]
    assert SEALED.lower() not in said.text.lower()
    assert "bid" not in said.text
