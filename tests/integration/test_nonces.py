"""The nonce of a tie-break: drawn when its round opens, told by its hash, shown at the close."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from allocation.problem import default_nonce
from broker.access import Actor, Role
from broker.audit import ActorId
from broker.db import Database, reading, transact, writing
from broker.errors import InvalidRound
from broker.importing import import_round
from broker.proofs.verifying import collect, verify
from broker.round_documents import show_round
from broker.rounds import Times, close_round, create_round, find_round, open_round
from broker.rounds_by_hand import announce_round
from broker.snapshots import frozen_problem
from broker.tables import AuditEventRow, RoundRow
from tests.integration.test_books import tamper
from tests.logs import EVIDENCE
from tests.markets import NOON, a_change, a_database
from tests.past import sealed_round
from tests.screens import screens

KEY = "ahead"
OFFER = sealed_round(KEY, 1)


def announce(db: Database) -> None:
    transact(db, lambda session: create_round(session, OFFER, a_change()))


def opened(db: Database) -> str:
    """Open the round, and return the nonce that was drawn."""
    transact(db, lambda session: open_round(session, KEY, a_change()))
    return nonce_of(db)


def nonce_of(db: Database) -> str:
    with reading(db) as session:
        return find_round(session, KEY).nonce


def facts_of(db: Database, kind: str) -> dict[str, object]:
    with reading(db) as session:
        facts = select(col(AuditEventRow.facts)).where(col(AuditEventRow.kind) == kind)
        found: dict[str, object] = json.loads(session.scalars(facts).one())
        return found


def test_the_opening_draws_a_nonce_by_chance_that_nobody_could_know(
    market: Database, tmp_path: Path
) -> None:
    announce(market)
    market.dispose()
    twin = a_database(Path(shutil.copy(market.file, tmp_path / "twin.db")))
    drawn = {opened(market), opened(twin), default_nonce(KEY)}
    twin.dispose()
    assert len(drawn) == 3
    assert all(len(nonce) == 64 for nonce in drawn)


def test_its_hash_is_told_at_once_and_the_nonce_at_the_close(either_market: Database) -> None:
    announce(either_market)
    with reading(either_market) as session:
        told = show_round(session, KEY)
        assert (told["nonce_sha256"], told["nonce"]) == (None, None)
    nonce = opened(either_market)
    sha256 = hashlib.sha256(nonce.encode()).hexdigest()
    assert facts_of(either_market, "round.open")["nonce_sha256"] == sha256
    with reading(either_market) as session:
        told = show_round(session, KEY)
        assert (told["nonce_sha256"], told["nonce"]) == (sha256, None)
        said = "".join(session.scalars(select(col(AuditEventRow.facts))))
        assert nonce not in said
    transact(either_market, lambda session: close_round(session, KEY, a_change(1)))
    assert facts_of(either_market, "round.closed")["nonce"] == nonce
    with reading(either_market) as session:
        assert show_round(session, KEY)["nonce"] == nonce
        assert frozen_problem(session, find_round(session, KEY)).nonce == nonce


def test_no_page_shows_it_before_the_close(market: Database) -> None:
    announce(market)
    nonce = opened(market)
    sha256 = hashlib.sha256(nonce.encode()).hexdigest()
    with screens(market) as app:
        browser = app.test_client()
        before = browser.get(f"/rounds/{KEY}").text
        transact(market, lambda session: close_round(session, KEY, a_change(1)))
        after = browser.get(f"/rounds/{KEY}").text
    assert sha256 in before
    assert nonce not in before
    assert sha256 in after
    assert nonce in after


def test_a_round_from_a_folder_keeps_the_nonce_of_its_folder(market: Database) -> None:
    named = dataclasses.replace(
        OFFER, problem=dataclasses.replace(OFFER.problem, nonce="n1", bids=())
    )
    transact(market, lambda session: import_round(session, named, a_change(), is_open=True))
    assert nonce_of(market) == "n1"


def test_nobody_announces_a_round_with_a_nonce_of_their_own(market: Database) -> None:
    named = dataclasses.replace(
        OFFER, problem=dataclasses.replace(OFFER.problem, nonce="n1", bids=())
    )
    ada = Actor(ActorId("ada"), "ada", "Ada", frozenset({Role.PLATFORM_ADMIN}))
    with pytest.raises(InvalidRound, match="the market draws it"):
        transact(market, lambda session: announce_round(session, ada, named, Times(), NOON))


def test_nobody_draws_it_again(either_market: Database) -> None:
    announce(either_market)
    opened(either_market)
    for values in ({"nonce": "another"}, {"nonce": "another", "state": "closed"}):
        with pytest.raises(IntegrityError, match="drawn once"), writing(either_market) as session:
            session.execute(update(RoundRow).values(**values, closed_at=NOON))


def test_a_nonce_that_was_exchanged_is_found(market: Database) -> None:
    announce(market)
    opened(market)
    transact(market, lambda session: close_round(session, KEY, a_change(1)))
    tamper(market, "UPDATE round SET nonce = 'another'", "round")
    with reading(market) as session:
        found = [str(one) for one in collect(verify(session, EVIDENCE)).findings]
    assert any("not the one that its opening committed to" in line for line in found)
