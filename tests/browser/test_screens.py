"""What people see and do in a real browser, with and without scripts, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor/axe-core@4.14.1/axe.min.js").read_text()
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES = (
    "/",
    "/rounds",
    "/rounds/past-2",
    "/rounds/past-2/awards?sort=-lots&tier=spot",
    "/rounds/past-2/declines",
    "/rounds/past-2/prices",
    "/rounds/past-2/progress",
    "/rounds/waiting",
    "/rounds/taking-bids",
    "/rounds/ahead",
    "/pools",
    "/pools?pool=no-such-pool",
    "/pools/gpu",
    "/pools/expert?round=past-2&on=2026-03-17",
    "/pools/seat?round=taking-bids",
    "/capacity",
    "/capacity?round=past-1&sort=-free_units",
    "/capacity?table=days&kind=compute&team=team-1",
    "/capacity?wall=1",
    "/capacity/value",
    "/capacity/scarcity?round=past-1",
    "/capacity/days/2026-03-17",
    "/capacity/days/2036-03-17",
    "/nowhere",
)
SIZES = {"wide": (1280, 800), "narrow": (320, 640)}
LOOKS = [("light", "wide"), ("dark", "narrow")]
"""Both schemes and both sizes; test_every_page.py reads every page in all four in the long run."""


@contextmanager
def a_page(
    chromium: Browser, *, size: str = "wide", missing: str = "404", **options: Any
) -> Iterator[Page]:
    """Open a page in which the browser complains about nothing but the status that is `missing`."""
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if missing not in text] == []


def receipts_of(page: Page, site: str) -> list[str]:
    """Return a won and a lost bid's receipts."""
    found = []
    for table in ("awards", "declines"):
        page.goto(f"{site}/rounds/past-2/{table}")
        link = page.locator(f"#{table} tbody th a").first.get_attribute("href")
        assert link is not None
        found.append(link)
    return found


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_from_the_home_page_to_the_reason_why_a_bid_lost(
    chromium: Browser, site: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script) as page:
        page.goto(site)
        page.get_by_role("link", name="Declines and their reasons").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Declines")
        row = page.locator("#declines tbody tr").first
        reason = row.locator("td.choice").inner_text()
        title = row.locator("th a").inner_text()
        row.locator("th a").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text("Declined: ")
        expect(page.locator("main")).to_contain_text(f"bid “{title}”")
        expect(page.locator("dl.facts code").first).to_have_text(reason)


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_tables_filter_sort_and_page(chromium: Browser, site: str, *, has_script: bool) -> None:
    with a_page(chromium, java_script_enabled=has_script) as page:
        page.goto(f"{site}/rounds/past-2/declines")
        table = page.locator("#declines")
        table.get_by_role("link", name="Next").click()
        expect(table.locator(".pager")).to_contain_text("Rows 51 to")
        table.get_by_role("link", name="Team", exact=True).click()
        expect(table.locator("th[aria-sort=ascending]")).to_contain_text("Team")
        expect(table.locator(".pager")).to_contain_text("Rows 1 to")
        table.get_by_text("Filter", exact=True).click()
        table.get_by_label("Bid", exact=True).fill("b1")
        table.get_by_role("button", name="Apply").click()

        expect(page).to_have_url(re.compile(r"title=b1"))
        titles = table.locator("tbody th").all_inner_texts()
        assert titles
        assert all("b1" in title for title in titles)


def test_a_script_swaps_only_the_table_and_the_way_back_leads_back(
    chromium: Browser, site: str
) -> None:
    with a_page(chromium) as page:
        page.goto(f"{site}/rounds/past-2/awards")
        page.evaluate("window.sameDocument = true")
        page.locator("#awards").get_by_role("link", name="Lots").click()
        expect(page.locator("#awards th[aria-sort=descending]")).to_contain_text("Lots")
        assert page.evaluate("window.sameDocument") is True

        page.go_back()
        expect(page.locator("#awards th[aria-sort]")).to_have_count(0)


def test_a_wrong_filter_leads_on_instead_of_doing_nothing(chromium: Browser, site: str) -> None:
    with a_page(chromium, missing="400") as page:
        page.goto(f"{site}/rounds/past-2/awards")
        page.evaluate("htmx.ajax('GET', '/rounds/past-2/awards?start=x', '#awards')")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "That question cannot be answered"
        )
        page.locator("main").get_by_role("link", name="Rounds").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Rounds")


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_no_page_has_a_barrier_that_axe_can_find(
    chromium: Browser, site: str, scheme: str, size: str
) -> None:
    with a_page(chromium, size=size, color_scheme=scheme, bypass_csp=True) as page:
        found = {
            address: barriers(page, site + address)
            for address in (*PAGES, *receipts_of(page, site))
        }

    assert {address: found[address] for address in found if found[address]} == {}


def barriers(page: Page, address: str | None, rules: Sequence[str] = AXE_RULES) -> list[str]:
    """Return what axe says about a page, or the one that is there, with everything on it opened."""
    if address:
        page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.evaluate(AXE)
    result = page.evaluate("tags => axe.run({runOnly: tags})", list(rules))
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("size", SIZES)
def test_no_page_scrolls_sideways_and_no_browser_complains(
    chromium: Browser, site: str, size: str
) -> None:
    with a_page(chromium, size=size) as page:
        for address in (*PAGES, *receipts_of(page, site)):
            page.goto(site + address)
            page.evaluate(
                "document.querySelectorAll('details').forEach(one => { one.open = true })"
            )
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{address} is {wide} px wider than the window"


def test_every_table_offers_all_its_rows_as_csv_and_json(chromium: Browser, site: str) -> None:
    with a_page(chromium) as page:
        for address in PAGES:
            page.goto(site + address)
            for grid in page.locator("section.grid:has(table)").all():
                total = int(grid.locator("table").get_attribute("data-total") or -1)
                as_csv, as_json = (
                    page.request.get(site + str(link.get_attribute("href")))
                    for link in grid.locator(".downloads a").all()
                )
                assert as_json.json()["total"] == total == len(as_json.json()["rows"])
                assert as_csv.text().count("\r\n") == total + 1


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(
    chromium: Browser, site: str
) -> None:
    with a_page(chromium) as page:
        page.goto(site)
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
