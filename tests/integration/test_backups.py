"""A backup is one whole state of a market, checked, and restores into either database."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import URL, select, text
from sqlalchemy.exc import IntegrityError

from allocation.problem import Problem, RoundKey
from broker.audit import record
from broker.db import SCHEMA, Database, check_schema, reading, writing
from broker.errors import BrokenBackup, NotFound, Refused, WrongSchema
from broker.every_table import TABLES
from broker.proofs.keys import make_key
from broker.schema import move_schema
from broker.upkeep.backups import back_up, restore
from tests.commands import Broker
from tests.intruders import a_strangers_connection
from tests.ledgers import violations
from tests.markets import (
    a_change,
    a_database,
    a_scarce_problem,
    bring,
    described,
    row_counts,
    run_it,
)
from tests.postgresql import a_market

LIMIT_BYTES = 400_000


@pytest.fixture
def busy(either_market: Database) -> Database:
    """Return a market in which something was decided."""
    bring(either_market, described(a_scarce_problem(), b1="研究用GPU ‘ü’"))
    run_it(either_market)
    return either_market


@pytest.fixture
def backup(market: Database, tmp_path: Path) -> Path:
    """Return the backup of a market in a file."""
    bring(market, described(a_scarce_problem()))
    run_it(market)
    file = tmp_path / "kept.backup"
    back_up(market, file)
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Return a place on each database where there is no market yet."""
    if request.param == "sqlite":
        db = a_database(tmp_path / "new" / "broker.db")
        db.file.parent.mkdir()
        yield db
        db.dispose()
        return
    with a_market(request.getfixturevalue("server")) as db:
        move_schema(db, command.downgrade, "base")
        yield db


def contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    with reading(db) as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in TABLES
        }


def test_what_is_restored_is_what_was_backed_up_on_either_database(
    busy: Database, nowhere: Database, tmp_path: Path
) -> None:
    written = back_up(busy, tmp_path / "kept.backup")
    before = contents(busy)
    assert written.rows == sum(map(len, before.values()))
    assert written.events == len(before["audit_event"])
    restore(tmp_path / "kept.backup", nowhere)
    check_schema(nowhere)
    assert contents(nowhere) == before
    assert violations(nowhere) == []


def test_a_restored_market_is_guarded_and_goes_on(backup: Path, nowhere: Database) -> None:
    restore(backup, nowhere)
    with pytest.raises(IntegrityError, match="never changed"), writing(nowhere) as session:
        session.execute(text("DELETE FROM award"))
    before = row_counts(nowhere)
    bring(nowhere, described(a_scarce_problem_again()))
    run_it(nowhere, "sprint-2")
    after = row_counts(nowhere)
    assert after["award"] == 2 * before["award"]
    assert after["transfer"] > before["transfer"]


def a_scarce_problem_again() -> Problem:
    return replace(a_scarce_problem(), round_key=RoundKey("sprint-2"))


def test_a_backup_holds_what_was_committed_when_it_began_and_nothing_half_done(
    busy: Database, tmp_path: Path
) -> None:
    before = row_counts(busy)
    with writing(busy) as session:
        record(session, a_change(), "round.rescheduled", "round:sprint-1")
        session.flush()
        written = back_up(busy, tmp_path / "kept.backup")
    assert written.events == before["audit_event"]
    assert row_counts(busy)["audit_event"] == before["audit_event"] + 1


def test_a_backup_is_for_its_owner_alone_and_stands_alone(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in backup.parent.glob("*kept*")] == ["kept.backup"]


def test_a_backup_of_an_older_schema_is_upgraded(backup: Path, nowhere: Database) -> None:
    old = a_database(backup)
    move_schema(old, command.downgrade, "0017")
    old.dispose()
    assert restore(backup, nowhere).schema == SCHEMA
    check_schema(nowhere)


def test_nothing_takes_the_place_of_something(backup: Path, market: Database) -> None:
    with pytest.raises(Refused, match="is there already"):
        back_up(market, backup)
    with pytest.raises(Refused, match="so nothing was restored"):
        restore(backup, market)


def test_a_server_with_a_market_is_not_restored_into(backup: Path, server: URL) -> None:
    with a_market(server) as db:
        restore(backup, db)  # it is empty
        with pytest.raises(Refused, match="so nothing was restored"):
            restore(backup, db)


