"""Before the close nothing that anybody else can observe depends on what team B bids.

Two worlds differ only in team B's bids; they are read completely and compared byte by byte. Nothing
is normalised: both worlds have the same sessions, forms and clock, and draw the same ids. The one
exception is the Date that a server writes into answers from its disk.
"""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask, Response, abort, make_response, request
from sqlalchemy import func, select
from sqlmodel import col

from broker.access import Action, require
from broker.approvals.tables import ApprovalRequestRow
from broker.audit import Change as Noted
from broker.audit import record
from broker.bids.estimates import Opinion, opinion_on
from broker.bids.tables import TeamBidRow
from broker.bids.writing import BidWish
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.people.persons import find_person
from broker.tables import BidRow, PoolRow, RoundRow, TeamRow
from tests.bid_markets import a_draft, team_id
from tests.cast import ADMIN, FORM_SECRET, LEAD, Browser, actor, stranger
from tests.commands import Broker
from tests.crawling import Said, Visit, Words, addresses_of, said_by
from tests.markets import ADA, a_database
from tests.worlds import (
    CONTEST,
    DEEDS,
    NOW,
    TEAM_A,
    TEAM_B,
    VIEWERS,
    WHISPER,
    bids_of,
    build_world,
    draw_alike,
    kept_beside_bids,
    secret_of,
)
from web.app import create_app
from web.auth import SESSION_COOKIE, current_actor
from web.csrf import token_of
from web.desk import market

STRANGER = "stranger"
NOBODYS = "00000000-0000-4000-8000-000000000000"
"""An id that no bid has."""
MOST_SHOWN = 5
OK = 200
FILE = re.compile(r"[^ ]+\.db")
Told = Mapping[str, Said]
Change = Callable[[Flask], None]
TEAM_PAGES = ("/", "/bids", "/calendar", "/notices", f"/ledger/{TEAM_A}", f"/rounds/{CONTEST}")
AFTERWARDS = (*TEAM_PAGES, "/bids/new", "/deliveries", "/admin/people", "/account", "/rounds")
"""What is read once more when the forms were sent."""
COMMANDS = (
    ("round", "list"),
    ("round", "show", CONTEST),
    ("round", "show", CONTEST, "--json"),
    ("round", "open", CONTEST),
    ("run", CONTEST),
    ("run", CONTEST, "--rehearse"),
    ("explain", CONTEST),
    ("ledger", "export"),
    ("policy", "list"),
    ("policy", "show"),
    ("user", "list"),
)


