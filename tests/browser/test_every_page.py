"""No page has a barrier or scrolls sideways: every page once, the cheapest way there is.

Pages come from the application itself, without a server between; each is read by the first of the
cast who may. By default narrow and dark, where most goes wrong; BROKER_TORTURE reads every page in
both schemes and both sizes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, Route

from broker.db import Database, transact
from broker.rounds import close_round
from tests.browser.test_screens import SIZES, barriers
from tests.cast import ADMIN, AUDITOR, LEAD, NEWCOMER, OWNER, bring_people, signed_in, stranger
from tests.crawling import Words, addresses_of
from tests.expert_pools import COUNSEL, an_open_round_with_experts, ask, counsel
from tests.markets import a_change, a_database, run_it
from tests.past import build_past
from tests.screens import screens

pytestmark = pytest.mark.browser
SITE = "http://market.test"
STRANGER = "stranger"
VISITORS = (STRANGER, LEAD, ADMIN, AUDITOR, OWNER, NEWCOMER)
LOOKS = [("dark", "narrow")]
if os.environ.get("BROKER_TORTURE"):
    LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in SIZES]
FEWEST_PAGES = 30
WORDS: Words = {
    "rounds.key": ("past-2", "waiting", "taking-bids", "ahead"),
    "pools.key": ("gpu",),
    "pool_admin.key": ("gpu", "expert"),
    "capacity.day": ("2026-03-17",),
    "help.name": ("glossary", "platform-admins"),
    "teams.key": ("red",),
    "ledger.key": ("red",),
    "finance.key": ("past-1",),
}
"""What stands for arguments of routes; what is not named has no page in this market."""


@pytest.fixture(scope="module")
def experts(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Serve a market in which experts are asked for hours."""
    db = a_database(Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("experts") / "a.db")))
    an_open_round_with_experts(db)
    ask(db, "review", counsel(hours=12, days=1))
    transact(db, lambda session: close_round(session, "sprint-1", a_change(hours=0.5)))
    run_it(db)
    yield from _app_of(db)


@pytest.fixture(scope="module")
def whole(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Serve a market with a past."""
    db = a_database(Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("whole") / "a.db")))
    build_past(db, bids=12)
    bring_people(db)
    yield from _app_of(db)


def _app_of(db: Database) -> Iterator[Flask]:
    with screens(db) as app:
        yield app
    db.dispose()


def found_barriers(chromium: Browser, app: Flask, addresses: dict[str, str]) -> dict[str, object]:
    """Return what is wrong on pages, each read by its visitor."""
    wrong: dict[str, object] = {}
    for scheme, size in LOOKS:
        width, height = SIZES[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = context.new_page()
        for visitor in dict.fromkeys(addresses.values()):
            _serve(page, stranger(app) if visitor == STRANGER else signed_in(app, visitor))
            for address in (one for one, reader in addresses.items() if reader == visitor):
                found = barriers(page, SITE + address)
                wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                if found or wide > 0:
                    wrong[f"{address} for {visitor}, {scheme}, {size}"] = found or f"{wide} px wide"
        context.close()
    return wrong


def _serve(page: Page, client: FlaskClient) -> None:
    """Answer what a page asks for from the application itself."""

    def answer(route: Route) -> None:
        parts = urlsplit(route.request.url)
        with client.get(f"{parts.path}?{parts.query}") as found:
            body, kind = found.get_data(), found.content_type
        route.fulfill(status=found.status_code, body=body, content_type=kind)

    page.unroute_all()
    page.route("**/*", answer)


def readers(app: Flask, words: Words) -> dict[str, str]:
    """Return every page that answers with HTML, with the first of the cast who may read it."""
    found: dict[str, str] = {}
    for visitor in VISITORS:
        client = stranger(app) if visitor == STRANGER else signed_in(app, visitor)
        for address in addresses_of(app, words):
            if address not in found:
                with client.get(address) as answer:
                    if answer.status_code == 200 and answer.mimetype == "text/html":
                        found[address] = visitor
    return found


def test_no_page_of_a_market_has_a_barrier(chromium: Browser, whole: Flask) -> None:
    pages = readers(whole, WORDS)

    assert len(pages) >= FEWEST_PAGES
    assert {"/admin/webhooks", "/capacity/scarcity", "/help/glossary"} <= set(pages)
    assert found_barriers(chromium, whole, pages) == {}


def test_no_page_about_experts_has_a_barrier(chromium: Browser, experts: Flask) -> None:
    pages = {
        "/hours": NEWCOMER,
        f"/admin/pools/{COUNSEL}/hours": OWNER,
        f"/admin/pools/{COUNSEL}": OWNER,
        "/calendar": LEAD,
    }

    assert found_barriers(chromium, experts, pages) == {}
