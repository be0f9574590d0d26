"""What is delivered for production works: roles and walls of PostgreSQL, units of systemd."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session

from broker.db import Database, transact
from broker.proofs.audited import SEALED
from broker.rounds import close_round
from broker.upkeep.findings import Level
from broker.upkeep.storage_findings import storage_findings
from tests.markets import a_change, a_scarce_problem, bring, described, event_kinds, run_it
from tests.postgresql import a_market, open_market

DEPLOY = Path(__file__).parents[2] / "deploy"
KEPT = ("audit_event", "audit_leaf", "audit_checkpoint", "journal", "transfer")
BIDS = ("team_bid", "bid_version", "bid", "alternative", "item")


def set_up(server: URL, database: str | None) -> None:
    """Run the file that is delivered, as an administrator does."""
    engine = create_engine(server.set(database=database))
    with engine.begin() as connection:
        connection.exec_driver_sql((DEPLOY / "postgresql.sql").read_text().replace("%", "%%"))
    engine.dispose()


@pytest.fixture(scope="module")
def owner_market(server: URL) -> Iterator[Database]:
    """Return a market whose roles are set up twice, as the superuser of the server sees it."""
    with a_market(server) as db:
        set_up(server, db.url.database)
        set_up(server, db.url.database)
        yield db


@pytest.fixture(scope="module")
def app_market(owner_market: Database) -> Iterator[Database]:
    """Return the market as the application sees it, with one open round and one that is over."""
    db = open_market(owner_market.url.set(username="broker_app"))
    problem = a_scarce_problem()
    bring(db, described(problem), is_open=True)
    yield db
    db.dispose()


@pytest.fixture(scope="module")
def reader(owner_market: Database) -> Iterator[Engine]:
    engine = create_engine(owner_market.url.set(username="broker_reader"))
    yield engine
    engine.dispose()


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  # names of this file
        return found


def test_a_reader_sees_a_bid_once_its_round_has_closed_and_the_market_works_meanwhile(
    app_market: Database, reader: Engine
) -> None:
    assert {table: count(reader, table) for table in BIDS} == dict.fromkeys(BIDS, 0)
    assert all(count(app_market.writer, table) > 0 for table in BIDS)
    transact(app_market, lambda session: close_round(session, "sprint-1", a_change()))
    assert count(reader, "bid") == count(app_market.writer, "bid")
    run_it(app_market)
    assert count(reader, "award") > 0
    assert count(reader, "transfer") == count(app_market.writer, "transfer") > 0
    assert "run.published" in event_kinds(app_market)


@pytest.mark.parametrize("table", ["person", "person_session", "api_token", "run_outcome"])
def test_a_reader_reads_no_person_and_nothing_that_is_not_published(
    app_market: Database, reader: Engine, table: str
) -> None:
    assert count(app_market.writer, table) >= 0
    with pytest.raises(DatabaseError, match="permission denied"):
        count(reader, table)


def test_a_reader_cannot_write_even_where_it_reads(reader: Engine) -> None:
    with reader.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.commit()
        with pytest.raises(DatabaseError, match="permission denied"):
            connection.execute(text("UPDATE team SET name = 'x'"))


@pytest.mark.parametrize("table", KEPT)
def test_the_application_can_rewrite_nothing_that_is_never_changed(
    app_market: Database, table: str
) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):  # noqa: S608  # names of this file
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            app_market.writer.begin() as connection,
        ):
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE award DISABLE TRIGGER ALL",
        "ALTER TABLE award ADD COLUMN x text",
        "ALTER TABLE bid DISABLE ROW LEVEL SECURITY",
        "DROP TRIGGER note_award_insert ON award",
        "CREATE TABLE x (y text)",
        (
            "CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NULL; END'"
        ),
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_the_application_can_take_no_guard_away(app_market: Database, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match=r"must be owner|permission denied"),
        app_market.writer.begin() as connection,
    ):
        connection.execute(text(statement))


def test_the_doctor_is_content_with_the_application_and_not_with_an_owner(
    app_market: Database, owner_market: Database
) -> None:
    def said(db: Database) -> dict[str, Level]:
        return {one.sentence: one.level for one in storage_findings(db, is_production=True)}

    of_app = said(app_market)
    assert of_app["The application owns no table."] is Level.OK
    assert of_app["Sealed bids are closed to other readers by the database."] is Level.OK
    as_owner = open_market(owner_market.url.set(username="broker_owner"))
    of_owner = said(as_owner)
    as_owner.dispose()
    assert any("owns" in one and of_owner[one] is Level.PROBLEM for one in of_owner)


def test_every_sealed_table_has_its_wall(owner_market: Database) -> None:
    with Session(owner_market.reader) as session:
        walled = session.scalars(text("SELECT DISTINCT tablename FROM pg_policies")).all()
    assert set(walled) == set(SEALED)


def test_a_version_that_came_later_is_closed_until_the_file_ran_again(
    server: URL, owner_market: Database, reader: Engine
) -> None:
    admin = create_engine(server.set(database=owner_market.url.database))
    with admin.begin() as connection:
        connection.execute(text("SET ROLE broker_owner"))
        connection.execute(text("CREATE TABLE later (id text)"))
    with pytest.raises(DatabaseError, match="permission denied"):
        count(reader, "later")
    with admin.begin() as connection:
        connection.execute(text("DROP TABLE later"))
    admin.dispose()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_reads_every_unit_and_finds_them_hardened() -> None:
    units = sorted((DEPLOY / "systemd").glob("broker-*"))
    assert len(units) == 8
    for unit in units:
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(unit)],  # noqa: S607  # where the system has it
            capture_output=True,
            text=True,
            check=False,
        )
        wrong = [line for line in said.stderr.splitlines() if "not executable" not in line]
        assert [line for line in wrong if unit.name in line] == []


def test_no_unit_runs_as_root_or_writes_outside_its_places() -> None:
    for unit in (DEPLOY / "systemd").glob("*.service"):
        lines = set(unit.read_text().splitlines())
        assert {
            "User=broker",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "CapabilityBoundingSet=",
        } <= lines, unit.name
