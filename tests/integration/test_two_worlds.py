"""Before the close nothing that anybody else can observe depends on what team B bids.

Two worlds differ only in team B's bids; they are read completely and compared byte by byte. Nothing
is normalised: both worlds have the same sessions, forms and clock, and draw the same ids. The one
exception is the Date that a server writes into answers from its disk. How long an answer takes is
compared as the work of the database: every step that it takes is counted, no clock is read.
`make torture` reads the worlds on PostgreSQL as thoroughly as those on SQLite.
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask, Response, abort, g, make_response, request
from sqlalchemy import URL, event, func, select
from sqlmodel import col

from broker.access import Action, require
from broker.approvals.tables import ApprovalRequestRow
from broker.audit import Change as Noted
from broker.audit import record
from broker.bids.estimates import Opinion, opinion_on
from broker.bids.tables import TeamBidRow
from broker.bids.writing import BidWish
from broker.db import Database, reading, transact
from broker.overrides.tables import OverrideRow
from broker.people.persons import find_person
from broker.tables import BidRow, PoolRow, RoundRow, RunRow, TeamRow
from tests.bid_markets import a_draft, team_id
from tests.cast import ADMIN, FORM_SECRET, LEAD, OTHER_LEAD, OWNER, Browser, actor, stranger
from tests.commands import Broker
from tests.crawling import Said, Visit, Words, addresses_of, pages_of, said_by
from tests.markets import ADA, a_database
from tests.postgresql import a_market, open_market
from tests.screens import app_over
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
    do_everything,
    draw_alike,
    kept_beside_bids,
    secret_of,
)
from web.auth import SESSION_COOKIE, current_actor
from web.csrf import token_of
from web.desk import market

STRANGER = "stranger"
NOBODYS = "00000000-0000-4000-8000-000000000000"
"""An id that no bid has."""
MOST_SHOWN = 5
OK, SEE_OTHER = 200, 303
DONE = ("silent", "everything")
WORK = "X-Work"
END_OF_INDEX = 1
"""How many steps it takes to see whether an index goes on after a team's own entries."""
ONE_ROW = 20
"""How many steps it takes to look at a row that was found by its id, and to leave it out."""
FORM = {
    "round": CONTEST,
    "team": TEAM_B,
    "title": f"{WHISPER} of team B",
    "measure": "A tenth less",
    "owner": "Rita",
    "a1-tier": "reserved",
    "a1-i1-pool": "gpu",
    "a1-i1-units": "2",
}
FILE = re.compile(r"[^ ]+\.db")
Told = Mapping[str, Said]
World = Path | URL
"""Where a world is: a file, or a database of a server."""
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
    return words_of(worlds)


def words_of(worlds: Mapping[str, World]) -> Words:
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
        days = session.scalars(select(col(RoundRow.starts_on)).order_by(col(RoundRow.starts_on)))
        first_days = tuple(day.isoformat() for day in days)
        approvals = tuple(session.scalars(select(col(ApprovalRequestRow.id))))
        overrides = tuple(session.scalars(select(col(OverrideRow.id))))
        published = session.scalars(select(col(RunRow.id)).where(col(RunRow.state) == "published"))
        runs = tuple(sorted(published)[:1])
        decided = session.scalars(select(col(BidRow.id)).order_by(col(BidRow.id)).limit(2)).all()
    with opened(worlds["silent"]) as db:
        own = bids_of(db, TEAM_A)
    bids = (*own, *decided, *guessed, NOBODYS)
    return {
        "rounds.key": (*rounds, "nothing"),
        "pools.key": (*pools, "nothing"),
        "pool_admin.key": (*pools, "nothing"),
        "ledger.key": (*teams, "nothing"),
        "teams.key": (*teams, "nothing"),
        "hours.key": (*pools, "nothing"),
        "run_id": (*runs, NOBODYS),
        "override_id": (*overrides, NOBODYS),
        "bid_id": bids,
        "receipt_id": bids,
        "request_id": (*approvals, NOBODYS),
        "filename": ("app.css",),
        "help.name": ("bid.png",),
        "capacity.day": first_days,
        "guessed": (*guessed, NOBODYS),
    }


@pytest.fixture(scope="module")
def pages(worlds: Mapping[str, Path], words: Words) -> Told:
    """Return what is read in the silent world."""
    return told_in(worlds["silent"], words, QUICK)


@pytest.fixture(scope="module")
def worlds_on_postgresql(server: URL) -> Iterator[Mapping[str, URL]]:
    """Return the silent world and the one in which team B did everything, on a server."""
    with ExitStack() as stack:
        silent = stack.enter_context(a_market(server))
        build_world(silent)
        silent.dispose()
        told = stack.enter_context(a_market(server, str(silent.writer.url.database)))
        do_everything(told)
        told.dispose()
        yield {"silent": silent.writer.url, "everything": told.writer.url}


@contextmanager
def opened(world: World) -> Iterator[Database]:
    db = a_database(world) if isinstance(world, Path) else open_market(world)
    yield db
    db.dispose()


@contextmanager
def served(world: World, change: Change | None = None) -> Iterator[Flask]:
    db = a_database(world) if isinstance(world, Path) else open_market(world)
    app = app_over(db, lambda: NOW)
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


ELSEWHERE = {"single_sign_on.leave", "single_sign_on.come_back"}
"""Routes that answer only where a company's own sign-in is set: test_single_sign_on.py."""
QUICK = Reading((LEAD, ADMIN), is_thorough=False)
IS_TORTURE = "BROKER_TORTURE" in os.environ
ONE_READER = Reading(VIEWERS if IS_TORTURE else (LEAD,), is_thorough=IS_TORTURE)


