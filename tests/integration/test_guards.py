"""What is decided stays: both databases themselves refuse to rewrite it, whoever asks.

Every guard is also taken away once: the same statement then goes through.
"""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import URL, text
from sqlalchemy.exc import IntegrityError

from broker.db import Database, writing
from broker.schema import move_schema
from broker.states import RunPurpose
from tests.builders import a_problem
from tests.markets import a_scarce_problem, bring, described, run_it
from tests.postgresql import a_market

NEVER = "is never changed"
ONLY_OPEN = "only an open round takes bids"
EVENT = "audit_event (sequence, happened_at, actor, kind, subject, facts)"
SNAPSHOT = "snapshot (round_id, document, document_sha256, problem_sha256, taken_at)"
GAP = "SELECT max(sequence) + 2, max(happened_at), '', '', '', '' FROM audit_event"
FIRST = "VALUES (1, 'now', 'eve', 'k', 's', '{}')"
ANOTHER_SNAPSHOT = "SELECT round_id, '{}', '0', '0', 'now' FROM snapshot"
SECOND_WAY = "bid_id, 2, tier, 1, 1, 1, 1, earliest_start, latest_start"
FORBIDDEN = {
    "changing an event": ("UPDATE audit_event SET actor = 'eve'", NEVER),
    "deleting an event": ("DELETE FROM audit_event WHERE sequence = 1", NEVER),
    "cutting the log's tail": (
        "DELETE FROM audit_event WHERE sequence = (SELECT max(sequence) FROM audit_event)",
        NEVER,
    ),
    "leaving a gap in the log": (
        f"INSERT INTO {EVENT} {GAP}",
        "the audit log has no gaps",
    ),
    "rewriting a snapshot": ("UPDATE snapshot SET document = '{}'", NEVER),
    "deleting a snapshot": ("DELETE FROM snapshot", NEVER),
    "changing an award": ("UPDATE award SET payment_credits = 0", NEVER),
    "deleting an award": ("DELETE FROM award", NEVER),
    "changing a decline": ("UPDATE decline SET reason = 'policy'", NEVER),
    "deleting a decline": ("DELETE FROM decline", NEVER),
    "changing a list price": ("UPDATE list_price SET list_price_microcredits = 1", NEVER),
    "deleting a list price": ("DELETE FROM list_price", NEVER),
    "adding an award to a published run": (
        "INSERT INTO award SELECT run_id, bid_id, 1, starts_on, 1, 1, 1 FROM decline, round",
        "only a checked run gets results",
    ),
    "changing a published run": (
        "UPDATE run SET report = '{}' WHERE state = 'published'",
        "a published run is never changed",
    ),
    "unpublishing a run": (
        "UPDATE run SET state = 'stale' WHERE state = 'published'",
        "a published run is never changed",
    ),
    "adding a bid after the close": (
        "INSERT INTO bid SELECT 'new', round_id, team_id, 'b9', '', NULL FROM bid LIMIT 1",
        ONLY_OPEN,
    ),
    "changing a bid after the close": ("UPDATE bid SET title = 'Another'", ONLY_OPEN),
    "changing an offer after the close": (
        "UPDATE alternative SET offer_credits_per_lot = 999",
        ONLY_OPEN,
    ),
    "adding an alternative after the close": (
        f"INSERT INTO alternative SELECT {SECOND_WAY} FROM alternative",  # noqa: S608  # ours
        ONLY_OPEN,
    ),
    "deleting an item after the close": ("DELETE FROM item", ONLY_OPEN),
}
REPLACED = {
    "replacing an event": (
        f"INSERT OR REPLACE INTO {EVENT} {FIRST}",
        "the audit log has no gaps",
    ),
    "replacing a snapshot": (
        f"INSERT OR REPLACE INTO {SNAPSHOT} {ANOTHER_SNAPSHOT}",
        NEVER,
    ),
}
"""What only SQLite can be asked."""


@pytest.fixture
def published(either_market: Database) -> Database:
    return publish(either_market)


def publish(db: Database) -> Database:
    bring(db, described(a_scarce_problem()))
    run_it(db)
    return db


def try_to(db: Database, statement: str) -> None:
    with writing(db) as session:
        assert session.execute(text(statement)).rowcount > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(published: Database, deed: str) -> None:
    statement, sentence = FORBIDDEN[deed]
    with pytest.raises(IntegrityError, match=sentence):
        try_to(published, statement)


@pytest.mark.parametrize("deed", REPLACED)
def test_a_file_refuses_to_replace_what_stays(market: Database, deed: str) -> None:
    statement, sentence = REPLACED[deed]
    with pytest.raises(IntegrityError, match=sentence):
        try_to(publish(market), statement)


@pytest.mark.parametrize("deed", [*FORBIDDEN, *REPLACED])
def test_without_its_guard_nothing_would_refuse(market: Database, deed: str) -> None:
    move_schema(publish(market), command.downgrade, "0001")
    try_to(market, (FORBIDDEN | REPLACED)[deed][0])


def test_without_their_guards_a_server_would_refuse_nothing(server: URL) -> None:
    with a_market(server) as db:
        move_schema(publish(db), command.downgrade, "0001")
        for statement, _ in FORBIDDEN.values():
            with db.writer.connect() as connection:
                assert connection.execute(text(statement)).rowcount > 0
                connection.rollback()


def test_a_rehearsal_can_never_be_published(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    run_it(market, purpose=RunPurpose.REHEARSAL)
    with pytest.raises(IntegrityError, match="rehearsals_stay_unpublished"):
        try_to(market, "UPDATE run SET state = 'published'")


IMPOSSIBLE = {
    "negative units": "UPDATE capacity SET reserved_units = -1",
    "a fraction of a unit": "UPDATE capacity SET reserved_units = 1.5",
    "negative credits": "UPDATE round_team SET credits = -1",
    "a negative reserve price": "UPDATE round_pool SET reserve_price_credits = -1",
    "an unknown kind of pool": "UPDATE pool SET kind = 'gold'",
    "an unknown state": "UPDATE round SET state = 'pending'",
    "a sprint of 367 days": "UPDATE round SET days = 367",
    "a published round without its moment": "UPDATE round SET state = 'published'",
    "a lease of nobody": "UPDATE round SET lease_until = 'now'",
    "an offer of nothing": "UPDATE alternative SET offer_credits_per_lot = 0",
    "lots out of order": "UPDATE alternative SET min_lots = 7",
    "a window out of order": "UPDATE alternative SET latest_start = '2026-03-01'",
    "an unknown tier": "UPDATE alternative SET tier = 'gold'",
    "an item of no units": "UPDATE item SET units_per_lot = 0",
    "an item of no pool": "UPDATE item SET pool_id = 'nowhere'",
    "a bid of no team": "UPDATE bid SET team_id = 'nobody'",
    "two bids of one key": "UPDATE bid SET key = 'b1'",
}


@pytest.mark.parametrize("deed", IMPOSSIBLE)
def test_the_tables_hold_nothing_impossible(market: Database, deed: str) -> None:
    bring(market, described(a_scarce_problem()), is_open=True)
    with pytest.raises(IntegrityError):
        try_to(market, IMPOSSIBLE[deed])


def test_an_empty_round_can_be_published(market: Database) -> None:
    bring(market, described(a_problem()))
    assert run_it(market).outcome_sha256
