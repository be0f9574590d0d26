"""The database itself refuses every illegal deed in the ledger, whoever asks: on both databases.

Each deed differs from the legal one in one thing. On SQLite each guard is also taken away once: the
same deed then goes through, so that it is the guard that refuses.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from broker.db import Database, transact
from broker.errors import Busy
from broker.ledger.periods import begin_period, close_period
from tests.builders import day
from tests.intruders import a_strangers_connection, past_the_log
from tests.ledgers import settle_one, team_ids, violations
from tests.markets import a_change, a_database
from tests.postgresql import a_market

EVENT = (
    "INSERT INTO audit_event (sequence, happened_at, actor, kind, subject, facts) "
    "SELECT max(sequence) + 1, max(happened_at), 'eve', 'ledger.endowment', 'journal:k', '{}' "
    "FROM audit_event"
)
FIELDS = {
    "number": "max(sequence)",
    "idempotency_key": "'k'",
    "kind": "'endowment'",
    "period_key": "'second'",
    "posted_at": "max(happened_at)",
    "actor": "'eve'",
    "approver": "'ada'",
    "reason": "'Why not.'",
    "transfer_count": "1",
    "amount_credits": "10",
    "transfers_sha256": "'0'",
}


def move(debit: str = "available/RED", credit: str = "spent/RED", amount: int = 10) -> str:
    return (
        "INSERT INTO transfer (journal_number, debit_account, credit_account, amount_credits) "  # noqa: S608
        f"SELECT max(sequence), '{debit}', '{credit}', {amount} FROM audit_event"
    )


def journal(**changed: str) -> str:
    fields = FIELDS | changed
    columns, values = ", ".join(fields), ", ".join(fields.values())
    return f"INSERT INTO journal ({columns}) SELECT {values} FROM audit_event"  # noqa: S608  # our constants


LEGAL = (EVENT, move(), journal())
ANY_KEY = "(SELECT min(idempotency_key) FROM journal)"
ADD = (
    "INSERT INTO transfer (journal_number, debit_account, credit_account, amount_credits) "
    "SELECT max(number), 'available/RED', 'spent/RED', 10 FROM journal"
)
COPIED = "SELECT id, journal_number, debit_account, credit_account, 1, bid_id FROM transfer"
OUT_OF_ORDER = (
    "INSERT INTO period (key, position, starts_on, begun_at) "
    "SELECT 'third', 7, max(starts_on), max(begun_at) FROM period"
)
FORBIDDEN: dict[str, tuple[tuple[str, ...], str]] = {
    "an overdraft": ((EVENT, move(amount=10**6), journal(amount_credits="1000000")), "overdraft"),
    "nothing": ((EVENT, move(amount=0), journal(amount_credits="0")), "at_least_1"),
    "less than nothing": ((EVENT, move(amount=-10), journal(amount_credits="-10")), "at_least_1"),
    "from an account to itself": (
        (EVENT, move(credit="available/RED"), journal()),
        "between_two_accounts",
    ),
    "from one team to another": (
        (EVENT, move(credit="available/BLUE"), journal()),
        "credits move between the accounts of one team",
    ),
    "an own approval": ((EVENT, move(), journal(approver="'eve'")), "approver_is_another"),
    "an endowment by hand of one person": (
        (EVENT, move(), journal(kind="'endowment-by-hand'", approver="NULL")),
        "by_hand_needs_two_and_a_reason",
    ),
    "an endowment by hand without a reason": (
        (EVENT, move(), journal(kind="'endowment-by-hand'", reason="''")),
        "by_hand_needs_two_and_a_reason",
    ),
    "a hold of no round": ((EVENT, move(), journal(kind="'hold'")), "of_a_round"),
    "a kind that nobody knows": ((EVENT, move(), journal(kind="'gift'")), "kind_known"),
    "into a closed period": (
        (EVENT, move(), journal(period_key="'sprint-1'")),
        "a closed period does not change",
    ),
    "into no period": ((EVENT, move(), journal(period_key="'third'")), "closed period"),
    "a journal of another sum": (
        (EVENT, move(), journal(amount_credits="11")),
        "a journal is the sum of its transfers",
    ),
    "a journal of more transfers than it says": (
        (EVENT, move(amount=5), move(amount=5), journal()),
        "a journal is the sum of its transfers",
    ),
    "a journal of no transfers": ((EVENT, journal()), "a journal is the sum of its transfers"),
    "a transfer of no journal": ((EVENT, move()), "FOREIGN KEY|foreign key"),
    "a journal of no audit event": (
        (move().replace("max(sequence)", "max(sequence) + 1"), journal(number="max(sequence) + 1")),
        "FOREIGN KEY|foreign key",
    ),
    "a transfer more in a posted journal": ((ADD,), "a posted journal takes no more transfers"),
    "one key twice": (
        (EVENT, move(), journal(idempotency_key=ANY_KEY)),
        "Others were faster|an idempotency key has one journal",
    ),
    "a changed transfer": (("UPDATE transfer SET amount_credits = 1",), "never changed"),
    "a deleted transfer": (("DELETE FROM transfer",), "never changed"),
    "a changed journal": (("UPDATE journal SET actor = 'eve'",), "never changed"),
    "a deleted journal": (("DELETE FROM journal",), "never changed"),
    "a balance written by hand": (
        ("UPDATE account SET balance_credits = balance_credits + 1",),
        "only a transfer changes a balance",
    ),
    "a balance posted again": (
        ("UPDATE account SET balance_credits = balance_credits + 1, last_transfer = 1",),
        "only a transfer changes a balance",
    ),
    "an account given away": (
        ("UPDATE account SET id = 'spent/BLUE', team_id = 'BLUE' WHERE id = 'held/RED'",),
        "only a transfer changes a balance",
    ),
    "a deleted account": (("DELETE FROM account",), "never changed"),
    "an account opened with credits on it": (
        ("INSERT INTO account SELECT 'refund/RED', 'refund', 'RED', 5, 0",),
        "an account is opened once, with nothing on it",
    ),
    "an account of nobody": (
        ("INSERT INTO account SELECT 'held/x', 'held', 'RED', 0, 0",),
        "id_says_whose",
    ),
    "a period opened again": (
        ("UPDATE period SET closed_at = NULL, closed_by = NULL",),
        "a closed period does not change",
    ),
    "a period that is renamed": (
        ("UPDATE period SET key = 'x' WHERE position = 2",),
        "a closed period",
    ),
    "a deleted period": (("DELETE FROM period",), "never changed"),
    "a period out of order": (
        (OUT_OF_ORDER,),
        "periods follow each other",
    ),
}
REPLACED = {
    "sqlite": {
        "transfer": f"INSERT OR REPLACE INTO transfer {COPIED}",
        "journal": (
            "INSERT OR REPLACE INTO journal SELECT number, idempotency_key, kind, period_key, "
            "posted_at, 'eve', approver, reason, round_id, run_id, corrects, transfer_count, "
            "amount_credits, transfers_sha256 FROM journal"
        ),
        "account": "INSERT OR REPLACE INTO account SELECT id, kind, team_id, 0, 0 FROM account",
        "period": (
            "INSERT OR REPLACE INTO period SELECT key, position, starts_on, begun_at, NULL, NULL "
            "FROM period"
        ),
    },
    "postgresql": {
        "transfer": (
            f"INSERT INTO transfer {COPIED} ON CONFLICT (id) DO UPDATE SET amount_credits = 1"
        ),
        "journal": (
            "INSERT INTO journal SELECT * FROM journal WHERE kind = 'hold' "
            "ON CONFLICT (number) DO UPDATE SET actor = 'eve'"
        ),
        "account": (
            "INSERT INTO account SELECT id, kind, team_id, 0, 0 FROM account "
            "ON CONFLICT (id) DO UPDATE SET balance_credits = 0"
        ),
        "period": (
            "INSERT INTO period SELECT key, 3, starts_on, begun_at, NULL, NULL FROM period "
            "ON CONFLICT (key) DO UPDATE SET closed_at = NULL, closed_by = NULL"
        ),
    },
}


def book(db: Database) -> Database:
    """Move some money, close the first period and begin a second one."""
    settle_one(db)
    transact(db, lambda session: begin_period(session, "second", day(14), a_change(2)))
    transact(db, lambda session: close_period(session, "sprint-1", a_change(3)))
    return db


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def booked(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Return a market that nothing in here can change."""
    if request.param == "postgresql":
        with a_market(request.getfixturevalue("server")) as db:
            yield book(db)
        return
    db = a_database(request.getfixturevalue("booked_file"))
    yield db
    db.dispose()


