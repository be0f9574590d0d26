"""The bar of an admin and the pages that run the market: by keyboard, without scripts, narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_screens import AXE, AXE_RULES, a_page
from tests.browser.test_sign_in import sign_in
from tests.cast import ADMIN

pytestmark = pytest.mark.browser
ONE_ROW = 60
"""Higher than one row of the bar, lower than two, in pixels."""
PAGES = ("/admin/sprints", "/admin/teams", "/admin/teams/red", "/account/tokens", "/admin/tokens")


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_an_admins_bar_is_one_row_and_its_menus_need_a_keyboard_only(
    chromium: Browser, site: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script) as page:
        page.goto(f"{site}/sign-in?next=/rounds")
        sign_in(page, ADMIN)
        bar = page.locator("header.site")
        box = bar.bounding_box()
        assert box is not None
        assert box["height"] < ONE_ROW
        menu = bar.locator("summary", has_text="Administration")
        expect(bar.get_by_role("link", name="Sprints")).to_have_count(0)
        menu.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(bar.get_by_role("link", name="Sprints")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site}/admin/sprints")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sprints that come again")


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_pages_that_run_the_market_have_no_barrier_and_fit(
    chromium: Browser, site: str, size: str
) -> None:
    with a_page(chromium, size=size) as page:
        page.goto(f"{site}/sign-in?next=/")
        sign_in(page, ADMIN)
        for address in PAGES:
            page.goto(f"{site}{address}")
            width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert width <= 0, address
            page.evaluate(AXE)
            found = page.evaluate(
                "rules => axe.run({runOnly: rules}).then(r => r.violations.map(v => v.id))",
                AXE_RULES,
            )
            assert found == [], address
