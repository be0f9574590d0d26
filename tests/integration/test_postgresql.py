"""A market on a server is the same market: schema, sentences, commands and pages.

What services do on both databases is tested beside what they do; here stands what a server adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, CheckConstraint, text
from sqlmodel import Session

from broker.config import Settings
from broker.db import SCHEMA, Database, check_schema, connect, reading, schema_of, transact
from broker.demo_places import check_replaceable, replacing
from broker.errors import (
    InvalidInput,
    Refused,
    StorageFailed,
    UnusableDatabase,
    WrongSchema,
)
from broker.schema import migrate, move_schema
from broker.tables import InstallationRow, Table
from tests.cast import ADMIN, LEAD, bring_people, signed_in, stranger
from tests.commands import Broker
from tests.crawling import addresses_of
from tests.markets import a_scarce_problem, address_of, at, bring, described, row_counts, run_it
from tests.past import build_past
from tests.postgresql import a_market
from web.app import create_app

PASSWORD = "hunter2"  # noqa: S105  # of nobody
SERVER_ERROR = 500


@pytest.fixture
def on_server(server: URL) -> Iterator[Database]:
    with a_market(server) as db:
        yield db


def mark_as_demo(db: Database) -> None:
    row = InstallationRow(key="purpose", value="demo")
    transact(db, lambda session: session.add(row))


# --- the schema --------------------------------------------------------------------------------


def test_the_migrated_schema_is_the_one_that_the_tables_describe(on_server: Database) -> None:
    with on_server.reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_every_rule_of_the_tables_is_a_rule_of_the_server(on_server: Database) -> None:
    described_rules = {
        str(rule.name)
        for table in Table.metadata.tables.values()
        for rule in table.constraints
        if isinstance(rule, CheckConstraint)
    }
    with reading(on_server) as session:
        rules = session.scalars(text("SELECT conname FROM pg_constraint WHERE contype = 'c'"))
        assert described_rules - set(rules) == set()
    assert len(described_rules) > 50


def test_a_market_on_a_server_survives_going_down_and_up_again(on_server: Database) -> None:
    bring(on_server, described(a_scarce_problem()))
    run_it(on_server)
    before, kept = guards(on_server), row_counts(on_server)["award"]
    move_schema(on_server, command.downgrade, "0001")
    assert guards(on_server) == set()
    with pytest.raises(WrongSchema, match="has schema 0001"):
        check_schema(on_server)
    assert migrate(on_server) == "0001"
    assert (guards(on_server), row_counts(on_server)["award"]) == (before, kept)


def guards(db: Database) -> set[str]:
    with reading(db) as session:
        return set(session.scalars(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")))


# --- transactions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "setting", "value"),
    [
        ("writer", "transaction_isolation", "read committed"),
        ("writer", "transaction_read_only", "off"),
        ("writer", "lock_timeout", "5s"),
        ("writer", "idle_in_transaction_session_timeout", "1min"),
        ("reader", "transaction_isolation", "repeatable read"),
        ("reader", "transaction_read_only", "on"),
        ("reader", "TimeZone", "UTC"),
    ],
)
def test_every_connection_has_the_safe_settings(
    on_server: Database, engine: str, setting: str, value: str
) -> None:
    with getattr(on_server, engine).connect() as connection:
        assert connection.execute(text(f"SHOW {setting}")).scalar() == value


def test_a_reader_cannot_write_and_sees_one_state(on_server: Database) -> None:
    with pytest.raises(StorageFailed, match="read-only"), reading(on_server) as session:
        session.execute(text("INSERT INTO installation VALUES ('a', 'b')"))
    with reading(on_server) as session:
        assert session.get(InstallationRow, "purpose") is None
        mark_as_demo(on_server)
        assert session.get(InstallationRow, "purpose") is None


def test_what_a_connection_lost_is_said_and_the_next_transaction_works(
    on_server: Database,
) -> None:
    def cut(session: Session) -> None:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StorageFailed, match="stored whole or not at all"):
        transact(on_server, cut)
    mark_as_demo(on_server)
    assert row_counts(on_server)["installation"] == 1


def test_a_text_that_the_server_cannot_keep_is_refused_as_input(on_server: Database) -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        transact(on_server, lambda session: session.add(InstallationRow(key="a\0", value="b")))


# --- what is wrong with an address -------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A way in which an address is wrong, the error for it and a part of its sentence."""

    change: Callable[[URL], URL]
    error: type[Exception]
    sentence: str


