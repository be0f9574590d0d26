"""Keys and cursors hold on both databases, and odd values of fields are an error on neither."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from broker.db import Database, reading
from broker.people.tables import ApiAnswerRow
from broker.tables import BidRow
from tests.api import Program, a_draft, issue
from tests.cast import ADMIN, AUDITOR, LEAD
from tests.integration.test_api import ODD, new_bid
from tests.integration.test_sprints import ANNOUNCED_AT
from tests.screens import screens
from tests.sprints import a_market, put_in_force, ticked

GETS = ("/rounds", "/audit/events", "/bids", "/pools", "/rounds/sprint-1/capacity", "/deliveries")


@pytest.fixture
def app(either_market: Database) -> Iterator[Flask]:
    a_market(either_market)
    with screens(either_market) as app:
        yield app


def test_one_key_has_one_effect_however_many_ask_at_once(
    either_market: Database, app: Flask
) -> None:
    secret = issue(either_market, LEAD)
    with ThreadPoolExecutor(6) as hosts:
        answers = list(
            hosts.map(lambda _: Program(app, secret).post("/bids", new_bid(), key="one"), range(6))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.get_data() for answer in answers}) == 1
    with reading(either_market) as session:
        assert session.scalar(select(func.count()).select_from(BidRow)) == 1
        assert session.scalar(select(func.count()).select_from(ApiAnswerRow)) == 1


def test_the_database_keeps_one_answer_for_a_key(either_market: Database, app: Flask) -> None:
    lead = Program(app, issue(either_market, LEAD))
    assert lead.post("/bids", new_bid(), key="one").status_code == 200
    again = text("INSERT INTO api_answer SELECT * FROM api_answer")
    with pytest.raises(IntegrityError), either_market.writer.begin() as connection:
        connection.execute(again)


def test_every_list_is_walked_row_by_row_as_it_stands(either_market: Database, app: Flask) -> None:
    put_in_force(either_market)
    list(ticked(either_market, ANNOUNCED_AT))
    lead = Program(app, issue(either_market, LEAD))
    for title in ("One", "Two"):
        lead.post("/bids", new_bid(draft=a_draft(title=title)))
    auditor = Program(app, issue(either_market, AUDITOR))
    for address in GETS:
        who = lead if address == "/bids" else auditor
        whole = who.get(address, limit=200).json["rows"]
        walked, cursor = [], ""
        while cursor is not None:
            stretch = who.get(address, limit=1, **({"cursor": cursor} if cursor else {}))
            assert stretch.status_code == 200, (address, stretch.text)
            walked, cursor = walked + stretch.json["rows"], stretch.json["next_cursor"]
        assert walked == whole, address
    assert len(auditor.get("/rounds").json["rows"]) == 2


def test_odd_texts_are_an_error_of_the_asker_on_both_databases(
    either_market: Database, app: Flask
) -> None:
    lead, admin = (
        Program(app, issue(either_market, LEAD)),
        Program(app, issue(either_market, ADMIN)),
    )
    for odd in ODD:
        for answer in (
            lead.post("/bids", new_bid(draft=a_draft(title=odd))),
            lead.post("/bids", new_bid(round_key=odd)),
            admin.post("/teams", {"team_key": odd, "name": "x"}),
            admin.get("/rounds", cursor=str(odd)),
            admin.get("/rounds", name=str(odd)),
            admin.get(f"/rounds/{str(odd)[:60].replace('/', '')}x"),
        ):
            assert answer.status_code < 500, (odd, answer.text)