def with_ids(db: Database, deed: tuple[str, ...]) -> list[str]:
    ids = team_ids(db)
    return [line.replace("RED", ids["red"]).replace("BLUE", ids["blue"]) for line in deed]


def do(db: Database, deed: tuple[str, ...]) -> None:
    lines = with_ids(db, deed)
    with past_the_log(db) as session:
        for line in lines:
            assert session.execute(text(line)).rowcount > 0  # type: ignore[attr-defined]


def test_the_legal_deed_is_accepted(either_market: Database) -> None:
    do(book(either_market), LEGAL)


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(booked: Database, deed: str) -> None:
    statements, sentence = FORBIDDEN[deed]
    with pytest.raises((IntegrityError, Busy), match=sentence):
        do(booked, statements)
    assert violations(booked) == []


@pytest.mark.parametrize("table", REPLACED["sqlite"])
def test_the_database_refuses_to_replace_a_row(booked: Database, table: str) -> None:
    statement = REPLACED[booked.writer.dialect.name][table]
    with pytest.raises(IntegrityError):
        do(booked, (statement,))
    assert violations(booked) == []


@pytest.mark.parametrize("table", ["transfer", "journal", "account", "period"])
def test_postgresql_refuses_to_empty_a_table(booked: Database, table: str) -> None:
    statement = f"TRUNCATE {table} CASCADE"
    if booked.writer.dialect.name == "sqlite":
        statement = f"DELETE FROM {table}"  # noqa: S608  # one of four names
    with pytest.raises(IntegrityError, match="never changed or deleted"):
        do(booked, (statement,))


