"""Every page asks the database a few questions, and as few of a full market as of a small one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import ColumnElement, event, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from allocation.problem import RoundKey
from broker.audit import ActorId
from broker.bids.tables import TeamBidRow
from broker.bids.writing import BidWish, save_draft
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.overrides.proposals import OverrideWish
from broker.overrides.tables import OverrideKind, OverrideRow
from broker.policy.versions import Adoption, adopt_policy
from broker.round_tables import RunOutcomeRow
from broker.states import BidState, RunPurpose
from broker.tables import AwardRow, BidRow, DeclineRow, RoundRow, RunRow, TeamRow
from tests.bid_markets import a_draft, team_id
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    OWNER,
    SECOND_ADMIN,
    Places,
    actor,
    bring_people,
    signed_in,
    stranger,
)
from tests.crawling import Words, addresses_of
from tests.markets import NOON, a_change, a_database, bring
from tests.overrides import approve, propose, work
from tests.past import build_past, moved
from tests.policies import a_policy
from tests.rounds import invented_round
from tests.worlds import CONTEST
from web.app import create_app

MOST_QUERIES = 12
FEW, MANY = 10, 400
TEAM = "team-0"
STRANGER = "stranger"
OK = 200
OVERRIDE_SECONDS = 3
NAMED = ("DRAFT", "BID", "AWARD", "DECLINE")
"""What stands for the ids of bids, which differ from market to market."""
VISITORS = (LEAD, MEMBER, OWNER, AUDITOR, ADMIN, STRANGER)
Counts = Mapping[tuple[str, str], int]


@pytest.fixture(scope="module")
def counts(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Counts, Counts]:
    """Return the questions of every page for every visitor, in a small market and in a full one."""
    folder = tmp_path_factory.mktemp("queries")
    few, many = (
        _counts(_a_market(Path(shutil.copy(migrated_file, folder / f"{bids}.db")), bids))
        for bids in (FEW, MANY)
    )
    return few, many


def _a_market(file: Path, bids: int) -> Database:
    """Return two decided rounds and an open one of so many bids each, and drafts of the lead."""
    db = a_database(file)
    build_past(db, bids=bids, rehearsed="past-2")
    folder = invented_round(9, bids)
    ahead = replace(folder, problem=moved(folder.problem, RoundKey(CONTEST), 9), name="Contest")
    bring(db, ahead, is_open=True)
    policy = Adoption(a_policy(), "Because.", proposed_by=ActorId("grace"))
    transact(db, lambda session: adopt_policy(session, policy, a_change()))
    bring_people(db, Places(team=TEAM, other_team="team-1"))
    _override(db)
    wish = BidWish(team_id(db, TEAM), CONTEST, a_draft())
    for _ in range(bids // 5):
        transact(db, lambda session: save_draft(session, actor(db, LEAD), wish, NOON))
    return db


def _override(db: Database) -> None:
    """Take an award of another team away, as two persons do."""
    with reading(db) as session:
        lost = session.scalars(
            select(col(BidRow.key))
            .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
            .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
            .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
            .where(col(TeamRow.key) == "team-1", col(RoundRow.key) == "past-2")
            .order_by(col(BidRow.key))
            .limit(1)
        ).one()
    wish = OverrideWish("past-2", lost, OverrideKind.EXCLUDE, "Because.")
    override_id = propose(db, wish, actor(db, ADMIN))
    work(db, seconds=OVERRIDE_SECONDS)
    approve(db, override_id, actor(db, SECOND_ADMIN))


def _counts(db: Database) -> Counts:
    """Count the questions of every page that answers, by visitor and by what was asked."""
    app = create_app(Settings(f"sqlite:///{db.file}"), lambda: a_change(3).at)
    with reading(db) as session:
        words = _words(session)
    found = {}
    _questions(app, stranger(app), "/")  # the version of the schema is asked for once a process
    for visitor in VISITORS:
        browser = signed_in(app, visitor) if visitor != STRANGER else stranger(app)
        for address in (*addresses_of(app, words), *_started(words)):
            count = _questions(app, browser, address)
            if count is not None:
                found[visitor, _named(address, words)] = count
    app.extensions["desk"].db.dispose()
    db.dispose()
    return found


def _words(session: Session) -> Words:
    """Return one of each for the arguments of routes: a draft, a bid that waits, both ends."""
    own = select(col(TeamBidRow.id)).join(TeamRow, col(TeamRow.id) == col(TeamBidRow.team_id))
    own = own.join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
    own = own.where(col(TeamRow.key) == TEAM, col(RoundRow.key) == CONTEST).limit(1)
    bids = (
        session.scalars(own.where(col(TeamBidRow.state) == BidState.DRAFT)).one(),
        session.scalars(own.where(col(TeamBidRow.state) == BidState.SUBMITTED)).one(),
        _decided(session, "past-2", col(AwardRow.bid_id)),
        _decided(session, "past-1", col(DeclineRow.bid_id), col(DeclineRow.day).is_not(None)),
    )
    return {
        "rounds.key": (CONTEST, "past-1", "past-2", "waiting"),
        "pools.key": ("gpu",),
        "pool_admin.key": ("gpu",),
        "ledger.key": (TEAM,),
        "finance.key": ("past-1",),
        "bid_id": bids,
        "receipt_id": bids,
        "run_id": (_run(session, RunPurpose.REHEARSAL), _run(session, RunPurpose.PUBLICATION)),
        "override_id": (session.scalars(select(col(OverrideRow.id))).one(),),
        "filename": ("app.css",),
    }


def _run(session: Session, purpose: RunPurpose) -> str:
    """Return the rehearsal, or the revision that an override published."""
    kept = select(col(RunOutcomeRow.run_id)).join(RunRow, col(RunRow.id) == RunOutcomeRow.run_id)
    return session.scalars(kept.where(col(RunRow.purpose) == purpose)).one()


def _started(words: Words) -> list[str]:
    """Return forms of new bids that start from a bid of the team."""
    return [f"/bids/new?from=bid-{bid}" for bid in words["bid_id"]]


def _decided(
    session: Session, round_key: str, bid_id: Mapped[str], *which: ColumnElement[bool]
) -> str:
    """Return a bid of the lead's team that was decided one way in a round."""
    own = (
        select(bid_id)
        .join(BidRow, col(BidRow.id) == bid_id)
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .where(col(TeamRow.key) == TEAM, col(RoundRow.key) == round_key, *which)
        .order_by(col(BidRow.key))
    )
    return session.scalars(own.limit(1)).one()


