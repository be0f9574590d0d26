"""The audit log proves what happened: nothing changes without it, and nobody rewrites it unseen."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event, func, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

import broker.every_table
from broker.audit import record
from broker.db import Database, reading, transact
from broker.errors import Refused, Unrecorded
from broker.people.erasing import NAME, erase_person
from broker.people.persons import disable_person, find_person
from broker.people.tables import PersonRow
from broker.proofs.audited import NOT_AUDITED, SEALED, audited_tables
from broker.proofs.checkpoints import public_hex
from broker.proofs.keeping import take_checkpoint
from broker.proofs.leaves import leaf_of
from broker.proofs.logs import log_consistency, log_inclusion, log_root, log_size, logged_event
from broker.proofs.sealed import sealed_entries
from broker.proofs.tables import AuditLeafRow, SaltRow
from broker.proofs.trees import is_consistent, root_by_inclusion, root_of
from broker.proofs.verifying import Evidence, collect, verify
from broker.rounds import close_round, find_round
from broker.schema import migrate, move_schema
from broker.tables import AuditEventRow, Table, TeamRow
from tests.cast import ADMIN, MEMBER, OPERATOR, SECOND_ADMIN, actor, bring_people
from tests.intruders import a_strangers_connection, past_the_log
from tests.markets import NOON, a_change, a_database, a_scarce_problem, bring, described, run_it
from tests.past import build_past
from tests.postgresql import a_market

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BEFORE = "0020"
"""The schema before the log was proved."""
EVIDENCE = Evidence(public_hex(KEY.public_key()))


def findings(db: Database, evidence: Evidence = EVIDENCE) -> list[str]:
    with reading(db) as session:
        return list(map(str, collect(verify(session, evidence)).findings))


def a_decided_round(db: Database) -> None:
    bring(db, described(a_scarce_problem()))
    run_it(db)


def register(session: Session, key: str = "new") -> None:
    session.add(TeamRow(id=f"id-{key}", key=key, name="A team"))


# --- nothing changes without it ----------------------------------------------------------------


def test_a_decided_round_is_clean(either_market: Database) -> None:
    a_decided_round(either_market)
    transact(either_market, lambda session: take_checkpoint(session, KEY, NOON))
    assert findings(either_market) == []


def test_no_audited_row_changes_without_an_event(either_market: Database) -> None:
    with pytest.raises(Unrecorded, match="Rows of team changed"):
        transact(either_market, register)
    with reading(either_market) as session:
        assert session.scalar(select(func.count()).select_from(TeamRow)) == 0


def test_a_failing_audit_insert_refuses_the_change(either_market: Database) -> None:
    dialect = either_market.writer.dialect.name

    def fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        del connection, cursor
        if "INSERT INTO audit_leaf" in statement:
            raise IntegrityError(statement, None, Exception(f"{dialect} has no room"))

    def work(session: Session) -> None:
        register(session)
        record(session, a_change(), "team.registered", "team:new")

    event.listen(either_market.writer, "before_cursor_execute", fail)
    with pytest.raises(IntegrityError, match="has no room"):
        transact(either_market, work)
    event.remove(either_market.writer, "before_cursor_execute", fail)
    with reading(either_market) as session:
        counts = [session.scalar(select(func.count()).select_from(t)) for t in (TeamRow,)]
        assert [*counts, log_size(session)] == [0, 0]


def test_every_way_to_write_is_noted(either_market: Database) -> None:
    """Rows of the session, in bulk, by a condition, by hand: the last event vouches for them."""

    def work(session: Session) -> None:
        register(session)
        session.execute(text("INSERT INTO team VALUES ('a', 'a', 'x'), ('b', 'b', 'x')"))
        session.execute(text("UPDATE team SET name = 'y' WHERE name = 'x'"))
        session.execute(text("UPDATE team SET id = 'c' WHERE id = 'b'"))
        session.execute(text("DELETE FROM team WHERE id = 'a'"))
        record(session, a_change(), "team.registered", "team:new")

    transact(either_market, work)
    with reading(either_market) as session:
        [changes] = session.scalars(select(col(AuditLeafRow.changes)))
        lines = json.loads(changes or "")["team"]
    assert {key: hash_ is not None for key, hash_ in lines.items()} == {
        "id-new": True,
        "a": False,
        "b": False,
        "c": True,
    }
    assert findings(either_market) == []


def test_a_stranger_to_the_market_cannot_write_what_is_audited(market: Database) -> None:
    connection = sqlite3.connect(market.file)
    with pytest.raises(sqlite3.OperationalError, match="no such function: note_change"):
        connection.execute("INSERT INTO team VALUES ('a', 'a', 'x')")
    connection.close()


def test_what_a_stranger_writes_all_the_same_is_found(market: Database) -> None:
    a_decided_round(market)
    connection = a_strangers_connection(market.file)
    connection.execute("UPDATE team SET name = 'x'")
    connection.execute("INSERT INTO team VALUES ('a', 'a', 'x')")
    connection.close()
    found = findings(market)
    assert "row: Row a of team is there, and no event speaks of it." in found
    assert any("of team is not what event" in line for line in found)


def test_what_was_written_past_the_log_is_never_taken_in_later(either_market: Database) -> None:
    a_decided_round(either_market)
    with past_the_log(either_market) as session:
        session.execute(text("UPDATE team SET name = 'x'"))

    def work(session: Session) -> None:
        register(session)
        record(session, a_change(5), "team.registered", "team:new")

    transact(either_market, work)
    assert any("of team is not what event" in line for line in findings(either_market))


def test_every_module_of_tables_is_known() -> None:
    """Else its tables would be neither audited nor in a backup."""
    package = Path(broker.every_table.__file__)
    text_ = package.read_text(encoding="utf-8")
    modules = [file.parent.name for file in package.parent.glob("*/tables.py")]
    assert [name for name in modules if f"import broker.{name}.tables" not in text_] == []


def test_every_table_is_audited_or_says_why_not(market: Database) -> None:
    assert set(NOT_AUDITED) <= set(Table.metadata.tables)
    assert set(SEALED) <= set(audited_tables())
    with reading(market) as session:
        rows = session.execute(text("SELECT tbl_name FROM sqlite_master WHERE name LIKE 'note_%'"))
        noted = {name for (name,) in rows}
    assert noted == set(audited_tables()) - set(SEALED)


# --- nobody rewrites it ------------------------------------------------------------------------

FORBIDDEN = {
    "changing an event": "UPDATE audit_event SET actor = 'eve'",
    "deleting an event": "DELETE FROM audit_event",
    "changing a leaf": "UPDATE audit_leaf SET changes = NULL",
    "deleting a leaf": "DELETE FROM audit_leaf",
    "leaving leaves out": (
        "INSERT INTO audit_leaf SELECT sequence + 5, changes, hashes, head FROM audit_leaf "
        "WHERE sequence = 1"
    ),
    "changing a checkpoint": "UPDATE audit_checkpoint SET line = '{}'",
    "deleting a checkpoint": "DELETE FROM audit_checkpoint",
    "a checkpoint of what is not there": (
        "INSERT INTO audit_checkpoint SELECT size + 99, taken_at, line FROM audit_checkpoint"
    ),
    "an earlier checkpoint": (
        "INSERT INTO audit_checkpoint SELECT size - 1, taken_at, line FROM audit_checkpoint"
    ),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def decided(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a decided round with a checkpoint, which nothing in here can change."""
    if request.param == "postgresql":
        with a_market(request.getfixturevalue("server")) as db:
            yield _kept(db)
        return
    place = tmp_path_factory.mktemp("decided") / "broker.db"
    db = a_database(Path(shutil.copy(request.getfixturevalue("migrated_file"), place)))
    yield _kept(db)
    db.dispose()


