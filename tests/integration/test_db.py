"""Transactions are whole or nothing, readers never wait, and trouble is a sentence."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlmodel import Session

from broker.db import Database, check_schema, reading, transact, writing
from broker.errors import Busy, StorageFailed
from broker.importing import import_round
from broker.tables import InstallationRow
from tests.markets import a_change, row_counts
from tests.rounds import invented_round


def set_for_the_next_writer(db: Database, pragma: str) -> None:
    """Set a pragma on the one pooled connection, which the next writer gets."""
    with db.writer.connect() as connection:
        connection.execute(text(f"PRAGMA {pragma}"))


def note(session: Session, key: str) -> None:
    session.add(InstallationRow(key=key, value="x"))


def test_a_writer_that_waits_too_long_is_told_that_others_hold_the_lock(market: Database) -> None:
    set_for_the_next_writer(market, "busy_timeout=1")
    other = sqlite3.connect(market.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="stayed locked"):
        transact(market, lambda session: note(session, "late"))
    other.execute("ROLLBACK")
    other.close()
    transact(market, lambda session: note(session, "in time"))
    assert row_counts(market)["installation"] == 1


def test_a_reader_sees_the_state_before_a_write_that_is_not_done(market: Database) -> None:
    with writing(market) as session:
        note(session, "half")
        session.flush()
        with reading(market) as reader:
            assert reader.get(InstallationRow, "half") is None
    with reading(market) as reader:
        assert reader.get(InstallationRow, "half") is not None


def test_a_transaction_that_met_a_lock_is_repeated_whole(market: Database) -> None:
    attempts: list[int] = []

    def work(session: Session) -> str:
        attempts.append(len(attempts))
        note(session, f"attempt-{len(attempts)}")
        session.flush()
        if len(attempts) < 3:
            raise Busy("Somebody holds a lock.")
        return "done"

    assert transact(market, work) == "done"
    with reading(market) as session:
        assert session.get(InstallationRow, "attempt-3") is not None
    assert row_counts(market)["installation"] == 1


def test_a_full_disk_is_said_and_leaves_nothing_half_done(market: Database) -> None:
    folder = invented_round(1, 200)

    def bring_it(session: Session) -> None:
        import_round(session, folder, a_change())

    set_for_the_next_writer(market, "max_page_count=1")
    with pytest.raises(StorageFailed, match="disk is full"):
        transact(market, bring_it)
    assert set(row_counts(market).values()) == {0}
    set_for_the_next_writer(market, "max_page_count=1000000")
    transact(market, bring_it)
    assert row_counts(market)["bid"] == 200


def test_writers_in_many_threads_wait_for_each_other(market: Database) -> None:
    def write(number: int) -> None:
        transact(market, lambda session: note(session, f"thread-{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert row_counts(market)["installation"] == 8


def test_a_copy_with_another_kind_of_journal_is_read_and_written(market: Database) -> None:
    market.dispose()
    with closing(sqlite3.connect(market.file)) as connection:
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    check_schema(market)
    transact(market, lambda session: note(session, "written"))
    with reading(market) as session:
        assert session.get(InstallationRow, "written") is not None
    with closing(sqlite3.connect(market.file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
