"""After the close a bidder proves that the bid was there, to anybody, with nothing installed."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlmodel import col

from broker.access import service
from broker.audit import ActorId
from broker.bids.tables import TeamBidRow
from broker.db import Database, reading, transact
from broker.proofs import inclusions, trees
from broker.proofs.inclusions import problems_of
from broker.proofs.keeping import take_checkpoint
from broker.proofs.standing import differences, vouched
from broker.rounds import close_round
from broker.rounds_by_hand import cancel_round
from broker.tables import RoundRow, TeamRow
from tests.cast import LEAD, signed_in
from tests.markets import NOON, a_change
from tests.property.test_log_tampering import KEY

Receipt = dict[str, Any]


@pytest.fixture
def receipt(past_app: Flask, past_market: Database) -> Callable[[], Receipt]:
    """Return what hands out the receipt of a bid of team red in the round that takes bids."""
    with reading(past_market) as session:
        bid = session.scalar(
            select(col(TeamBidRow.id))
            .join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
            .join(TeamRow, col(TeamRow.id) == col(TeamBidRow.team_id))
            .where(col(RoundRow.key) == "taking-bids", col(TeamRow.key) == "red")
            .limit(1)
        )
    lead = signed_in(past_app, LEAD)
    return lambda: lead.get(f"/bids/{bid}/submission.json").get_json()


@pytest.fixture
def proof(receipt: Callable[[], Receipt], past_market: Database) -> Receipt:
    transact(past_market, lambda session: close_round(session, "taking-bids", a_change(1)))
    transact(past_market, lambda session: take_checkpoint(session, KEY, NOON))
    return receipt()


def test_before_the_close_a_receipt_proves_no_inclusion(receipt: Callable[[], Receipt]) -> None:
    document = receipt()
    assert document["inclusion"] is None
    assert problems_of(document) == [
        "It holds no proof of inclusion: the round was not closed yet."
    ]


def test_after_the_close_a_receipt_proves_everything(proof: Receipt) -> None:
    assert problems_of(proof) == []


@pytest.fixture
def cancelled(receipt: Callable[[], Receipt], past_market: Database) -> Receipt:
    admin, at = service(ActorId("operator")), a_change(1).at
    transact(past_market, lambda s: cancel_round(s, admin, "taking-bids", "No power.", at))
    transact(past_market, lambda session: take_checkpoint(session, KEY, at))
    return receipt()


def test_a_round_cancelled_while_it_takes_bids_leaves_no_receipt_without_proof(
    cancelled: Receipt,
) -> None:
    assert json.loads(cancelled["inclusion"]["event"])["kind"] == "round.cancelled"
    assert problems_of(cancelled) == []


OF_THE_ROUND = (
    "bid_id IN (SELECT b.id FROM team_bid b JOIN round r ON r.id = b.round_id"
    " WHERE r.key = 'taking-bids')"
)


def damaged(db: Database) -> list[str]:
    with reading(db) as session:
        return [found.table for found in differences(session, vouched(session))]


@pytest.mark.usefixtures("cancelled")
def test_a_submission_changed_after_its_round_was_cancelled_is_found(past_market: Database) -> None:
    assert damaged(past_market) == []
    with past_market.writer.begin() as connection:
        for name in connection.scalars(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ):
            connection.execute(text(f"DROP TRIGGER {name}"))
        forged = "UPDATE bid_version SET written_by = 'eve' WHERE version = 1 AND "
        changed_rows = connection.execute(text(forged + OF_THE_ROUND)).rowcount
    assert damaged(past_market) == ["bid_version"] * changed_rows != []


def other_hex(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


def changed(text: str, name: str, value: Any) -> str:
    return json.dumps({**json.loads(text), name: value}, sort_keys=True, separators=(",", ":"))


FORGED: dict[str, Callable[[Receipt], object]] = {
    "another document": lambda r: r.update(document=r["document"] + " "),
    "another salt": lambda r: r.update(salt=other_hex(r["salt"])),
    "another commitment": lambda r: r.update(commitment=other_hex(r["commitment"])),
    "another version": lambda r: r.update(version=r["version"] + 1),
    "another round": lambda r: r.update(round_key="past-1"),
    "no proof": lambda r: r.pop("inclusion"),
    "another entry": lambda r: r["inclusion"].update(
        entry=changed(r["inclusion"]["entry"], "written_by", "eve")
    ),
    "another place": lambda r: r["inclusion"]["entry_proof"].update(
        place=(r["inclusion"]["entry_proof"]["place"] + 1) % r["inclusion"]["entry_proof"]["size"]
    ),
    "a shorter path": lambda r: r["inclusion"]["entry_proof"]["path"].pop(),
    "another event": lambda r: r["inclusion"].update(
        event=changed(r["inclusion"]["event"], "actor", "eve")
    ),
    "a path of another event": lambda r: r["inclusion"]["event_proof"]["path"].reverse(),
    "another root": lambda r: r["inclusion"].update(
        checkpoint=changed(r["inclusion"]["checkpoint"], "root", "00" * 32)
    ),
    "no checkpoint": lambda r: r["inclusion"].update(checkpoint=None),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_receipt_proves_nothing(proof: Receipt, forgery: str) -> None:
    FORGED[forgery](proof)
    assert problems_of(proof) != []


@pytest.mark.parametrize("module", [inclusions, trees])
def test_the_check_needs_the_standard_library_only(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    needed = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    outside = {name for name in needed if name.split(".")[0] not in sys.stdlib_module_names}
    assert outside <= {trees.__name__}
