"""Every route lets in whom the matrix says, and keeps everybody else out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlmodel import col
from werkzeug.test import TestResponse

from broker.access_grants.tables import AccessGrantRow
from broker.bids.tables import BidVersionRow
from broker.bids.templates import save_template
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.ledger.tables import JournalRow
from broker.people.grants import Grant, propose_grant
from broker.proofs.logs import log_size
from broker.states import RunPurpose
from broker.tables import AwardRow, BidRow, DeclineRow, ItemRow, PoolRow, RoundRow, TeamRow
from tests.approvals import ask as ask_for_approval
from tests.cast import (
    LEAD,
    NAMES,
    NEWCOMER,
    OPERATOR,
    OTHER_LEAD,
    Browser,
    actor,
    signed_in,
    stranger,
)
from tests.crawling import pages_of
from tests.logs import sign
from tests.markets import NOON, run_it
from tests.route_matrix import (
    MATRIX,
    OF_A_TEAM,
    OF_ACCESS,
    OF_ADMINS,
    OF_APPROVALS,
    OF_EXPERTS,
    OF_FINANCE,
    OF_ONES_OWN,
    OF_POOLS,
    OPEN_INSIDE,
    ROUNDS,
    SEE_OTHER,
    STRANGER,
    Row,
)
from web.app import create_app

SPRINTS_ARE_OVER = NOON + dt.timedelta(days=60)
LINK = "https://results.example/board"
REPORT = {"delivered": "90", "evidence": "A tenth less", "link": LINK, "follows": "0"}
AREAS = {
    "open": OPEN_INSIDE,
    "teams": OF_A_TEAM,
    "approvals": OF_APPROVALS,
    "access": OF_ACCESS,
    "experts": OF_EXPERTS,
    "rounds": ROUNDS,
    "own": OF_ONES_OWN,
    "admins": OF_ADMINS,
    "pools": OF_POOLS,
    "finance": OF_FINANCE,
}


UNTOLD: Mapping[str, str] = {
    "/account/sessions/none/end": "there is no such session",
    "/admin/people/roles": "it was proposed before",
    "/bids/templates/{template}/remove": "a team's own notes",
    "/bids/{sealed}/template": "a team's own notes",
    "/notices/read": "nothing was unread",
    "/receipts/{lost}/waitlist": "the bid was not waiting",
}
"""What people may ask for that no event tells, each with the reason."""


@pytest.fixture
def app(past_market: Database) -> Iterator[Flask]:
    """Serve the market with a past once its decided sprints are over."""
    settings = Settings(f"sqlite:///{past_market.file}")
    app = create_app(settings, lambda: SPRINTS_ARE_OVER)
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def ids(past_market: Database) -> Mapping[str, str]:
    """Return what the addresses of the matrix name, with a report on the award."""
    wish = Grant(NEWCOMER, "finance-auditor")
    proposed = transact(
        past_market, lambda session: propose_grant(session, OPERATOR, wish, SPRINTS_ARE_OVER)
    )
    rehearsal = run_it(past_market, "waiting", purpose=RunPurpose.REHEARSAL)
    sign(past_market)
    with reading(past_market) as session:
        run = session.scalars(select(col(AwardRow.run_id)).limit(1)).one()
        award = session.scalar(
            select(col(AwardRow.bid_id))
            .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
            .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
            .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
            .join(ItemRow, col(ItemRow.bid_id) == col(AwardRow.bid_id))
            .join(PoolRow, col(PoolRow.id) == col(ItemRow.pool_id))
            .where(col(ItemRow.number) == col(AwardRow.alternative))
            .where(col(TeamRow.key) == "team-0", col(RoundRow.key) == "past-1")
            .where(col(PoolRow.key) == "gpu")
            .limit(1)
        )
        lost = session.scalar(
            select(col(DeclineRow.bid_id))
            .join(BidRow, col(BidRow.id) == col(DeclineRow.bid_id))
            .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
            .where(col(TeamRow.key) == "team-0")
            .limit(1)
        )
        sealed = session.scalar(
            select(col(BidRow.id))
            .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
            .where(col(RoundRow.key) == "taking-bids")
            .limit(1)
        )
        access = session.scalars(select(col(AccessGrantRow.id)).limit(1)).one()
        journal = session.scalars(select(func.min(col(JournalRow.number)))).one()
        red = session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == "red")).one()
    lead = actor(past_market, LEAD)
    kept = transact(
        past_market,
        lambda session: save_template(session, lead, str(sealed), "Kept", SPRINTS_ARE_OVER),
    )
    return {
        "template": kept.id,
        "award": str(award),
        "lost": str(lost),
        "sealed": str(sealed),
        "run": run,
        "rehearsal": rehearsal.run_id,
        "proposed": proposed.id,
        "red": red,
        "access": access,
        "journal": str(journal),
        "request": ask_for_approval(past_market),
    }


def ask(browser: FlaskClient, row: Row, names: Mapping[str, str]) -> TestResponse:
    address = row.address.format(**names)
    if row.method == "GET":
        return browser.get(address)
    return browser.post(address, data={key: text.format(**names) for key, text in row.data.items()})


def browsers(app: Flask) -> dict[str, Browser]:
    return {key: signed_in(app, key) for key in NAMES} | {STRANGER: stranger(app)}


def is_kept_out(answer: TestResponse, visitor: str, row: Row) -> bool:
    if visitor == STRANGER and row.method == "GET":
        return answer.status_code == 303 and urlsplit(answer.location).path == "/sign-in"
    return answer.status_code in {403, 404}


def traces(db: Database) -> int:
    """Count what the logs hold: events, and the versions of bids, of which none speaks yet."""
    with reading(db) as session:
        versions = session.scalar(select(func.count()).select_from(BidVersionRow)) or 0
        return log_size(session) + versions


def wrong_answers(app: Flask, rows: Sequence[Row], ids: Mapping[str, str]) -> Iterator[str]:
    """Tell every answer that is not the one of the matrix; those who are kept out ask first.

    What changes something is in the log afterwards, and what is refused or only reads is not.
    """
    visitors, db = browsers(app), app.extensions["desk"].db
    for row in rows:
        if row.method == "POST":
            visitors = browsers(app)
        tried, told = False, 0
        for visitor in sorted(visitors, key=lambda key: key in row.lets_in):
            if row.is_once and tried:
                break
            before = traces(db)
            answer = ask(visitors[visitor], row, {**ids, "visitor": visitor})
            left = traces(db) - before
            told += left
            if left and (row.method == "GET" or answer.status_code != SEE_OTHER):
                yield f"{row.method} {row.address} as {visitor} is in the log: {answer.status}"
            if visitor in row.lets_in:
                tried = True
                is_right = answer.status_code == row.but.get(visitor, row.hears)
            else:
                is_right = is_kept_out(answer, visitor, row)
            answer.close()
            if not is_right:
                yield f"{row.method} {row.address} as {visitor}: {answer.status}"
        was_done = row.method == "POST" and row.hears == SEE_OTHER and row.lets_in
        if was_done and not told and row.address not in UNTOLD:
            yield f"{row.method} {row.address} was done and is not in the log"


def test_what_the_log_does_not_tell_is_a_route_of_the_matrix() -> None:
    assert set(UNTOLD) <= {row.address for row in MATRIX}


@pytest.mark.parametrize("area", AREAS)
def test_every_route_lets_in_whom_the_matrix_says_and_nobody_else(
    app: Flask, ids: Mapping[str, str], area: str
) -> None:
    if area == "teams":
        reported = signed_in(app, OTHER_LEAD).post(
            f"/deliveries/{ids['award']}/report", data=REPORT
        )
        assert reported.status_code == 303, reported.text
    assert "\n".join(wrong_answers(app, AREAS[area], ids)) == ""


def test_no_route_is_missing_in_the_matrix(app: Flask, ids: Mapping[str, str]) -> None:
    addresses = app.url_map.bind("localhost")
    listed = {
        (addresses.match(row.address.format(**ids), row.method)[0], row.method) for row in MATRIX
    }
    there = {
        (rule.endpoint, method)
        for rule in pages_of(app)
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    assert there - listed == set(), "Say in tests/route_matrix.py who may see these routes."


def test_no_row_of_the_matrix_stands_there_twice() -> None:
    assert len(MATRIX) == len({(row.address, row.method) for row in MATRIX})
