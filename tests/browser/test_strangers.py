"""What somebody who never saw the market finds in it: each answer at most three clicks away."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_bids import sign_in
from tests.browser.test_screens import a_page
from tests.cast import LEAD

pytestmark = pytest.mark.browser
MOST_CLICKS = 3


class Walk:
    """A walk from the start page that counts its clicks."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.clicks = 0
        page.goto(site)

    def click(self, there: Locator) -> None:
        """Follow a link, as long as that is still short."""
        self.clicks += 1
        assert self.clicks <= MOST_CLICKS
        there.first.click()
        self.page.wait_for_load_state()

    def bar(self, word: str) -> None:
        """Follow a link of the top bar."""
        bar = self.page.get_by_role("navigation", name="Main")
        self.click(bar.get_by_role("link", name=word, exact=True))


def test_how_much_gpu_capacity_is_free_next_tuesday(chromium: Browser, site: str) -> None:
    with a_page(chromium) as page:
        walk = Walk(page, site)
        walk.bar("Capacity")
        walk.click(page.get_by_role("link", name=re.compile(r"all pools on Tue ")))

        expect(page.get_by_role("heading", level=1)).to_contain_text("Free on Tue ")
        tile = page.locator(".tile", has=page.locator("dt", has_text="Compute, gpu"))
        expect(tile.locator(".figure")).to_have_text(re.compile(r"^\d+ free$"))


def test_who_owns_a_pool(chromium: Browser, site: str) -> None:
    with a_page(chromium) as page:
        walk = Walk(page, site)
        walk.bar("Pools")

        row = page.locator("#pools tbody tr", has_text="Privacy counsel")
        expect(row).to_contain_text("Ben")


def test_why_a_bid_lost_and_what_it_would_have_cost(chromium: Browser, site: str) -> None:
    with a_page(chromium) as page:
        walk = Walk(page, site)
        walk.click(page.get_by_role("link", name="Declines and their reasons"))
        row = page.locator("#declines tbody tr", has_text="outbid")
        walk.click(row.locator("th a"))

        main = page.locator("main")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Declined: ")
        expect(main).to_contain_text("outbid")
        expect(main).to_contain_text(re.compile(r"would have (won|cost)|offer", re.IGNORECASE))
        expect(main).to_contain_text(re.compile(r"\d credits"))


def test_what_the_team_has_left(chromium: Browser, site: str) -> None:
    with a_page(chromium) as page:
        sign_in(page, site, "/", LEAD)
        walk = Walk(page, site)

        tile = page.locator(".tile", has=page.locator("dt", has_text="Credits of"))
        expect(tile.locator(".figure")).to_have_text(re.compile(r"^\d"))
        assert walk.clicks == 0


def test_free_capacity_of_any_day_is_one_day_after_another(chromium: Browser, site: str) -> None:
    with a_page(chromium, java_script_enabled=False) as page:
        page.goto(f"{site}/capacity/days/2026-03-17")
        page.locator('a[rel="next"]').click()
        after = dt.date(2026, 3, 18)
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"{after:%a} {after.day}")
