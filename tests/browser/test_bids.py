"""Bidding in a real browser: with and without scripts, by keyboard, wide and narrow."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from allocation.folders import RoundFolder
from allocation.options import Options
from allocation.problem import Bid
from broker.audit import ActorId, Change
from broker.clock import system_clock
from broker.db import transact
from broker.rounds import close_round
from broker.runs import run_round
from tests.browser.conftest import served
from tests.browser.test_screens import LOOKS, SIZES, a_page, barriers
from tests.builders import a_bid, a_calendar, a_problem, a_team, an_alternative, an_item
from tests.cast import LEAD, MEMBER, PASSWORD, Places, bring_people
from tests.markets import a_database, better_baseline, bring, run_it
from tests.past import POOLS, labels, moved
from tests.policies import a_policy
from tests.policy_markets import adopt

pytestmark = pytest.mark.browser

MOST_FIELDS = 12
SCRIPTS = pytest.mark.parametrize(
    "has_script", [True, False], ids=["with-script", "without-script"]
)
LAST_BID = "Nightly tuning"


@dataclass
class Filler:
    """Fills in a form as a person would, and counts the fields that it took."""

    page: Page
    filled: list[str] = field(default_factory=list)

    def type(self, name: str, text: str) -> None:
        self.page.locator(f"[id='{name}']").fill(text)
        self.filled.append(name)

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f"[id='{name}']").select_option(value)
        self.filled.append(name)

    def press(self, button: str, *, then: str = "") -> None:
        """Press a button, and wait for the field that it brings."""
        self.page.get_by_role("button", name=button).first.click()
        if then:
            expect(self.page.locator(f"[id='{then}']")).to_be_visible()


@pytest.fixture(scope="module")
def market_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a market in which red bid in the last round, and another round takes bids."""
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("bidding") / "broker.db"))
    db = a_database(file)
    adopt(db, a_policy())
    items = [an_item(pool, units=2, days=5) for pool in POOLS]
    last = a_bid("b1", an_alternative(*items, offer=300, starts=(0, 9)))
    rival = a_bid("b2", an_alternative(*items, offer=200, starts=(0, 9)), team="blue")
    run_it(db, bring(db, a_round("last", 1, last, rival)))
    bring(db, a_round("next", 2), is_open=True)
    bring_people(db, Places(other_team="blue"), password=PASSWORD)
    db.dispose()
    return file


@pytest.fixture(scope="module")
def bidding(market_file: Path) -> Iterator[str]:
    with served(market_file) as address:
        yield address


def a_round(key: str, sprint: int, *bids: Bid) -> RoundFolder:
    """Return a round of three pools over two weeks."""
    capacity = [row for pool in POOLS for row in a_calendar(pool, days=14)]
    pools = a_problem(*(a_bid(pool, an_alternative(an_item(pool))) for pool in POOLS)).pools
    teams = [a_team("red"), a_team("blue")]
    problem = moved(
        a_problem(*bids, pools=pools, capacity=capacity, teams=teams, days=14), key, sprint
    )
    return RoundFolder(
        problem=problem,
        name=f"The {key} sprint",
        pools=labels(problem),
        teams={team.key: f"Team {team.key}" for team in problem.teams},
        titles={bid.key: LAST_BID if bid.team_key == "red" else "Theirs" for bid in problem.bids},
    )


def sign_in(page: Page, site: str, address: str, key: str = LEAD) -> None:
    page.goto(f"{site}/sign-in?next={address}")
    page.get_by_label("Name you sign in with").fill(key)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site}{address}")


def fill_in_bundle(page: Page, title: str) -> list[str]:
    """Ask for three pools, reserved or as spot, and return the fields that it took."""
    filler = Filler(page)
    filler.type("title", title)
    filler.type("measure", "Wrong answers fall by a tenth until May")
    for position, pool in enumerate(POOLS, 1):
        if position > 1:
            filler.press("Add a pool", then=f"a1-i{position}-pool")
        filler.choose(f"a1-i{position}-pool", pool)
        filler.type(f"a1-i{position}-units", "2")
    filler.press("Add an alternative", then="a2-offer")
    filler.type("a2-offer", "150")
    return filler.filled


def state_of(page: Page) -> str:
    return page.locator("h1 .badge").inner_text()


