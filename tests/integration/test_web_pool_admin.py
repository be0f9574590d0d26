"""Whoever keeps a pool true fills its calendar in by form or sheet, and reads it back the same."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from flask import Flask
from sqlalchemy import event

from allocation.problem import RoundKey
from broker.db import Database, transact
from broker.pools.calendars import Calendar, Cause, DayCapacity, Maintenance, OtherDay, Units
from broker.pools.calendars import capacity_on as days_of
from broker.rounds import create_round
from tests.cast import (
    ADMIN,
    LEAD,
    OWNER,
    SECOND_ADMIN,
    Browser,
    Places,
    bring_people,
    signed_in,
    stranger,
)
from tests.integration.test_rounds import an_offer
from tests.markets import a_change, a_scarce_problem, bring, described, run_it
from tests.pool_changes import offered
from tests.screens import screens

HERE = "/admin/pools/gpu"
MONDAY = dt.date(2026, 3, 2)
WANTED = Calendar(
    first_day=MONDAY,
    week=(Units(8, 2),) * 5 + (Units(4, 0),) * 2,
    exceptions=(
        OtherDay(dt.date(2026, 3, 4), Units(10, 0), "Release"),
        OtherDay(dt.date(2026, 3, 9), Units(0, 0), "Holiday"),
    ),
    maintenance=(Maintenance(dt.date(2026, 3, 5), Units(6, 1), "Firmware"),),
)
SHEET = """entry,day,reserved_units,spot_units,note
first-day,2026-03-02,,,
pattern,monday,8,2,
pattern,tuesday,8,2,
pattern,wednesday,8,2,
pattern,thursday,8,2,
pattern,friday,8,2,
pattern,saturday,4,0,
pattern,sunday,4,0,
exception,2026-03-04,10,0,Release
exception,2026-03-09,0,0,Holiday
maintenance,2026-03-05,6,1,Firmware
"""
TYPED = {
    "first_day": "2026-03-02",
    **{f"{day}-reserved": "8" for day in ("monday", "tuesday", "wednesday", "thursday", "friday")},
    **{f"{day}-spot": "2" for day in ("monday", "tuesday", "wednesday", "thursday", "friday")},
    **{f"{day}-reserved": "4" for day in ("saturday", "sunday")},
    **{f"{day}-spot": "" for day in ("saturday", "sunday")},
    "entry-1-day": "2026-03-04",
    "entry-1-reserved": "10",
    "entry-1-note": "Release",
    "entry-2-what": "maintenance",
    "entry-2-day": "2026-03-05",
    "entry-2-reserved": "6",
    "entry-2-spot": "1",
    "entry-2-note": "Firmware",
    "entry-3-day": "2026-03-09",
    "entry-3-note": "Holiday",
}


class _Form(HTMLParser):
    """The fields of the form that goes to an address, as a browser would send them."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.is_inside, self.select = action, False, ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: text or "" for key, text in attrs}
        name = values.get("name", "")
        if tag == "form":
            self.is_inside = values.get("action") == self.action
        elif not self.is_inside:
            return
        elif tag == "select":
            self.select = name
        elif tag == "option" and ("selected" in values or self.select not in self.fields):
            self.fields[self.select] = values["value"]
        elif tag == "input" and (values.get("type") != "checkbox" or "checked" in values):
            self.fields[name] = values.get("value", "")


def fields_of(html: str, action: str) -> dict[str, str]:
    parser = _Form(action)
    parser.feed(html)
    assert parser.fields, f"No form on the page goes to {action}."
    parser.fields.pop("csrf_token")
    return parser.fields