# --- connections with none of our settings, and guards taken away ----------------------------

BY_FOREIGN_KEY = {"a transfer of no journal", "a journal of no audit event"}
BY_UNIQUE_KEY = {"one key twice"}


@pytest.fixture(scope="module")
def booked_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = a_database(Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("b") / "broker.db")))
    book(db).dispose()
    return db.file


@pytest.fixture
def mine(booked_file: Path, tmp_path: Path) -> Iterator[Database]:
    db = a_database(Path(shutil.copy(booked_file, tmp_path / "booked.db")))
    yield db
    db.dispose()


@pytest.fixture
def stranger(mine: Database) -> sqlite3.Connection:
    """Return a connection that somebody opens with a tool of their own."""
    return a_strangers_connection(mine.file)


def try_alone(connection: sqlite3.Connection, lines: list[str]) -> None:
    with closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        for line in lines:
            connection.execute(line)
        connection.execute("COMMIT")


@pytest.mark.parametrize("deed", [name for name in FORBIDDEN if name not in BY_FOREIGN_KEY])
def test_a_strangers_connection_is_refused_as_well(
    mine: Database, stranger: sqlite3.Connection, deed: str
) -> None:
    statements, sentence = FORBIDDEN[deed]
    with pytest.raises(sqlite3.IntegrityError, match=sentence):
        try_alone(stranger, with_ids(mine, statements))


@pytest.mark.parametrize("table", REPLACED["sqlite"])
def test_a_stranger_can_replace_no_row(stranger: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        try_alone(stranger, [REPLACED["sqlite"][table]])


@pytest.mark.parametrize("deed", [name for name in FORBIDDEN if name not in BY_UNIQUE_KEY])
def test_without_its_guard_nothing_would_refuse(
    mine: Database, stranger: sqlite3.Connection, deed: str
) -> None:
    names = stranger.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'guard_%'"
    ).fetchall()
    for (name,) in names:
        stranger.execute(f"DROP TRIGGER {name}")
    stranger.execute("PRAGMA ignore_check_constraints = ON")
    try_alone(stranger, with_ids(mine, FORBIDDEN[deed][0]))
