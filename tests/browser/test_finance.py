"""Finance in a real browser: pages without barriers, and a check that shows its end by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from broker.books.verifications import verify_next
from tests.browser.conftest import served
from tests.browser.test_bids import sign_in
from tests.browser.test_screens import SIZES, a_page, barriers
from tests.cast import ADMIN, AUDITOR, PASSWORD, Places, bring_people
from tests.credit_markets import build_credits
from tests.integration.test_books import NOTARY, close, keys_of, set_a_rate
from tests.markets import a_database, at

pytestmark = pytest.mark.browser

PAGES = (
    *("/finance", "/finance/journal", "/finance/balances", "/finance/runs", "/finance/overrides"),
    *("/finance/periods/sprint-1", "/finance/periods/sprint-2", "/finance/journal/{first}"),
)


@pytest.fixture(scope="module")
def books_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("finance") / "broker.db"))
    db = a_database(file)
    build_credits(db)
    bring_people(db, Places(team="red", other_team="blue"), password=PASSWORD)
    set_a_rate(db)
    close(db, keys_of(db)[0])
    db.dispose()
    return file


@pytest.fixture(scope="module")
def finance(books_file: Path) -> Iterator[str]:
    with served(books_file) as address:
        yield address


@pytest.mark.parametrize("size", SIZES)
def test_no_finance_page_has_a_barrier_or_scrolls_sideways(
    chromium: Browser, finance: str, size: str
) -> None:
    with a_page(chromium, size=size, bypass_csp=True, color_scheme="dark") as page:
        sign_in(page, finance, "/finance/journal", ADMIN)
        page.goto(f"{finance}/finance/journal?kind=endowment")
        first = page.locator("#entries tbody th a").first.inner_text()
        for address in PAGES:
            where = finance + address.format(first=first)
            assert barriers(page, where) == [], where
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{where} is {wide} px wider than the window"


def test_a_check_shows_its_end_without_a_reload(
    chromium: Browser, finance: str, books_file: Path
) -> None:
    with a_page(chromium) as page:
        sign_in(page, finance, "/finance", AUDITOR)
        page.get_by_role("button", name="Verify now").click()
        expect(page.locator("#verification")).to_contain_text("Asked for by Cleo Auditor")
        db = a_database(books_file)
        verify_next(db, at(10), NOTARY)
        db.dispose()
        expect(page.locator("#verification")).to_contain_text("Nothing was found.", timeout=15_000)