@pytest.fixture(scope="module")
def worlds(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return a file for each world, by what team B did there; it did nothing in the silent one."""
    folder = tmp_path_factory.mktemp("worlds")
    files = {"silent": Path(shutil.copy(migrated_file, folder / "silent.db"))}
    with opened(files["silent"]) as db:
        build_world(db)
    for name, deed in DEEDS.items():
        files[name] = Path(shutil.copy(files["silent"], folder / f"{name}.db"))
        with opened(files[name]) as db:
            deed(db)
    return files


@pytest.fixture(scope="module")
def words(worlds: Mapping[str, Path]) -> Words:
    """Return what may stand for the arguments of routes; ids of all worlds, as guesses."""
    guessed: list[str] = []
    for file in worlds.values():
        with opened(file) as db:
            guessed += bids_of(db, TEAM_B)
    with opened(worlds["silent"]) as db, reading(db) as session:
        rounds, pools, teams = (
            tuple(session.scalars(select(col(table.key)).order_by(col(table.key))))
            for table in (RoundRow, PoolRow, TeamRow)
        )
        approvals = tuple(session.scalars(select(col(ApprovalRequestRow.id))))
        decided = session.scalars(select(col(BidRow.id)).order_by(col(BidRow.id)).limit(2)).all()
    with opened(worlds["silent"]) as db:
        own = bids_of(db, TEAM_A)
    bids = (*own, *decided, *guessed, NOBODYS)
    return {
        "rounds.key": (*rounds, "nothing"),
        "pools.key": (*pools, "nothing"),
        "pool_admin.key": (*pools, "nothing"),
        "ledger.key": (*teams, "nothing"),
        "bid_id": bids,
        "receipt_id": bids,
        "request_id": (*approvals, NOBODYS),
        "filename": ("app.css",),
        "guessed": (*guessed, NOBODYS),
    }


@pytest.fixture(scope="module")
def pages(worlds: Mapping[str, Path], words: Words) -> Told:
    """Return what is read in the silent world."""
    return told_in(worlds["silent"], words, QUICK)


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    db = a_database(file)
    yield db
    db.dispose()


@contextmanager
def served(file: Path, change: Change | None = None) -> Iterator[Flask]:
    app = create_app(Settings(f"sqlite:///{file}"), lambda: NOW)
    if change:
        change(app)
    yield app
    app.extensions["desk"].db.dispose()


def browser_of(app: Flask, viewer: str) -> Browser:
    browser = stranger(app)
    if viewer != STRANGER:
        with reading(app.extensions["desk"].db) as session:
            person_id = find_person(session, viewer).id
        browser.set_cookie(SESSION_COOKIE, secret_of(viewer))
        browser.token = token_of(FORM_SECRET, person_id)
    return browser


@dataclass(frozen=True)
class Reading:
    """Who reads, and how thoroughly: all that pages can be asked, and all forms, or pages alone."""

    viewers: tuple[str, ...] = (*VIEWERS, STRANGER)
    is_thorough: bool = True
    change: Change | None = None


QUICK = Reading((LEAD, ADMIN), is_thorough=False)


def told_in(file: Path, words: Words, reading: Reading) -> Told:
    """Return what everybody reads, then is answered to forms, one after the other."""
    told: dict[str, Said] = {}
    with pytest.MonkeyPatch.context() as patch, served(file, reading.change) as app:
        draw_alike(patch)
        for viewer in reading.viewers:
            visit = Visit(browser_of(app, viewer), follows_questions=reading.is_thorough)
            visit.read(["/", *addresses_of(app, words)])
            if reading.is_thorough:
                _write(app, visit, words)
            told |= {f"{viewer}: {asked}": said for asked, said in visit.told.items()}
    return told


def _write(app: Flask, visit: Visit, words: Words) -> None:
    """Send forms of bids that are guessed, then all that are offered, and look again."""
    _guess(app, visit, words)
    visit.send_forms()
    for address in AFTERWARDS:
        visit.told[f"{address} afterwards"] = said_by(visit.browser.get(address))


def _guess(app: Flask, visit: Visit, words: Words) -> None:
    """Send forms for bids that are not one's own, in all worlds for those of all worlds."""
    guesses = words["guessed"]
    for address in addresses_of(app, {**words, "bid_id": guesses, "receipt_id": guesses}, "POST"):
        if any(guess in address for guess in guesses):
            visit.told[f"POST {address}"] = said_by(visit.browser.post(address))


def copied(file: Path, folder: Path) -> Path:
    """Return a copy of a world that a test may change."""
    return Path(shutil.copy(file, folder / f"{uuid4()}.db"))


def unanswered(file: Path, told: Told) -> set[str]:
    """Return the routes of pages of which nobody got to see one: `words` lacks their arguments."""
    with served(file) as app:
        addresses = app.url_map.bind("localhost")
        read = {
            addresses.match(urlsplit(asked.partition(": ")[2].partition(" ")[0]).path)[0]
            for asked, said in told.items()
            if said.status == OK and " " not in asked.partition(": ")[2]
        }
        rules = app.url_map.iter_rules()
        return {rule.endpoint for rule in rules if "GET" in (rule.methods or ())} - read


def without(word: str, said: Said) -> Said:
    """Return an answer without a word that was asked for."""
    headers = tuple((name, value.replace(word, "")) for name, value in said.headers)
    headers = tuple((name, value) for name, value in headers if name != "Content-Length")
    return Said(said.status, headers, said.body.replace(word.encode(), b""))


def opinion_of(file: Path) -> Opinion:
    """Return what team A is told about a bid on the pool that everybody wants."""
    with opened(file) as db, reading(db) as session:
        lead, team = actor(db, LEAD), team_id(db, TEAM_A)
        return opinion_on(
            session, lead, BidWish(team, CONTEST, a_draft(offer_credits_per_lot=20)), NOW
        )


def differences(one: Told, other: Told) -> str:
    """Say where two worlds differ, byte by byte."""
    found = [asked for asked in {**one, **other} if one.get(asked) != other.get(asked)]
    shown = (_difference(asked, one.get(asked), other.get(asked)) for asked in found[:MOST_SHOWN])
    return "\n".join([*shown, f"{len(found)} answers differ."] if found else [])


def _difference(asked: str, one: Said | None, other: Said | None) -> str:
    lines = difflib.unified_diff(_lines(one), _lines(other), lineterm="", n=0)
    return "\n".join([asked, *list(lines)[:12]])


def _lines(said: Said | None) -> list[str]:
    if said is None:
        return []
    text = said.body.decode(errors="replace")
    return [str(said.status), *map(str, said.headers), *text.splitlines()]


# --- the law -----------------------------------------------------------------------------------


@pytest.mark.timeout(900)
def test_nobody_is_told_anything_that_depends_on_what_another_team_bids_before_the_close(
    worlds: Mapping[str, Path], words: Words, tmp_path: Path
) -> None:
    files = [copied(worlds[name], tmp_path) for name in ("silent", "everything")]

    silent, told = (told_in(file, words, Reading()) for file in files)

    assert differences(silent, told) == ""
    assert not [asked for asked, said in told.items() if WHISPER.encode() in said.body]
    assert unanswered(files[0], told) == set()
    with opened(files[0]) as one, opened(files[1]) as other:
        assert kept_beside_bids(one) == kept_beside_bids(other)


@pytest.mark.parametrize("deed", ["drafts", "elsewhere", "withdrawn"])
def test_no_page_depends_on_whether_another_team_drafts_submits_edits_or_withdraws(
    worlds: Mapping[str, Path], words: Words, pages: Told, deed: str
) -> None:
    assert differences(pages, told_in(worlds[deed], words, QUICK)) == ""


@pytest.mark.parametrize("deed", DEEDS)
def test_a_bid_leaves_no_trace_beside_the_tables_of_bids(
    worlds: Mapping[str, Path], deed: str
) -> None:
    with opened(worlds["silent"]) as one, opened(worlds[deed]) as other:
        silent, told = kept_beside_bids(one), kept_beside_bids(other)

        assert silent == told
        assert silent["audit_event"]
        assert bids_of(other, TEAM_B)


def test_a_bid_of_another_team_answers_as_one_that_is_not_there(
    worlds: Mapping[str, Path], words: Words
) -> None:
    with opened(worlds["everything"]) as db:
        bids = bids_of(db, TEAM_B)
    with served(worlds["everything"]) as app:
        for viewer in (*VIEWERS, STRANGER):
            browser = browser_of(app, viewer)
            for address in addresses_of(app, {**words, "bid_id": bids, "receipt_id": bids}):
                bid = next((one for one in bids if one in address), None)
                if bid:
                    there = said_by(browser.get(address))
                    nobodys = said_by(browser.get(address.replace(bid, NOBODYS)))
                    assert there.status in {303, 403, 404}
                    assert without(bid, there) == without(NOBODYS, nobodys), (viewer, address)


def test_the_estimate_of_a_bid_rests_on_decided_rounds_and_on_the_own_teams_bids_alone(
    worlds: Mapping[str, Path],
) -> None:
    opinions = {name: opinion_of(file) for name, file in worlds.items()}

    assert {repr(one) for one in opinions.values()} == {repr(opinions["silent"])}
    chances = [one.chance for one in opinions["silent"].estimate.alternatives]
    assert [chance.cases for chance in chances if chance], "No past bid was compared."


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_command_line_tells_an_operator_nothing_of_bids_before_the_close(
    worlds: Mapping[str, Path], tmp_path: Path, broker: Broker, command: tuple[str, ...]
) -> None:
    said = []
    for name in ("silent", "everything"):
        file = copied(worlds[name], tmp_path)
        said.append(broker(*command, BROKER_DATABASE_URL=f"sqlite:///{file}"))

    silent, told = (replace(one, err=FILE.sub("", one.err)) for one in said)
    assert silent == told


# --- broken variants: what the reading must find -----------------------------------------------


def count_bids_in_a_page(app: Flask) -> None:
    """Say on a page of the admins how many bids there are."""

    @app.get("/admin/bids")
    def bids() -> str:
        require(current_actor(), Action.READ_PEOPLE)
        return f"There are {_count()} bids."


def count_bids_in_a_header(app: Flask) -> None:
    """Name every state of the bids in a header of a page that is there."""

    @app.after_request
    def add_tag(response: Response) -> Response:
        if request.endpoint == "rounds.show":
            response.set_etag(str(_count()))
        return response


def forbid_what_is_there(app: Flask) -> None:
    """Answer 403 for a stranger's bid, and 404 only where there is none."""
    show = app.view_functions["bids.show"]

    def forbid(bid_id: str) -> Response:
        with market() as session:
            if session.get(TeamBidRow, bid_id):
                abort(403)
        return make_response(show(bid_id=bid_id))

    app.view_functions["bids.show"] = forbid


def _count() -> int:
    with market() as session:
        return session.scalar(select(func.count()).select_from(TeamBidRow)) or 0


@pytest.mark.parametrize(
    "change", [count_bids_in_a_page, count_bids_in_a_header, forbid_what_is_there]
)
def test_a_screen_that_tells_of_sealed_bids_is_found(
    worlds: Mapping[str, Path], words: Words, change: Change
) -> None:
    broken = Reading((ADMIN,), is_thorough=False, change=change)

    silent, told = (told_in(worlds[name], words, broken) for name in ("silent", "drafts"))

    assert differences(silent, told) != ""


def test_a_trace_beside_the_tables_of_bids_is_found(
    worlds: Mapping[str, Path], tmp_path: Path
) -> None:
    file = copied(worlds["silent"], tmp_path)
    with opened(worlds["silent"]) as one, opened(file) as other:
        transact(other, lambda session: record(session, Noted(ADA, NOW), "bid.written", "bid:x"))

        assert kept_beside_bids(one) != kept_beside_bids(other)
