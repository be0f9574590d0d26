"""An override from the proposal to revision 2, and pages of experts' hours, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from broker.db import Database
from broker.rounds import close_round
from tests.browser.conftest import served
from tests.browser.test_bids import sign_in
from tests.browser.test_screens import a_page, barriers
from tests.builders import FIRST_DAY
from tests.cast import ADMIN, NEWCOMER, OWNER, PASSWORD, SECOND_ADMIN, Places, bring_people
from tests.expert_pools import COUNSEL, an_open_round_with_experts, ask
from tests.markets import a_database, run_it
from tests.overrides import KEY, WHY, a_published_contest, work
from tests.policy_markets import do

pytestmark = pytest.mark.browser


@pytest.fixture
def contest(migrated_file: Path, tmp_path: Path) -> Iterator[tuple[str, Database]]:
    """Serve a published round, and return its address and its market, in which a test works."""
    db = a_database(Path(shutil.copy(migrated_file, tmp_path / "broker.db")))
    a_published_contest(db)
    bring_people(db, Places(team="red", other_team="blue"), password=PASSWORD)
    with served(tmp_path / "broker.db") as address:
        yield address, db
    db.dispose()


def test_a_second_person_sees_the_price_before_revision_2_and_revision_1_stays_readable(
    chromium: Browser, contest: tuple[str, Database]
) -> None:
    site, market = contest
    with a_page(chromium, bypass_csp=True) as page:
        sign_in(page, site, f"/rounds/{KEY}/overrides/new?bid=b1", ADMIN)
        page.get_by_label("Alternative").fill("1")
        page.get_by_label("Starts on").fill(FIRST_DAY.isoformat())
        page.get_by_label("Lots").fill("1")
        page.get_by_label("Why").fill(WHY)
        page.get_by_role("button", name="Propose it").click()
        expect(page.locator("#override")).to_contain_text("It waits for the worker")
        assert work(market, 5)
        expect(page.locator("#override")).to_contain_text("waits for a second person")
        expect(page.get_by_role("button", name="Approve and publish")).to_have_count(0)
        proposed = page.url
    with a_page(chromium, bypass_csp=True) as page:
        sign_in(page, site, "/approvals", SECOND_ADMIN)
        queue = page.get_by_role("region", name="Overrides of published results").last
        expect(queue).to_contain_text("200")
        assert barriers(page, None) == []
        queue.get_by_role("link", name="Decide it").click()
        expect(page).to_have_url(proposed)
        expect(page.locator("#override .tiles")).to_contain_text("200")
        expect(page.locator("#override")).to_contain_text("displaced")
        assert barriers(page, None) == []
        page.get_by_role("button", name="Approve and publish").click()
        expect(page.locator("#override")).to_contain_text("revision 2")
        page.get_by_role("link", name="revision 1").first.click()
        page.get_by_role("link", name="awards", exact=True).first.click()
        expect(page.locator("h1")).to_have_text("Awards of revision 1")
        expect(page.locator("#awards")).to_contain_text("Bid r1")


@pytest.fixture(scope="module")
def counsel(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a market in which hours of experts were awarded."""
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("hours") / "broker.db"))
    db = a_database(file)
    an_open_round_with_experts(db)
    bring_people(db, Places(other_team="blue", pool=COUNSEL), password=PASSWORD)
    ask(db, "b1")
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    db.dispose()
    with served(file) as address:
        yield address


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_pages_of_experts_hours_have_no_barrier_and_fit(
    chromium: Browser, counsel: str, size: str
) -> None:
    places = {
        NEWCOMER: ("/hours",),
        OWNER: (f"/admin/pools/{COUNSEL}/hours", f"/admin/pools/{COUNSEL}"),
    }
    for who, addresses in places.items():
        with a_page(chromium, size=size, bypass_csp=True) as page:
            sign_in(page, counsel, addresses[0], who)
            for address in addresses:
                page.goto(f"{counsel}{address}")
                assert barriers(page, None) == [], address
                width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert width <= 0, address
