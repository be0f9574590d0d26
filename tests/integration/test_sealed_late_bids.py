"""Nobody else reads anything of a late bid before its daily round closes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask import Flask

from broker.config import Settings
from broker.db import Database
from tests.cast import ADMIN, LEAD, OTHER_LEAD, Places, bring_people, signed_in, stranger
from tests.holdings import THE_DAY_BEFORE, tick_at
from tests.integration.test_late_bids import DAILY, a_late_draft, a_sprint, bid_late
from tests.markets import a_database
from web.app import create_app
from web.auth import SESSION_COOKIE

Said = Mapping[tuple[str, str], tuple[int, bytes]]
"""Status and body, by who asked for which address."""


def app_of(file: Path) -> Flask:
    return create_app(Settings(f"sqlite:///{file}"), lambda: THE_DAY_BEFORE)


def addresses(app: Flask) -> Iterator[str]:
    """Return all pages that need no words, and those of the daily round."""
    for rule in app.url_map.iter_rules():
        is_of_a_round = rule.arguments == {"key"} and "/rounds/" in rule.rule
        if "GET" in (rule.methods or ()) and (is_of_a_round or not rule.arguments):
            yield rule.rule.replace("<key>", DAILY)


def secrets_of(file: Path) -> dict[str, str]:
    """Sign everybody in who will look."""
    app, found = app_of(file), {}
    for key in (LEAD, ADMIN, OTHER_LEAD):
        cookie = signed_in(app, key).get_cookie(SESSION_COOKIE)
        assert cookie is not None
        found[key] = cookie.value
    app.extensions["desk"].db.dispose()
    return found


def read(file: Path, secrets: Mapping[str, str]) -> Said:
    app, said = app_of(file), {}
    for viewer, secret in secrets.items():
        browser = stranger(app)
        browser.set_cookie(SESSION_COOKIE, secret)
        for address in addresses(app):
            with browser.get(address) as answer:
                said[viewer, address] = answer.status_code, answer.data
    app.extensions["desk"].db.dispose()
    return said


def test_what_others_read_is_the_same_whatever_came_late(market: Database, tmp_path: Path) -> None:
    a_sprint(market)
    bring_people(market, Places(team="red", other_team="blue"))
    tick_at(market, THE_DAY_BEFORE)
    secrets = secrets_of(market.file)
    market.dispose()
    file = tmp_path / "other.db"
    shutil.copy(market.file, file)
    other = a_database(file)
    bid_late(other, a_late_draft(units=2))
    other.dispose()
    before, after = read(market.file, secrets), read(file, secrets)
    differing = {who for who, _ in (one for one in before if before[one] != after[one])}
    assert differing == {OTHER_LEAD}