def _kept(db: Database) -> Database:
    a_decided_round(db)
    transact(db, lambda session: take_checkpoint(session, KEY, NOON))
    return db


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(decided: Database, deed: str) -> None:
    with pytest.raises(IntegrityError), past_the_log(decided) as session:
        session.execute(text(FORBIDDEN[deed]))


def test_postgresql_refuses_a_leaf_that_is_not_chained(decided: Database) -> None:
    row = "SELECT max(sequence) + 1, changes, hashes, repeat('0', 64)"
    if decided.writer.dialect.name == "sqlite":  # which cannot hash: the check finds it
        row = row.replace("repeat('0', 64)", "hex(zeroblob(32))")
    copied = (
        f"INSERT INTO audit_leaf {row} FROM audit_leaf GROUP BY changes, hashes LIMIT 1"  # ours
    )
    with pytest.raises(IntegrityError), past_the_log(decided) as session:
        session.execute(text(copied))


# --- proofs ------------------------------------------------------------------------------------


def test_the_log_proves_every_event_and_that_it_only_grew(decided: Database) -> None:
    with reading(decided) as session:
        size = log_size(session)
        leaves = [leaf_of(logged_event(session, number)) for number in range(1, size + 1)]
        root = log_root(session, size)
        assert root == root_of(leaves)
        for sequence in range(1, size + 1):
            path = log_inclusion(session, sequence, size)
            assert root_by_inclusion(leaves[sequence - 1], sequence - 1, size, path) == root
            old_root = log_root(session, sequence)
            grown = log_consistency(session, sequence, size)
            assert is_consistent(sequence, old_root, size, root, grown)


