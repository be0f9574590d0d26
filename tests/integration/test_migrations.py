"""The schema goes up, down and up again without loss, and is the one that the tables describe."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from broker.db import SCHEMA, Database, check_schema, reading, schema_of
from broker.errors import StorageFailed, WrongSchema
from broker.rounds import find_round
from broker.schema import MIGRATIONS, migrate, move_schema
from broker.snapshots import frozen_problem
from broker.tables import Table
from tests.markets import a_database, a_scarce_problem, bring, described, row_counts, run_it

OF_THE_LEDGER = ("period", "account", "journal", "transfer")
"""Tables that go with their rows, as no schema before 0003 has a place for them."""
OF_THE_POLICY = ("round_policy", "policy_version")
"""Likewise for 0004."""


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    db = a_database(tmp_path / "broker.db")
    yield db
    db.dispose()


def definitions(engine: Engine) -> dict[str, list[str]]:
    """Return the lines that define every table and index; their order does not matter."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'")
        ).all()
    return {
        name: sorted(line.strip().rstrip(",") for line in sql.splitlines())
        for name, sql in rows
        if name != "alembic_version"
    }


def triggers(db: Database) -> set[str]:
    with reading(db) as session:
        rows = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        return {name for (name,) in rows}


def test_the_migrated_schema_is_the_one_that_the_tables_describe(market: Database) -> None:
    described_ = create_engine("sqlite://")
    Table.metadata.create_all(described_)
    assert definitions(market.writer) == definitions(described_)
    described_.dispose()


def test_every_table_is_strict(market: Database) -> None:
    with reading(market) as session:
        strict = session.execute(text("SELECT name FROM pragma_table_list WHERE strict = 1"))
        assert {name for (name,) in strict} == set(Table.metadata.tables)


def test_the_program_needs_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    assert migrate(empty) is None
    before = definitions(empty.writer)
    assert migrate(empty) == SCHEMA
    assert definitions(empty.writer) == before


def test_a_market_survives_going_down_and_up_again(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    run_it(market)
    rows, guards = row_counts(market), triggers(market)
    move_schema(market, command.downgrade, "0001")
    assert triggers(market) == set()
    with pytest.raises(WrongSchema, match=f"has schema 0001; this version needs {SCHEMA}"):
        check_schema(market)
    assert migrate(market) == "0001"
    assert triggers(market) == guards
    gone = (*OF_THE_LEDGER, *OF_THE_POLICY)
    told = rows["audit_event"] + 1
    one_more = {"audit_event": told, "audit_leaf": told}
    assert row_counts(market) == {**rows, **dict.fromkeys(gone, 0), **one_more}
    with reading(market) as session:
        assert frozen_problem(session, find_round(session, "sprint-1")) == a_scarce_problem()


def test_going_all_the_way_down_leaves_no_table(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    move_schema(market, command.downgrade, "base")
    assert definitions(market.writer) == {}
    move_schema(market, command.upgrade, "head")
    assert set(row_counts(market).values()) == {0}


def test_a_migration_that_fails_leaves_the_schema_as_it_was(market: Database) -> None:
    move_schema(market, command.downgrade, "0001")
    with market.writer.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER guard_item_delete BEFORE DELETE ON item "
                "BEGIN SELECT RAISE(ABORT, 'in the way'); END"
            )
        )
    with pytest.raises(Exception, match="already exists"):
        migrate(market)
    assert schema_of(market) == "0001"
    assert triggers(market) == {"guard_item_delete"}


def test_a_database_that_is_not_there_is_neither_read_nor_made(empty: Database) -> None:
    with pytest.raises(WrongSchema, match="Run `broker migrate`"):
        check_schema(empty)
    assert not empty.file.exists()


def test_a_database_of_a_newer_version_is_left_alone(market: Database) -> None:
    with market.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for touch in (check_schema, migrate):
        with pytest.raises(WrongSchema, match="newer than this version"):
            touch(market)
    assert schema_of(market) == "9999"


def test_a_file_that_is_no_database_is_said_to_be_none(empty: Database) -> None:
    empty.file.write_text("This is a letter, not a database." * 100)
    with pytest.raises(StorageFailed, match="file is not a database"):
        migrate(empty)


def test_two_hosts_may_migrate_at_the_same_time(tmp_path: Path) -> None:
    file = tmp_path / "broker.db"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    hosts = [context.Process(target=_migrate_with, args=(file, barrier)) for _ in range(2)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join(60)
    assert [host.exitcode for host in hosts] == [0, 0]
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (SCHEMA,)
        ]
    connection.close()


def _migrate_with(file: Path, barrier: object) -> None:
    db = a_database(file)
    barrier.wait(30)  # type: ignore[attr-defined]
    migrate(db)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 5000),
    ],
)
def test_every_connection_has_the_safe_settings(
    market: Database, pragma: str, value: object
) -> None:
    for engine in (market.writer, market.reader):
        with engine.connect() as connection:
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value


def test_a_reader_cannot_write(market: Database) -> None:
    with (
        pytest.raises(StorageFailed, match="readonly"),
        reading(market) as session,
    ):
        session.execute(text("INSERT INTO installation VALUES ('a', 'b')"))