def told_in(world: World, words: Words, reading: Reading) -> Told:
    """Return what everybody reads, then is answered to forms, one after the other."""
    told: dict[str, Said] = {}
    with pytest.MonkeyPatch.context() as patch, served(world, reading.change) as app:
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
        rules = pages_of(app)
        return {rule.endpoint for rule in rules if "GET" in (rule.methods or ())} - read


def tell_work(app: Flask) -> None:
    """Say in a header of each answer how many steps SQLite took for it."""
    steps = itertools.count()

    def count() -> None:
        next(steps)

    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(count, 1)

    @app.before_request
    def begin() -> None:
        g.steps = next(steps)

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers[WORK] = str(next(steps) - g.steps)
        return response

    for engine in (app.extensions["desk"].db.reader, app.extensions["desk"].db.writer):
        event.listen(engine, "connect", watch)


def work_of(told: Told) -> Mapping[str, int]:
    """Return how much work of the database every answer took."""
    return {asked: int(dict(said.headers)[WORK]) for asked, said in told.items()}


def look_in_browser(app: Flask) -> Browser:
    """Let team B's lead look around."""
    browser = browser_of(app, OTHER_LEAD)
    for address in ("/", "/bids", f"/bids/new?round={CONTEST}"):
        assert browser.get(address).status_code == OK
    return browser


def bid_in_browser(app: Flask) -> None:
    """Let team B's lead submit, edit, withdraw, draft and keep a template, by forms alone."""
    browser = look_in_browser(app)
    first, second = (_submitted(browser, offer) for offer in ("900", "800"))
    _press(browser, f"{first}/edit", "submit", offer="950", version="2")
    assert browser.post(f"{second}/withdraw", data={"version": "2"}).status_code == SEE_OTHER
    _press(browser, "/bids/new", "save", offer="1")
    name = {"name": f"{WHISPER} template"}
    assert browser.post(f"{first}/template", data=name).status_code == SEE_OTHER


def _submitted(browser: Browser, offer: str) -> str:
    bid = _press(browser, "/bids/new", "review", offer=offer).removesuffix("/review")
    return _press(browser, f"{bid}/edit", "submit", offer=offer, version="1")


def _press(browser: Browser, address: str, button: str, *, offer: str, version: str = "") -> str:
    typed = {**FORM, "a1-offer": offer, "version": version, "do": button}
    answer = browser.post(address, data=typed)
    assert answer.status_code == SEE_OTHER, answer.text
    return urlsplit(answer.location).path


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
    assert unanswered(files[0], told) == ELSEWHERE
    with opened(files[0]) as one, opened(files[1]) as other:
        assert kept_beside_bids(one) == kept_beside_bids(other)


def test_on_postgresql_nobody_is_told_more_than_on_sqlite(
    worlds_on_postgresql: Mapping[str, URL],
) -> None:
    words = words_of(worlds_on_postgresql)
    with opened(worlds_on_postgresql["silent"]) as one:
        kept = kept_beside_bids(one)
    with opened(worlds_on_postgresql["everything"]) as other:
        assert kept_beside_bids(other) == kept

    silent, told = (told_in(worlds_on_postgresql[name], words, ONE_READER) for name in DONE)

    assert differences(silent, told) == ""
    assert not [asked for asked, said in told.items() if WHISPER.encode() in said.body]


def test_nobody_is_told_what_another_team_does_in_a_browser_at_the_same_server(
    worlds: Mapping[str, Path], words: Words, tmp_path: Path
) -> None:
    files = [copied(worlds["silent"], tmp_path) for _ in DONE]
    looks, bids = (replace(ONE_READER, change=deed) for deed in (look_in_browser, bid_in_browser))

    silent, told = (told_in(*one) for one in zip(files, (words, words), (looks, bids), strict=True))

    assert differences(silent, told) == ""
    with opened(files[0]) as one, opened(files[1]) as other:
        assert kept_beside_bids(one) == kept_beside_bids(other)
        assert (len(bids_of(one, TEAM_B)), len(bids_of(other, TEAM_B))) == (0, 3)


def test_no_answer_takes_the_database_more_work_for_what_another_team_bids(
    worlds: Mapping[str, Path], words: Words
) -> None:
    """Only a guess of an id that nobody could guess may take the steps to see whose it is."""
    viewers = VIEWERS if IS_TORTURE else (OWNER,)
    counting = Reading(viewers, is_thorough=False, change=tell_work)

    silent, told = (work_of(told_in(worlds[name], words, counting)) for name in DONE)

    def most(asked: str) -> int:
        return ONE_ROW if any(id_ in asked for id_ in words["guessed"]) else END_OF_INDEX

    assert {
        asked: (steps, told[asked])
        for asked, steps in silent.items()
        if abs(steps - told[asked]) > most(asked)
    } == {}
    assert sum(silent.values()) > len(silent)


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


def read_bids_silently(app: Flask) -> None:
    """Read all bids for a page that says nothing of them."""

    @app.get("/admin/silent")
    def silent() -> str:
        require(current_actor(), Action.READ_PEOPLE)
        with market() as session:
            session.scalars(select(col(TeamBidRow.state))).all()
        return "Nothing."


def test_work_that_grows_with_sealed_bids_is_found(
    worlds: Mapping[str, Path],
) -> None:
    def change(app: Flask) -> None:
        tell_work(app)
        read_bids_silently(app)

    def asked_in(world: Path) -> int:
        with served(world, change) as app:
            browser = browser_of(app, ADMIN)
            browser.get("/admin/silent")
            return int(browser.get("/admin/silent").headers[WORK])

    assert asked_in(worlds["everything"]) > asked_in(worlds["silent"]) + END_OF_INDEX


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
