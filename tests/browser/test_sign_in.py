"""Signing in with a real browser: with and without scripts, by keyboard, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_screens import AXE, AXE_RULES, a_page
from tests.cast import ADMIN, LEAD, NAMES, PASSWORD

pytestmark = pytest.mark.browser


def sign_in(page: Page, key: str = LEAD, password: str = PASSWORD) -> None:
    page.get_by_label("Name you sign in with").fill(key)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_a_lead_signs_in_comes_back_to_the_page_and_signs_out(
    chromium: Browser, site: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script, missing="422") as page:
        page.goto(f"{site}/rounds/past-2")
        page.get_by_role("link", name="Sign in").click()
        sign_in(page, password="not that one")  # noqa: S106  # nobody's
        summary = page.get_by_role("alert")
        expect(summary).to_contain_text("Name and password do not belong together")
        expect(summary).to_be_focused()
        expect(page.get_by_label("Name you sign in with")).to_have_value(LEAD)
        sign_in(page)
        expect(page).to_have_url(f"{site}/rounds/past-2")
        page.get_by_role("link", name=NAMES[LEAD]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(NAMES[LEAD])
        expect(page.get_by_role("row", name="Team lead red in force")).to_be_visible()
        page.get_by_role("button", name="Sign out").first.click()
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        page.goto(f"{site}/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_signing_in_needs_a_keyboard_only(chromium: Browser, site: str) -> None:
    with a_page(chromium, size="narrow") as page:
        page.goto(f"{site}/sign-in?next=/account")
        page.get_by_label("Name you sign in with").focus()
        page.keyboard.type(LEAD)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site}/account")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_pages_of_people_are_readable_by_everybody(
    chromium: Browser, site: str, size: str, scheme: str
) -> None:
    with a_page(chromium, size=size, color_scheme=scheme) as page:
        for address in ("/sign-in?next=/account", "/account", "/admin/people"):
            page.goto(f"{site}{address}")
            page.evaluate(AXE)
            found = page.evaluate(
                "rules => axe.run({runOnly: rules}).then(r => r.violations.map(v => v.id))",
                AXE_RULES,
            )
            assert found == [], address
            width = page.evaluate(
                "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert width[0] <= width[1], address
            if address.startswith("/sign-in"):
                sign_in(page, ADMIN)
