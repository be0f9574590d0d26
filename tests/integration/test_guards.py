"""What is decided stays: the database itself refuses to rewrite it, whoever asks.

Every guard is also taken away once: the same statement then goes through.
"""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from broker.db import Database, writing
from broker.schema import move_schema
from broker.states import RunPurpose
from tests.builders import a_problem
from tests.markets import a_scarce_problem, bring, described, run_it

NEVER = "is never changed"
FORBIDDEN = {
    "changing an event": ("UPDATE audit_event SET actor = 'eve'", NEVER),
    "deleting an event": ("DELETE FROM audit_event WHERE sequence = 1", NEVER),
    "cutting the log's tail": (
        "DELETE FROM audit_event WHERE sequence = (SELECT max(sequence) FROM audit_event)",
        NEVER,
    ),
    "replacing an event": (
        "INSERT OR REPLACE INTO audit_event VALUES (1, 'now', 'eve', 'k', 's', '{}')",
        "the audit log has no gaps",
    ),
    "leaving a gap in the log": (
        "INSERT INTO audit_event SELECT max(sequence) + 2, '', '', '', '', '' FROM audit_event",
        "the audit log has no gaps",
    ),
    "rewriting a snapshot": ("UPDATE snapshot SET document = '{}'", NEVER),
    "replacing a snapshot": (
        "INSERT OR REPLACE INTO snapshot SELECT round_id, '{}', '0', '0', 'now' FROM snapshot",
        NEVER,
    ),
    "deleting a snapshot": ("DELETE FROM snapshot", NEVER),
    "changing an award": ("UPDATE award SET payment_credits = 0", NEVER),
    "deleting an award": ("DELETE FROM award", NEVER),
    "changing a decline": ("UPDATE decline SET reason = 'policy'", NEVER),
    "deleting a decline": ("DELETE FROM decline", NEVER),
    "changing a list price": ("UPDATE list_price SET list_price_microcredits = 1", NEVER),
    "deleting a list price": ("DELETE FROM list_price", NEVER),
    "adding an award to a published run": (
        "INSERT INTO award SELECT run_id, bid_id, 1, '2026-03-02', 1, 1, 1 FROM decline",
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
        "only an open round takes bids",
    ),
    "changing a bid after the close": (
        "UPDATE bid SET submitted_at = '2020-01-01T00:00:00.000000Z'",
        "only an open round takes bids",
    ),
    "changing an offer after the close": (
        "UPDATE alternative SET offer_credits_per_lot = 999",
        "only an open round takes bids",
    ),
    "adding an alternative after the close": (
        "INSERT INTO alternative SELECT bid_id, 2, 'spot', 1, 1, 1, 1, '', '' FROM alternative",
        "only an open round takes bids",
    ),
    "deleting an item after the close": ("DELETE FROM item", "only an open round takes bids"),
}


@pytest.fixture
def published(market: Database) -> Database:
    bring(market, described(a_scarce_problem()))
    run_it(market)
    return market


def try_to(db: Database, statement: str) -> None:
    with writing(db) as session:
        assert session.execute(text(statement)).rowcount > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(published: Database, deed: str) -> None:
    statement, sentence = FORBIDDEN[deed]
    with pytest.raises(IntegrityError, match=sentence):
        try_to(published, statement)


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_without_its_guard_nothing_would_refuse(published: Database, deed: str) -> None:
    move_schema(published, command.downgrade, "0001")
    try_to(published, FORBIDDEN[deed][0])


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
