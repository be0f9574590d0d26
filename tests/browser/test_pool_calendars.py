"""A pool's calendar is set up in a real browser within two minutes: a week, other days, a sheet."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import served
from tests.browser.test_bids import SCRIPTS, sign_in
from tests.browser.test_screens import SIZES, a_page, barriers
from tests.cast import ADMIN, OWNER, PASSWORD, bring_people
from tests.markets import a_database
from tests.past import build_past

pytestmark = pytest.mark.browser

MOST_SECONDS = 120
POOLS_PAGE = "/admin/pools"
OTHER_DAYS = (
    ("exception", "2027-03-03", "10", "0", "Release"),
    ("maintenance", "2027-03-04", "6", "1", "Firmware"),
    ("exception", "2027-03-08", "0", "0", "Holiday"),
)
SHOWN = {
    "2027-02-28": ["closed", "not yet"],
    "2027-03-01": ["R 8", "S 2"],
    "2027-03-03": ["R 10", "S 0", "exception"],
    "2027-03-04": ["R 2", "S 1", "maintenance"],
    "2027-03-06": ["R 4", "S 0"],
    "2027-03-08": ["closed", "exception"],
    "2027-03-15": ["R 8", "S 2"],
}


@pytest.fixture(scope="module")
def market_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("calendars") / "broker.db"))
    db = a_database(file)
    build_past(db, bids=20)
    bring_people(db, password=PASSWORD)
    db.dispose()
    return file


@pytest.fixture(scope="module")
def keeping(market_file: Path) -> Iterator[str]:
    with served(market_file) as address:
        yield address


def opened(page: Page, summary: str) -> None:
    """Open a part of the page that is folded; without scripts the browser does it as well."""
    details = page.locator("details", has=page.locator("summary", has_text=summary))
    if details.get_attribute("open") is None:
        details.locator("summary").first.click()


def define(page: Page, key: str) -> None:
    opened(page, "Define a pool")
    typed = {"key": key, "name": "TPU pods", "unit": "pod", "reason": "New hardware"}
    for name, text in (typed | {"first_day": "2027-03-01"}).items():
        page.locator(f"[id='{name}']").fill(text)
    page.locator("#owner").select_option(OWNER)
    page.get_by_role("button", name="Define it").click()
    expect(page.get_by_role("heading", name="TPU pods")).to_be_visible()


def fill_in(page: Page) -> None:
    opened(page, "Change the pool or its calendar")
    for weekday in ("monday", "tuesday", "wednesday", "thursday", "friday"):
        page.locator(f"#{weekday}-reserved").fill("8")
        page.locator(f"#{weekday}-spot").fill("2")
    for weekday in ("saturday", "sunday"):
        page.locator(f"#{weekday}-reserved").fill("4")
    for number, (what, day, reserved, spot, note) in enumerate(OTHER_DAYS, 1):
        page.locator(f"#entry-{number}-what").select_option(what)
        for part, text in {"day": day, "reserved": reserved, "spot": spot, "note": note}.items():
            page.locator(f"#entry-{number}-{part}").fill(text)
    page.get_by_role("button", name="Show what it changes").first.click()
    page.get_by_label("Why").fill("As the hardware came")
    page.get_by_role("button", name="Save it").click()
    expect(page.get_by_text("Version 2 is in force.")).to_be_visible()


@SCRIPTS
def test_a_pool_with_a_pattern_and_other_days_is_set_up_within_two_minutes(
    chromium: Browser, keeping: str, *, has_script: bool
) -> None:
    key = "with-script" if has_script else "without-script"
    with a_page(chromium, java_script_enabled=has_script) as page:
        began = time.monotonic()
        sign_in(page, keeping, POOLS_PAGE, ADMIN)
        define(page, key)
        fill_in(page)
        assert time.monotonic() - began < MOST_SECONDS
        page.goto(f"{keeping}/admin/pools/{key}?from=2027-02-22")
        for day, words in SHOWN.items():
            for word in words:
                expect(page.locator(f"[data-day='{day}']")).to_contain_text(word)


@pytest.mark.parametrize("size", SIZES)
def test_the_calendars_can_be_used_by_everybody_and_fit_every_screen(
    chromium: Browser, keeping: str, size: str
) -> None:
    with a_page(chromium, size=size) as page:
        sign_in(page, keeping, "/admin/pools", OWNER)
        for address in ("/admin/pools", "/admin/pools/gpu"):
            assert barriers(page, keeping + address) == []
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= SIZES[size][0], address
        page.get_by_role("button", name="Show what it changes").first.click()
        expect(page.get_by_role("heading", name="What the change does")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