def test_a_checkpoint_is_signed_once_for_each_size(decided: Database) -> None:
    taken = [
        transact(decided, lambda session, at=at: take_checkpoint(session, KEY, at))
        for at in (NOON, NOON + dt.timedelta(days=1))
    ]
    assert taken[0] is not None
    assert taken[0] == taken[1]
    assert taken[0].is_signed()


def test_an_older_backup_is_a_rollback_and_another_history_a_fork(market: Database) -> None:
    a_decided_round(market)
    market.dispose()
    older = Path(shutil.copy(market.file, market.file.with_name("older.db")))
    transact(market, lambda session: record(session, a_change(9), "team.seen", "team:a"))
    kept = transact(market, lambda session: take_checkpoint(session, KEY, NOON))
    assert kept is not None
    evidence = Evidence(EVIDENCE.key, (kept,))
    assert findings(market, evidence) == []
    restored = a_database(older)
    assert any("rollback" in line for line in findings(restored, evidence))
    for name in ("other", "another"):
        transact(restored, lambda session, n=name: record(session, a_change(9), n, "team:a"))
    assert any("fork" in line for line in findings(restored, evidence))
    restored.dispose()


# --- bids, people, migrations ------------------------------------------------------------------


def test_before_the_close_nothing_of_a_bid_is_in_the_log(either_market: Database) -> None:
    bring(either_market, described(a_scarce_problem()), is_open=True)
    with reading(either_market) as session:
        written = "".join(map(str, session.scalars(select(col(AuditLeafRow.changes)))))
        assert [table for table in SEALED if f'"{table}"' in written] == []
    transact(either_market, lambda session: close_round(session, "sprint-1", a_change(1)))
    with reading(either_market) as session:
        row = find_round(session, "sprint-1")
        closed = select(col(AuditEventRow.facts)).where(col(AuditEventRow.kind) == "round.closed")
        facts = json.loads(session.scalars(closed).one())
        leaves = [entry.leaf for entry in sealed_entries(session, row.id)]
        assert (facts["sealed_entries"], facts["sealed_root"]) == (4, root_of(leaves).hex())
        assert leaves == sorted(leaves)
    assert findings(either_market) == []


def test_a_person_is_forgotten_and_the_log_still_verifies(either_market: Database) -> None:
    a_market_with_people(either_market)
    second = actor(either_market, SECOND_ADMIN)

    def erase(session: Session) -> None:
        erase_person(session, OPERATOR, MEMBER, second, NOON)

    with pytest.raises(Refused, match="may still sign in"):
        transact(either_market, erase)
    transact(either_market, lambda session: disable_person(session, OPERATOR, MEMBER, NOON))
    with reading(either_market) as session:
        person = find_person(session, MEMBER)
        salt = session.get_one(SaltRow, ("person", person.id)).salt
    transact(either_market, erase)
    with reading(either_market) as session:
        row = session.get_one(PersonRow, person.id)
        assert (row.name, row.email, row.password_hash) == (NAME, "", None)
        assert MEMBER not in row.key
        assert session.get_one(SaltRow, ("person", person.id)).salt != salt
    assert findings(either_market) == []


def test_nobody_erases_alone(market: Database) -> None:
    a_market_with_people(market)
    admin, member = actor(market, ADMIN), actor(market, MEMBER)
    transact(market, lambda session: disable_person(session, OPERATOR, MEMBER, NOON))
    for approver in (admin, member, OPERATOR):
        with pytest.raises(Refused, match="Nobody who may"):
            transact(
                market, lambda session, a=approver: erase_person(session, admin, MEMBER, a, NOON)
            )


def a_market_with_people(db: Database) -> None:
    build_past(db, bids=4)
    bring_people(db)


def test_a_log_from_before_is_taken_in_with_every_row(market: Database) -> None:
    a_decided_round(market)
    move_schema(market, command.downgrade, BEFORE)
    assert "audit_leaf" not in inspect(market.writer).get_table_names()
    migrate(market)
    assert findings(market) == []
    with reading(market) as session:
        last = select(AuditEventRow).order_by(col(AuditEventRow.sequence).desc()).limit(1)
        row = session.scalars(last).one()
    assert (row.kind, row.actor) == ("schema.migrated", "migration")
    assert json.loads(row.facts)["rows"]["award"] >= 1