def _named(address: str, words: Words) -> str:
    for name, bid in zip(NAMED, words["bid_id"], strict=True):
        address = address.replace(bid, name)
    rehearsal, revision = words["run_id"]
    address = address.replace(rehearsal, "REHEARSAL").replace(revision, "REVISION")
    return address.replace(words["override_id"][0], "OVERRIDE")


def _questions(app: Flask, browser: FlaskClient, address: str) -> int | None:
    """Count what a page asks the database; nothing where there is no page for this visitor."""
    asked: list[str] = []

    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", note)
    with browser.get(address) as answer:
        status = answer.status_code
    event.remove(engine, "before_cursor_execute", note)
    return len(asked) if status == OK else None


def test_every_page_asks_at_most_twelve_questions_of_the_database(
    counts: tuple[Counts, Counts],
) -> None:
    many = counts[1]

    assert {page: count for page, count in many.items() if count > MOST_QUERIES} == {}
    assert (LEAD, "/bids/DRAFT/edit") in many
    assert (LEAD, "/bids/new?from=bid-AWARD") in many
    assert (LEAD, "/receipts/DECLINE") in many
    assert (ADMIN, "/runs/REHEARSAL") in many
    assert (AUDITOR, "/finance") in many
    assert (AUDITOR, "/finance/periods/past-1") in many
    assert (STRANGER, "/runs/REVISION/awards") in many
    assert (ADMIN, "/overrides/OVERRIDE") in many


def test_no_page_asks_more_questions_the_more_bids_there_are(
    counts: tuple[Counts, Counts],
) -> None:
    few, many = counts

    assert {page: (few[page], count) for page, count in many.items() if few[page] != count} == {}