class _Days(HTMLParser):
    """What each cell of the grid says of its day."""

    def __init__(self) -> None:
        super().__init__()
        self.day, self.words = "", dict[str, list[str]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "td":
            self.day = dict(attrs).get("data-day") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self.day = ""

    def handle_data(self, data: str) -> None:
        if self.day and data.strip():
            self.words.setdefault(self.day, []).append(data.strip())


def days_shown(html: str) -> Mapping[str, list[str]]:
    parser = _Days()
    parser.feed(html)
    return {day: words[1:] for day, words in parser.words.items()}


def as_shown(one: DayCapacity) -> list[str]:
    words = ["R", str(one.units[0]), "S", str(one.units[1])] if sum(one.units) else ["closed"]
    cause = {
        Cause.BEFORE_FIRST_DAY: ["not yet"],
        Cause.EXCEPTION: ["exception"],
        Cause.MAINTENANCE: ["maintenance"],
    }.get(one.cause, [])
    return words + cause + ([f": {one.note}"] if one.note else [])


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    """Return the screens over a market with one scheduled round."""
    transact(market, lambda s: create_round(s, described(an_offer()), a_change()))
    bring_people(market, Places(other_team="blue"))
    with screens(market) as app:
        yield app


@pytest.fixture
def closed_app(market: Database) -> Iterator[Flask]:
    """Return the screens over a market with one closed round."""
    bring(market, described(a_scarce_problem()))
    transact(
        market,
        lambda s: create_round(
            s, described(replace(an_offer(), round_key=RoundKey("sprint-2"))), a_change()
        ),
    )
    bring_people(market, Places(other_team="blue"))
    with screens(market) as app:
        yield app


def check(browser: Browser, **typed: str) -> str:
    fields = fields_of(browser.get(HERE).text, f"{HERE}/calendar")
    answer = browser.post(f"{HERE}/calendar", data={**fields, **TYPED, **typed, "do": "check"})
    assert answer.status_code == 200, answer.text
    return answer.text


def save(browser: Browser, preview: str, reason: str = "It is true") -> None:
    fields = fields_of(preview, f"{HERE}/calendar") | {"reason": reason, "do": "save"}
    answer = browser.post(f"{HERE}/calendar", data=fields)
    assert (answer.status_code, answer.headers.get("Location")) == (303, HERE), answer.text


def assert_every_day_is_what_was_wanted(browser: Browser) -> None:
    shown = dict(days_shown(browser.get(f"{HERE}?from=2026-02-23").text))
    wanted = days_of(WANTED, [dt.date(2026, 2, 23) + dt.timedelta(days=n) for n in range(42)])
    assert shown == {one.day.isoformat(): as_shown(one) for one in wanted}
    rows = browser.get(f"{HERE}/days.json?from=2026-02-23").get_json()["rows"]
    told = [(row["day"], row["reserved_units"], row["spot_units"], row["cause"]) for row in rows]
    assert told == [(one.day.isoformat(), *one.units, one.cause) for one in wanted]


def test_a_calendar_is_set_up_in_the_form_and_every_day_is_what_the_page_says(
    app: Flask, market: Database
) -> None:
    owner = signed_in(app, OWNER)
    before = offered(market)
    preview = check(owner)
    assert "Nothing is saved yet." in preview
    assert offered(market) == before
    save(owner, preview)
    assert_every_day_is_what_was_wanted(owner)
    first_days = [MONDAY + dt.timedelta(days=n) for n in range(len(before))]
    assert offered(market) == [one.units for one in days_of(WANTED, first_days)]


@pytest.mark.parametrize("is_file", [False, True])
def test_a_calendar_is_set_up_from_a_sheet_and_every_day_is_what_the_page_says(
    app: Flask, market: Database, *, is_file: bool
) -> None:
    owner = signed_in(app, OWNER)
    before = offered(market)
    file = {"file": (io.BytesIO(SHEET.encode()), "calendar.csv")}
    answer = owner.post(f"{HERE}/sheet", data=file if is_file else {"sheet": SHEET})
    assert answer.status_code == 200, answer.text
    assert offered(market) == before
    save(owner, answer.text)
    assert_every_day_is_what_was_wanted(owner)
    assert owner.get(f"{HERE}/sheet.csv").text.splitlines() == SHEET.splitlines()


def test_a_broken_sheet_is_named_line_by_line_and_changes_nothing(
    app: Flask, market: Database
) -> None:
    before = offered(market)
    broken = SHEET + "exception,tomorrow,1,1,\nholiday,2026-03-10,0,0,\n"
    answer = signed_in(app, OWNER).post(f"{HERE}/sheet", data={"sheet": broken})
    assert answer.status_code == 422
    assert "line 13: day: &#39;tomorrow&#39; is no day" in answer.text
    assert "line 14: entry: &#39;holiday&#39; is none" in answer.text
    assert "exception,tomorrow,1,1," in answer.text
    latin = {"file": (io.BytesIO(b"entry\xff"), "calendar.csv")}
    assert "is not UTF-8" in signed_in(app, OWNER).post(f"{HERE}/sheet", data=latin).text
    assert offered(market) == before


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"first_day": "soon"}, "first_day", "Write a day such as"),
        ({"monday-spot": "-1"}, "monday-spot", "Write whole units"),
        ({"entry-1-day": "2026-02-30"}, "entry-1-day", "Write a day such as"),
        ({"entry-3-day": "2026-03-04"}, "entry-3-day", "is named twice"),
        ({"entry-3-day": "2026-03-01"}, "entry-3-day", "is before the first day"),
        ({"name": ""}, "name", "Is empty"),
        ({"drains_from": "2026-03-01"}, "drains_from", "is before the first day"),
        ({"friday-reserved": "1000000001"}, "friday-reserved", "Write whole units"),
    ],
)
def test_what_cannot_be_comes_back_as_it_was_typed_beside_its_field(
    app: Flask, typed: dict[str, str], field: str, sentence: str
) -> None:
    owner = signed_in(app, OWNER)
    fields = fields_of(owner.get(HERE).text, f"{HERE}/calendar") | TYPED | typed | {"do": "check"}
    answer = owner.post(f"{HERE}/calendar", data=fields)
    assert answer.status_code == 422
    told = answer.text.partition(f'id="{field}-error"')[2].partition("</p>")[0]
    assert sentence in told
    again = fields_of(answer.text, f"{HERE}/calendar")
    assert {name: again[name] for name in typed} == typed