# --- what is broken ----------------------------------------------------------------------------


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def overwrite(file: Path) -> None:
    with file.open("r+b") as content:
        content.seek(file.stat().st_size // 2)
        content.write(b"nothing that SQLite knows" * 400)


def lose_a_team(file: Path) -> None:
    with closing(a_strangers_connection(file)) as connection:
        connection.execute("DELETE FROM team")


def pay_somebody(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE account SET balance_credits = balance_credits + 1")
        connection.commit()


BROKEN = {
    "cut short": (cut_short, "damaged|malformed"),
    "overwritten": (overwrite, "damaged|malformed"),
    "without a team": (lose_a_team, "refer to rows that are not there"),
    "with credits from nowhere": (pay_somebody, "is not a whole market"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_backup_that_is_not_whole_is_not_restored(backup: Path, tmp_path: Path, how: str) -> None:
    spoil, sentence = BROKEN[how]
    spoil(backup)
    target = a_database(tmp_path / "new.db")
    with pytest.raises(BrokenBackup, match=sentence):
        restore(backup, target)
    assert list(tmp_path.glob("*new.db*")) == []


def test_what_is_no_backup_is_said(tmp_path: Path) -> None:
    target, letter = a_database(tmp_path / "new.db"), tmp_path / "letter"
    with pytest.raises(NotFound, match="no backup"):
        restore(letter, target)
    letter.write_text("Dear grandmother, " * 100)
    with pytest.raises(BrokenBackup, match="not a database"):
        restore(letter, target)


def test_a_backup_of_a_newer_version_is_left_alone(backup: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(WrongSchema, match="newer than this version"):
        restore(backup, a_database(tmp_path / "new.db"))


def allow_little() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))


def test_a_disk_that_fills_up_leaves_no_part_of_a_backup(market: Database, tmp_path: Path) -> None:
    bring(market, described(a_scarce_problem()))
    market.dispose()
    environment = dict(os.environ) | {"BROKER_DATABASE_URL": f"sqlite:///{market.file}"}
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", "from broker.cli import main; main()", "backup", folder / "b"],
        env=environment,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)
        ),  # no threads
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "disk" in done.stderr
    assert list(folder.iterdir()) == []


def test_an_older_backup_than_a_kept_checkpoint_is_exit_6_and_told_as_a_rollback(
    broker: Broker, either_market: Database, nowhere: Database, tmp_path: Path
) -> None:
    """Whatever database it comes from and goes to: the line that was kept elsewhere tells."""
    key = {"BROKER_AUDIT_KEY_FILE": str(tmp_path / "kept.key")}
    here, there = (key | {"BROKER_DATABASE_URL": address(db)} for db in (either_market, nowhere))
    older, kept = tmp_path / "older.backup", tmp_path / "kept.checkpoint"
    make_key(tmp_path / "kept.key")
    bring(either_market, described(a_scarce_problem()))
    assert broker("backup", older, **here).code == 0
    bring(either_market, described(replace(a_scarce_problem(), round_key=RoundKey("later"))))
    kept.write_text(broker("checkpoint", **here).out)
    said = broker("verify", "--checkpoint", kept, **here)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert broker("restore", older, **there).code == 0
    assert broker("verify", **there).code == 0
    said = broker("verify", "--checkpoint", kept, **there)
    assert said.code == 6
    assert "this is a rollback" in said.out
    found = broker("verify", "--checkpoint", kept, "--json", **there)
    assert found.code == 6
    assert "rollback" in {one["code"] for one in found.document["violations"]}  # type: ignore[attr-defined]  # a list


def address(db: Database) -> str:
    """Return where a market lives, as its setting says it."""
    return db.url.set(drivername=db.url.get_backend_name()).render_as_string(hide_password=False)


# --- the commands ------------------------------------------------------------------------------


def test_the_commands_say_what_was_written_and_restored(
    migrated: Broker, sound: Path, tmp_path: Path
) -> None:
    migrated("import", sound)
    file = tmp_path / "kept.backup"
    said = migrated("backup", file, "--json").document
    assert said["file"] == str(file)
    assert said["schema"] == SCHEMA
    elsewhere = f"sqlite:///{tmp_path / 'restored.db'}"
    restored = migrated("restore", file, "--json", BROKER_DATABASE_URL=elsewhere).document
    assert restored == said
    assert "sprint-1" in migrated("round", "list", BROKER_DATABASE_URL=elsewhere).out
    assert migrated("backup", file).code == 3
    assert migrated("restore", tmp_path / "none").code == 2
    shutil.copy(sound / "teams.csv", tmp_path / "letter")
    missing = f"sqlite:///{tmp_path / 'more.db'}"
    assert migrated("restore", tmp_path / "letter", BROKER_DATABASE_URL=missing).code == 1