@SCRIPTS
def test_a_lead_clones_last_sprints_bid_changes_submits_edits_and_withdraws_it(
    chromium: Browser, bidding: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script) as page:
        sign_in(page, bidding, "/bids")
        page.get_by_role("link", name=LAST_BID, exact=True).last.click()
        page.get_by_role("link", name="Bid again in The next sprint").click()
        expect(page.get_by_label("Title")).to_have_value(LAST_BID)
        page.get_by_label("Offer, credits a lot").fill("320")
        page.get_by_role("button", name="Review", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Review: {LAST_BID}")
        page.get_by_role("button", name="Submit the bid").click()
        assert state_of(page) == "submitted"
        expect(page.get_by_role("heading", name="Receipt of submission")).to_be_visible()

        page.get_by_role("link", name="Change", exact=True).click()
        page.get_by_label("Offer, credits a lot").fill("340")
        page.get_by_role("button", name="Review", exact=True).click()
        page.get_by_role("button", name="Submit the changes").click()
        expect(page.locator("main")).to_contain_text("offer: 320 → 340")

        page.get_by_role("link", name="Withdraw").click()
        page.get_by_role("button", name="Withdraw").click()
        assert state_of(page) == "withdrawn"
        versions = page.get_by_role("region", name="Versions of the bid").locator("tbody tr")
        expect(versions).to_have_count(4)


@SCRIPTS
def test_a_bundle_of_three_pools_in_two_alternatives_takes_at_most_twelve_fields(
    chromium: Browser, bidding: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script) as page:
        sign_in(page, bidding, "/bids/new?round=next")
        filled = fill_in_bundle(page, "Bundle")
        page.get_by_role("button", name="Review", exact=True).click()
        page.get_by_role("button", name="Submit the bid").click()
        assert state_of(page) == "submitted"
        rows = page.get_by_role("region", name="What the bid asks for").locator("tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("reserved")
        expect(rows.nth(1)).to_contain_text("spot")

    assert len(set(filled)) <= MOST_FIELDS


@SCRIPTS
def test_what_is_refused_comes_back_as_it_was_typed_with_a_sentence_beside_each_field(
    chromium: Browser, bidding: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script, missing="422") as page:
        sign_in(page, bidding, "/bids/new")
        page.get_by_label("Success measure").fill("A tenth less")
        page.get_by_label("Offer, credits a lot").fill("many")
        page.get_by_role("button", name="Review", exact=True).click()

        summary = page.get_by_role("alert")
        expect(summary).to_be_focused()
        expect(summary).to_contain_text("Title: is empty; say what the capacity is for.")
        expect(page.locator("[id='a1-offer-error']")).to_contain_text("no whole number")
        expect(page.get_by_label("Offer, credits a lot")).to_have_value("many")
        expect(page.get_by_label("Success measure")).to_have_value("A tenth less")
        summary.get_by_role("link", name=re.compile("pool: is missing")).click()
        assert page.url.endswith("#a1-i1-pool")


@SCRIPTS
def test_the_second_of_two_edits_shows_both_versions_and_loses_nothing(
    chromium: Browser, bidding: str, *, has_script: bool
) -> None:
    with a_page(chromium, java_script_enabled=has_script, missing="409") as page:
        sign_in(page, bidding, "/bids/new")
        fill_in_bundle(page, "Contested")
        page.get_by_role("button", name="Review", exact=True).click()
        page.get_by_role("button", name="Submit the bid").click()
        page.get_by_role("link", name="Change", exact=True).click()
        other = page.context.new_page()
        for one, title in ((other, "Theirs"), (page, "Mine")):
            if one is other:
                one.goto(page.url)
            one.get_by_label("Title").fill(title)
            one.get_by_role("button", name="Review", exact=True).click()
            one.get_by_role("button", name="Submit the changes").click()

        expect(page.get_by_role("alert")).to_be_focused()
        expect(page.get_by_role("row", name="title Theirs Mine")).to_be_visible()
        page.get_by_role("button", name="Go on with yours").click()
        expect(page.get_by_label("Title")).to_have_value("Mine")
        page.get_by_role("button", name="Review", exact=True).click()
        page.get_by_role("button", name="Submit the changes").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Mine")


def test_a_script_estimates_and_checks_fields_while_somebody_types(
    chromium: Browser, bidding: str
) -> None:
    with a_page(chromium) as page:
        sign_in(page, bidding, "/bids/new")
        page.get_by_label("Pool", exact=True).select_option("gpu")
        page.get_by_label("Units a day").fill("2")
        estimate = page.locator("#estimate")
        expect(estimate).to_contain_text("Suggested offer")
        page.get_by_label("Offer, credits a lot").fill("0")
        expect(page.locator("[id='a1-offer-error']")).to_contain_text("out of range")
        expect(page.locator("#title-error")).to_be_empty()
        page.get_by_label("Offer, credits a lot").fill("70")
        expect(page.locator("[id='a1-offer-error']")).to_be_empty()
        expect(estimate).to_contain_text("Value score")


def test_a_bid_needs_a_keyboard_only(chromium: Browser, bidding: str) -> None:
    with a_page(chromium, size="narrow", missing="422") as page:
        sign_in(page, bidding, "/bids/new")
        page.get_by_label("Title").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        tab_to(page, "title")
        page.keyboard.type("By keyboard")
        tab_to(page, "a1-i1-pool")
        page.keyboard.type("H100")
        tab_to(page, "a1-i1-units")
        page.keyboard.type("1")
        tab_to(page, "a1-offer")
        page.keyboard.type("90")
        press_by_keyboard(page, "Review")
        expect(page.get_by_role("heading", level=1)).to_have_text("Review: By keyboard")
        press_by_keyboard(page, "Submit the bid")
        expect(page.locator("h1 .badge")).to_have_text("submitted")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a field has the focus."""
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == name:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {name}.")


def press_by_keyboard(page: Page, word: str) -> None:
    for _ in range(60):
        if page.evaluate("document.activeElement.textContent") == word:
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {word}.")


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_no_page_about_bids_has_a_barrier_or_scrolls_sideways(
    chromium: Browser, bidding: str, scheme: str, size: str
) -> None:
    found: dict[str, list[str]] = {}
    with a_page(chromium, size=size, color_scheme=scheme, bypass_csp=True) as page:
        sign_in(page, bidding, "/bids/new")
        fill_in_bundle(page, "Looked at")
        page.get_by_role("button", name="Save as draft").click()
        bid = page.url.removeprefix(bidding)
        pages = ("/", "/bids", "/calendar", "/bids/new", bid)
        for address in (*pages, f"{bid}/edit", f"{bid}/review", f"{bid}/withdraw"):
            found[address] = barriers(page, bidding + address)
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{address} is {wide} px wider than the window"

    assert {address: found[address] for address in found if found[address]} == {}


def test_a_member_reads_the_teams_bids_and_changes_nothing(chromium: Browser, bidding: str) -> None:
    with a_page(chromium) as page:
        sign_in(page, bidding, "/bids", MEMBER)
        page.get_by_role("link", name=LAST_BID, exact=True).last.click()
        expect(page.get_by_role("link", name="See the receipt")).to_be_visible()
        expect(page.locator("main").get_by_role("link", name="Change")).to_have_count(0)
        expect(page.locator("main").get_by_role("link", name="Bid again")).to_have_count(0)


def test_on_a_phone_every_bids_state_shows_without_scrolling_sideways(
    chromium: Browser, bidding: str
) -> None:
    with a_page(chromium, size="narrow") as page:
        sign_in(page, bidding, "/bids")
        assert (
            page.evaluate(
                "(e => e.scrollWidth - e.clientWidth)(document.querySelector('#my_bids .scroll'))"
            )
            <= 0
        )
        for state in page.locator("#my_bids tbody td.choice").all():
            state.scroll_into_view_if_needed()
            box = state.bounding_box()
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= SIZES["narrow"][0]
        page.locator("#my_bids").get_by_role("link", name="State", exact=True).click()
        expect(page.locator("#my_bids th[aria-sort=ascending]")).to_contain_text("State")


def test_after_the_run_the_bid_leads_to_its_receipt_and_the_calendar(
    chromium: Browser, bidding: str, market_file: Path
) -> None:
    with a_page(chromium) as page:
        sign_in(page, bidding, "/bids/new")
        fill_in_bundle(page, "Worth it")
        page.locator("[id='a1-offer']").fill("900")
        page.get_by_role("button", name="Review", exact=True).click()
        page.get_by_role("button", name="Submit the bid").click()
        expect(page.locator("h1 .badge")).to_have_text("submitted")
        db = a_database(market_file)
        who = ActorId("sprint-start")
        change = Change(who, system_clock())
        transact(db, lambda session: close_round(session, "next", change))
        run_round(db, "next", Options(), system_clock, who, better_baseline, lambda _: None)
        db.dispose()

        page.reload()
        assert state_of(page) == "won"
        page.get_by_role("link", name="See the receipt").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Won: 1 lot")
        page.goto(f"{bidding}/calendar")
        rows = page.get_by_role("row", name=re.compile("Worth it"))
        expect(rows).to_have_count(4)  # three pools, and the access to the data of one of them
