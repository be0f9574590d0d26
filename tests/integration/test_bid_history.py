"""Bids that were there before there were versions keep all that they said, on each database."""

from __future__ import annotations

import json

from alembic import command
from sqlalchemy import text

from broker.bids.openings import check_submissions
from broker.bids.reading import history_of, list_bids, receipt_of_submission
from broker.bids.submissions import commitment_to
from broker.db import Database, reading, writing
from broker.rounds import close_round, find_round
from broker.schema import move_schema
from tests.bid_markets import a_draft, a_lead, look, open_for_bids, submitted, team_id
from tests.markets import a_change, a_scarce_problem, bring, described, run_it


def test_a_bid_of_an_older_version_gets_its_first_version_and_a_commitment(
    either_market: Database,
) -> None:
    db = either_market
    bring(db, described(a_scarce_problem()), is_open=False)
    run_it(db)
    move_schema(db, command.downgrade, "0007")
    move_schema(db, command.upgrade, "head")
    with reading(db) as session:
        assert list(check_submissions(session, find_round(session, "sprint-1"))) == []


def test_an_open_round_goes_on_after_the_upgrade(either_market: Database) -> None:
    db = either_market
    open_for_bids(db)
    bid = submitted(db, a_draft('Größe ‘ü’ "1"'))
    move_schema(db, command.downgrade, "0007")
    move_schema(db, command.upgrade, "head")
    lead = a_lead(db)
    [listed] = look(db, list_bids, lead, team_id(db, "red"))
    assert (listed.id, listed.key, listed.version) == (bid.id, bid.key, 1)
    [way] = listed.draft.alternatives
    assert (listed.draft.title, way.items) == (bid.draft.title, bid.draft.alternatives[0].items)
    receipt = look(db, receipt_of_submission, lead, bid.id)
    assert commitment_to(receipt.document, receipt.salt) == receipt.commitment
    assert json.loads(receipt.document)["bid_key"] == bid.key
    assert [one.written_by for one in look(db, history_of, lead, bid.id)] == ["migration"]
    with writing(db) as session:
        close_round(session, "sprint-1", a_change(2))
    with reading(db) as session:
        assert list(check_submissions(session, find_round(session, "sprint-1"))) == []
        assert session.scalar(text("SELECT count(*) FROM bid_version")) == 1
