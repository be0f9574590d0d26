"""Many hosts ask for the same credits at once: exactly what is there is given out."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import text
from sqlmodel import Session

from broker.db import Database, connect, transact, writing
from broker.errors import Overdrawn
from broker.ledger.journals import ISSUE, AccountId, Journal, Transfer, account_id, post_journal
from broker.ledger.tables import AccountKind, JournalKind
from tests.builders import a_problem, a_team
from tests.ledgers import announce, balances_of, team_ids, violations
from tests.markets import a_change, address_of
from tests.postgresql import a_market

PROCESSES, DEBITS, AMOUNT, CREDITS = 8, 40, 10, 100


def debit(db: Database, account: AccountId, key: str) -> bool:
    """Take some credits and say whether they were there."""
    wish = Journal(JournalKind.CARRY_OVER, key, (Transfer(account, ISSUE, AMOUNT),))
    try:
        transact(db, lambda session: post_journal(session, wish, a_change()))
    except Overdrawn:
        return False
    return True


def one_host(address: str, account: AccountId, number: int, barrier: Barrier) -> int:
    """Debit five times as fast as possible and return how often it worked."""
    db = connect(address)
    barrier.wait(60)
    keys = [f"host-{number}/{n}" for n in range(DEBITS // PROCESSES)]
    accepted = sum(debit(db, account, key) for key in keys)
    db.dispose()
    return accepted


def test_forty_debits_by_eight_hosts_take_exactly_what_is_there(either_market: Database) -> None:
    announce(either_market, a_problem(teams=[a_team("red", CREDITS)]))
    account = account_id(AccountKind.AVAILABLE, team_ids(either_market)["red"])
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(PROCESSES) as pool:
        barrier = manager.Barrier(PROCESSES)
        jobs = [(address_of(either_market), account, n, barrier) for n in range(PROCESSES)]
        accepted = pool.starmap(one_host, jobs, chunksize=1)
    assert sum(accepted) == CREDITS // AMOUNT
    assert balances_of(either_market)["red"].available_credits == 0
    assert violations(either_market) == []


# --- the usual mistake, with the guard and without -------------------------------------------


@pytest.mark.parametrize("has_guard", [True, False])
def test_reading_first_and_moving_then_overspends_unless_the_database_guards(
    request: pytest.FixtureRequest,
    has_guard: bool,  # noqa: FBT001  # a table's column
) -> None:
    with a_market(request.getfixturevalue("server")) as db:
        announce(db, a_problem(teams=[a_team("red", AMOUNT)]))
        if not has_guard:
            with writing(db) as session:
                session.execute(text("ALTER TABLE account DROP CONSTRAINT ck_account_no_overdraft"))
        account = account_id(AccountKind.AVAILABLE, team_ids(db)["red"])
        if has_guard:
            with pytest.raises(Overdrawn):
                spend_twice(db, account)
            assert violations(db) == []
        else:
            spend_twice(db, account)
            assert violations(db) == [f"I2: Account {account} is overdrawn: -10."]


def spend_twice(db: Database, account: AccountId) -> None:
    """Let two transactions see the same balance before either of them moves it."""
    query = text("SELECT balance_credits FROM account WHERE id = :id")
    with Session(db.writer) as first, Session(db.writer) as second:
        for session in (first, second):
            assert session.execute(query, {"id": account}).scalar() == AMOUNT
        for session, key in ((first, "first"), (second, "second")):
            move = Transfer(account, ISSUE, AMOUNT)
            post_journal(session, Journal(JournalKind.CARRY_OVER, key, (move,)), a_change())
            session.commit()
