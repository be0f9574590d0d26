"""A declined bid's receipt as its team's lead sees it in a real browser, in the demonstration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from sqlmodel import col

from allocation.counterfactuals import WhatIf
from broker.counterfactuals.answers import decided_round, write_estimates
from broker.counterfactuals.questions import ask_exact, ask_what_if
from broker.db import Database, reading, transact
from broker.tables import DeclineRow, InstallationRow
from tests.browser.conftest import served
from tests.browser.test_bids import sign_in
from tests.browser.test_screens import AXE_RULES, LOOKS, a_page, barriers
from tests.builders import a_bid, a_problem, an_alternative, an_item
from tests.cast import LEAD, PASSWORD, actor, bring_people
from tests.markets import NOON, a_database, bring, described, run_it

pytestmark = pytest.mark.browser

RULES = [*AXE_RULES, "best-practice"]
"""With what is good practice, such as that nothing stands outside a landmark."""


@pytest.fixture(scope="module")
def receipt(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a demonstration in which red lost by a little, and return the receipt's address."""
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("receipts") / "broker.db"))
    db = a_database(file)
    red = a_bid("b1", an_alternative(an_item(units=4), offer=60, lots=(2, 3)), team="red")
    blue = a_bid("b2", an_alternative(an_item(units=8), offer=190), team="team-0")
    run_it(db, bring(db, described(a_problem(red, blue))))
    transact(db, lambda session: write_estimates(session, decided_round(session, "sprint-1")))
    transact(db, lambda session: session.add(InstallationRow(key="purpose", value="demo")))
    bring_people(db, password=PASSWORD)
    bid_id = declined(db)
    lead = actor(db, LEAD)
    transact(db, lambda session: ask_exact(session, lead, bid_id, NOON))
    transact(db, lambda session: ask_what_if(session, lead, bid_id, WhatIf(100), NOON))
    db.dispose()
    with served(file) as address:
        yield f"{address}/receipts/{bid_id}"


def declined(db: Database) -> str:
    with reading(db) as session:
        return str(session.scalars(select(col(DeclineRow.bid_id))).one())


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_a_lead_meets_no_barrier_on_the_receipt_that_axe_can_find(
    chromium: Browser, receipt: str, scheme: str, size: str
) -> None:
    site, path = receipt.split("/receipts/")
    with a_page(chromium, size=size, missing="422", color_scheme=scheme, bypass_csp=True) as page:
        sign_in(page, site, f"/receipts/{path}")
        expect(page.get_by_role("complementary", name="Demonstration")).to_be_visible()
        expect(page.locator("#what_ifs")).to_contain_text("offered 100 credits")
        expect(page.locator("#would_have_won")).to_contain_text("waits for the worker")
        assert barriers(page, receipt, RULES) == []
        page.get_by_label("Offer, credits a lot").fill("none")
        page.get_by_role("button", name="Would this have won?").click()
        expect(page.locator("#error_summary")).to_be_focused()
        assert barriers(page, None, RULES) == []
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