def test_a_change_without_a_reason_is_asked_for_one(app: Flask, market: Database) -> None:
    owner = signed_in(app, OWNER)
    before = offered(market)
    fields = fields_of(check(owner), f"{HERE}/calendar") | {"reason": " ", "do": "save"}
    answer = owner.post(f"{HERE}/calendar", data=fields)
    assert answer.status_code == 422
    assert "Is empty; say why." in answer.text
    assert offered(market) == before
    back = owner.post(f"{HERE}/calendar", data=fields | {"do": "change"})
    assert fields_of(back.text, f"{HERE}/calendar")["entry-1-note"] == "Release"


def test_after_the_close_a_second_person_approves_on_the_page(
    closed_app: Flask, market: Database
) -> None:
    owner, admin = signed_in(closed_app, OWNER), signed_in(closed_app, ADMIN)
    preview = check(owner)
    assert "waits until a second person approves it" in preview
    save(owner, preview)
    assert "Take it back" in owner.get(HERE).text
    assert "Approve it" not in owner.get(HERE).text
    assert offered(market)[0] == Units(10, 5)
    page = admin.get(HERE).text
    address = page.partition(f'action="{HERE}/changes/')[2].partition('"')[0]
    assert address.endswith("/approve")
    assert owner.post(f"{HERE}/changes/{address}").status_code == 409
    assert admin.post(f"{HERE}/changes/{address}").status_code == 303
    assert offered(market)[0] == Units(8, 2)
    assert "Ada Admin" in owner.get(HERE).text


def test_awards_that_would_be_short_are_named_before_it_is_saved(
    market: Database, closed_app: Flask
) -> None:
    run_it(market)
    text = check(signed_in(closed_app, OWNER), **{"monday-reserved": "1", "monday-spot": "0"})
    assert "More is awarded than there would be on 1 day." in text
    assert "Team red" in text


def test_an_admin_defines_a_pool_and_hands_it_over_with_a_second_one(app: Flask) -> None:
    first, second = signed_in(app, ADMIN), signed_in(app, SECOND_ADMIN)
    typed = {"key": "tpu", "name": "TPU pods", "unit": "pod", "owner": OWNER, "reason": "New"}
    refused = first.post("/admin/pools", data=typed | {"first_day": "x"})
    assert (refused.status_code, "TPU pods" in refused.text) == (422, True)
    made = first.post("/admin/pools", data=typed | {"first_day": "2026-03-02"})
    assert made.headers["Location"] == "/admin/pools/tpu"
    assert first.post("/admin/pools", data=typed | {"first_day": "2026-03-02"}).status_code == 422
    assert "Nobody." in first.get("/admin/pools/tpu").text
    page = second.get("/admin/pools/tpu").text
    address = page.partition('action="/admin/pools/tpu/owner/')[2].partition('"')[0]
    assert first.post(f"/admin/pools/tpu/owner/{address}").status_code == 403
    assert second.post(f"/admin/pools/tpu/owner/{address}").status_code == 303
    assert "Nobody." not in signed_in(app, OWNER).get("/admin/pools/tpu").text


def test_only_admins_and_the_owner_of_a_pool_see_its_calendar(app: Flask) -> None:
    for who in (ADMIN, OWNER):
        assert HERE in signed_in(app, who).get("/admin/pools").text
        assert "Pool calendars" in signed_in(app, who).get("/").text
    for address in ("/admin/pools", HERE, f"{HERE}/days.csv", f"{HERE}/sheet.csv"):
        assert signed_in(app, LEAD).get(address).status_code == 403
        assert stranger(app).get(address).status_code == 303


def test_pages_ask_few_questions(app: Flask) -> None:
    owner = signed_in(app, OWNER)
    save(owner, check(owner))
    asked: list[str] = []
    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    for address in ("/admin/pools", HERE):
        asked.clear()
        assert owner.get(address).status_code == 200
        assert len(asked) <= 12, asked
    asked.clear()
    fields = fields_of(owner.get(HERE).text, f"{HERE}/calendar") | {"do": "check"}
    asked.clear()
    owner.post(f"{HERE}/calendar", data=fields | {"monday-spot": "9"})
    assert len(asked) <= 12, asked
