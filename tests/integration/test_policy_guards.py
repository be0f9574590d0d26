"""The database itself refuses to rewrite policies and what a close has frozen."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from broker.db import Database, reading, writing
from broker.policy.versions import policy_of_round
from broker.rounds import close_round, find_round
from tests.policies import a_policy
from tests.policy_markets import (
    CLOSED_DOOR,
    adopt,
    an_open_round,
    bid,
    do,
)

FORBIDDEN = {
    "changing a policy": "UPDATE policy_version SET document = '{}'",
    "deleting a policy": "DELETE FROM policy_version",
    "leaving out a version": (
        "INSERT INTO policy_version SELECT 7, document, document_sha256, author, NULL, reason, "
        "adopted_at, in_force_from FROM policy_version"
    ),
    "changing a multiplier": "UPDATE bid_score SET multiplier_percent = 200",
    "deleting a multiplier": "DELETE FROM bid_score",
    "changing a factor": "UPDATE bid_factor SET percent = 200",
    "deleting a factor": "DELETE FROM bid_factor",
    "adding a factor": "INSERT INTO bid_factor SELECT bid_id, 9, 'theme', 200, '' FROM bid_score",
    "changing a bar": "UPDATE barred_alternative SET reason = 'policy'",
    "deleting a bar": "DELETE FROM barred_alternative",
    "adding a bar": (
        "INSERT INTO barred_alternative SELECT bid_id, number, 9, 'policy', NULL, '' "
        "FROM alternative"
    ),
    "changing the policy of a round": "UPDATE round_policy SET policy_version = NULL",
    "deleting the policy of a round": "DELETE FROM round_policy",
    "changing a pledge after the close": "UPDATE bid_pledge SET theme_key = 'care'",
    "deleting a pledge after the close": "DELETE FROM bid_pledge",
    "approving the own policy": (
        "INSERT INTO policy_version SELECT 2, document, document_sha256, 'eve', 'eve', reason, "
        "adopted_at, in_force_from FROM policy_version"
    ),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(either_market: Database, deed: str) -> None:
    adopt(either_market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(either_market)
    bid(either_market, "b1")
    bid(either_market, "b2", team="blue")
    do(either_market, close_round, "sprint-1", hours=1)
    with pytest.raises(IntegrityError), Session(either_market.writer) as session, session.begin():
        session.execute(text(FORBIDDEN[deed]))


def test_sqlite_lets_nobody_replace_a_policy(market: Database) -> None:
    adopt(market, a_policy())
    replacing = (
        "INSERT OR REPLACE INTO policy_version SELECT 1, '{}', document_sha256, author, NULL, "
        "reason, adopted_at, in_force_from FROM policy_version"
    )
    with (
        pytest.raises(IntegrityError, match="policies follow each other"),
        writing(market) as session,
    ):
        session.execute(text(replacing))


def test_a_round_that_is_still_open_shows_no_frozen_policy(market: Database) -> None:
    adopt(market, a_policy())
    an_open_round(market)
    with reading(market) as session:
        assert policy_of_round(session, find_round(session, "sprint-1")) is None
