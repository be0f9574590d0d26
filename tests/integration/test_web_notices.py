"""Notices on the screens: the own ones only, counted until they are read, and chosen by kind."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.db import Database, transact
from broker.notices.causes import tell_opened
from broker.notices.tables import Channel, NoticeKind
from broker.rounds import find_round
from tests.cast import LEAD, MEMBER, OTHER_LEAD, Browser
from tests.markets import NOON

SENTENCE = "Sprint 4 is open for bids."
As = Callable[[str], Browser]


@pytest.fixture
def told_as(past_market: Database, signed_in_as: As) -> As:
    """Return browsers of people whose team heard that a round is open."""
    transact(past_market, lambda s: tell_opened(s, find_round(s, "taking-bids"), NOON))
    return signed_in_as


def unread(browser: FlaskClient) -> int:
    found = re.search(r"(\d+)<span class=\"unseen\"> unread", browser.get("/").text)
    return int(found[1]) if found else 0


def ids(browser: FlaskClient) -> list[str]:
    return [row["id"] for row in browser.get("/notices.json").get_json()["rows"]]


def test_the_own_team_reads_what_strangers_do_not_see(told_as: As) -> None:
    assert SENTENCE in told_as(LEAD).get("/notices").text
    assert SENTENCE not in told_as(OTHER_LEAD).get("/notices").text
    assert (unread(told_as(LEAD)), unread(told_as(OTHER_LEAD))) == (1, 0)


def test_a_notice_is_counted_until_it_is_read(told_as: As) -> None:
    lead, member = told_as(LEAD), told_as(MEMBER)
    [notice_id] = ids(lead)
    assert lead.post(f"/notices/{notice_id}/read").status_code == 303
    assert (unread(lead), unread(member)) == (0, 1)
    assert ids(lead) == [notice_id]


def test_the_whole_list_is_read_at_once_up_to_what_it_showed(told_as: As) -> None:
    lead = told_as(LEAD)
    until = {"until": "2026-02-20T11:59:00+00:00"}
    assert lead.post("/notices/read", data=until).status_code == 303
    assert unread(lead) == 1
    assert lead.post("/notices/read", data={"until": NOON.isoformat()}).status_code == 303
    assert unread(lead) == 0
    assert lead.post("/notices/read", data={"until": "yesterday"}).status_code == 422


def test_a_strangers_notice_is_as_unknown_as_one_that_is_not_there(told_as: As) -> None:
    [notice_id] = ids(told_as(LEAD))
    rival = told_as(OTHER_LEAD)
    answers = [rival.post(f"/notices/{one}/read") for one in (notice_id, "none")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert unread(told_as(LEAD)) == 1


def test_what_is_not_ticked_is_not_told(
    past_market: Database, past_app: Flask, signed_in_as: As
) -> None:
    del past_app
    lead = signed_in_as(LEAD)
    assert lead.get("/notices/settings").text.count(" checked") == len(NoticeKind) * len(Channel)
    answer = lead.post("/notices/settings", data={"wanted": "to-approve/mail"})
    assert answer.status_code == 303
    kept = lead.get("/notices/settings").text
    assert kept.count(" checked") == 1
    assert 'value="to-approve/mail" checked' in kept
    transact(past_market, lambda s: tell_opened(s, find_round(s, "taking-bids"), NOON))
    assert ids(lead) == []