WRONG = {
    "a database that is not there": Wrong(
        lambda url: url.set(database="nowhere"), UnusableDatabase, "nowhere on .* does not exist"
    ),
    "a user whom it does not know": Wrong(
        lambda url: url.set(username="nobody", database="postgres"),
        UnusableDatabase,
        "cannot be the database: .*nobody",
    ),
    "a port on which nobody listens": Wrong(
        lambda url: url.set(host="127.0.0.1", port=1, query={}),
        StorageFailed,
        "on 127.0.0.1:1 failed: it does not answer .*refused.* Start its server",
    ),
    "a host that has no address": Wrong(
        lambda url: url.set(host="db.invalid", query={}),
        StorageFailed,
        "on db.invalid failed: it does not answer",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    server: URL, wrong: str
) -> None:
    case = WRONG[wrong]
    url = case.change(server.set(password=PASSWORD, database="market"))
    db = connect(url.render_as_string(hide_password=False))
    with pytest.raises(case.error, match=case.sentence) as caught:
        schema_of(db)
    assert type(caught.value) is case.error
    assert PASSWORD not in f"{caught.value} {caught.value!r} {db!r}"


# --- commands, the demo and pages --------------------------------------------------------------


def test_the_commands_work_on_an_empty_database_of_a_server(
    on_server: Database, broker: Broker, sound: object
) -> None:
    move_schema(on_server, command.downgrade, "base")
    address = address_of(on_server)

    def call(*arguments: object) -> str:
        said = broker(*arguments, BROKER_DATABASE_URL=address)
        assert said.code == 0, said.err
        return said.out

    assert f"Created: {on_server.place} has schema {SCHEMA}." in call("migrate")
    assert f"has schema {SCHEMA} already" in call("migrate")
    assert "is imported" in call("import", sound)
    assert "is published" in call("tick", "--time-limit", 5)
    assert "is published already" in call("run", "sprint-1")
    assert "published" in call("round", "list")
    assert "hold" in call("ledger", "export", "--format", "csv")


def test_only_a_demo_on_a_server_is_replaced(on_server: Database) -> None:
    with pytest.raises(Refused, match="is not marked as a demo"):
        check_replaceable(on_server)
    mark_as_demo(on_server)
    check_replaceable(on_server)
    with replacing(on_server) as emptied:
        check_replaceable(emptied)
        assert migrate(emptied) is None
    assert set(row_counts(on_server).values()) == {0}


def test_a_database_with_tables_of_others_is_left_alone(on_server: Database) -> None:
    move_schema(on_server, command.downgrade, "base")
    check_replaceable(on_server)
    with on_server.writer.begin() as connection:
        connection.execute(text("CREATE TABLE invoice (id text)"))
    with pytest.raises(Refused, match="is not marked as a demo"):
        check_replaceable(on_server)


def test_every_page_answers_on_a_server(on_server: Database) -> None:
    build_past(on_server, bids=8)
    bring_people(on_server)
    app = create_app(Settings(address_of(on_server)), at(3))
    words = {"key": ("past-1", "taking-bids", "gpu", "team-0")}
    failed, answered = [], 0
    for browser in (signed_in(app, key) for key in (LEAD, ADMIN)):
        for address in addresses_of(app, words):
            with browser.get(address) as answer:
                answered += answer.status_code == 200
                failed += [address] if answer.status_code >= SERVER_ERROR else []
    with stranger(app).get("/rounds/%00") as answer:
        assert answer.status_code == 422
    app.extensions["desk"].db.dispose()
    assert failed == []
    assert answered > 80
