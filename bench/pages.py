"""`python -m bench.pages`: how long pages take in a market with a long past.

Prints what it measured and writes it as its part of docs/BENCHMARKS.md.

A market of 20,000 bids on 100 pools is filled through the services: rounds that were decided by
the simple rules, and one that is open for bids. The lead of the team that bids most then asks the
application for pages, without a network in between; what is measured is the whole answer.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlmodel import Session, col

from allocation.assembly import baseline_outcome
from allocation.folders import PoolLabel, RoundFolder
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Alternative, Bid, Problem, RoundKey
from bench.generator import KINDS, Shape, generate
from bench.machine import describe_machine, load_average
from bench.parts import rewrite_part
from broker.access import service
from broker.audit import ActorId, Change
from broker.bids.tables import TeamBidRow
from broker.config import Settings
from broker.db import Database, connect, reading, transact
from broker.figures.keeping import keep_figures
from broker.importing import import_round
from broker.people.actors import actor_of_person
from broker.people.grants import Grant, approve_grant, propose_grant
from broker.people.persons import NewPerson, add_person, find_person
from broker.people.sessions import begin_session
from broker.runs import run_round
from broker.schema import migrate
from broker.states import BidState
from broker.tables import BidRow, RoundRow, TeamRow
from web.app import create_app
from web.auth import SESSION_COOKIE
from web.csrf import COOKIE, FIELD, token_of

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
COMMAND = "python -m bench.pages"
BIDS, POOLS, TEAMS, DAYS = 20_000, 100, 50, 14
DECIDED_ROUNDS = 10
TARGET_MS = 100
OPEN_KEY = "open"
SECRET, FORM_SECRET = "the-session-of-the-lead", "of-this-browser"
OPERATOR = service(ActorId("bench"))
TEXT = f"""## Pages in a market with a long past

A market of {BIDS:,} bids on {POOLS} pools and {TEAMS} teams: {DECIDED_ROUNDS} rounds that were
decided by the simple rules and one that is open. The lead of the team with the most bids asks for
pages; each is asked for several times, and before that twice. What is measured is the whole answer
inside the process, with nothing between it and who asks. *Work* is the process's own, so that
others on the same machine count little; its target, for the market's home and every page about
bids, is a median of {TARGET_MS} ms. The wall clock stands beside it. *Questions* is how often a
page asks the database."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long a page took, and how often it asked the database. Units: milliseconds, sorted."""

    page: str
    work: tuple[float, ...]
    wall: tuple[float, ...]
    questions: int
    body_bytes: int

    @property
    def is_in_time(self) -> bool:
        """Whether the page meets the target, or has none."""
        has_target = self.page == "/" or "/bids" in self.page
        return not has_target or median(self.work) <= TARGET_MS


def main(words: Sequence[str] | None = None) -> int:
    """Fill the market, measure the pages, write the part; 1 if a page misses the target."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--times", type=int, default=15, help="how often each page is asked for")
    parser.add_argument("--market", type=Path, help="file to keep the market in, and to use again")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        file = asked.market or Path(folder) / "market.db"
        if not file.exists():
            fill(file)
        took = list(measure(file, asked.times))
    write_part(took)
    return 0 if all(one.is_in_time for one in took) else 1


# --- a market with a long past -----------------------------------------------------------------


def fill(file: Path) -> None:
    """Build the market in a new file."""
    db = connect(f"sqlite:///{file}")
    migrate(db)
    each = BIDS // (DECIDED_ROUNDS + 1)
    for number in range(DECIDED_ROUNDS):
        began = time.monotonic()
        key = bring(db, f"past-{number + 1}", number, _shape(each), is_open=False)
        run_round(db, key, Options(), at_round(number), OPERATOR.id, by_rules, lambda _: None)
        print(f"Round {key} of {each} bids after {time.monotonic() - began:.0f} s.", flush=True)
    keep_figures(db)
    left = _shape(BIDS - each * DECIDED_ROUNDS)
    bring(db, OPEN_KEY, DECIDED_ROUNDS, left, is_open=True)
    transact(db, _bring_people)
    db.dispose()


def _shape(bids: int) -> Shape:
    return Shape("coarse", bids, POOLS, DAYS, TEAMS)


def bring(db: Database, key: str, number: int, shape: Shape, *, is_open: bool) -> str:
    """Bring a round of invented bids into a market, so many sprints after the first."""
    later = dt.timedelta(days=DAYS * number)
    folder = described(moved(generate(shape, number), later))
    named = replace(folder, problem=replace(folder.problem, round_key=RoundKey(key)), name=key)
    change = Change(OPERATOR.id, at_round(number)())
    transact(db, lambda session: import_round(session, named, change, is_open=is_open))
    return key


def at_round(number: int) -> Callable[[], dt.datetime]:
    """Return a clock that stands at noon two days before a sprint."""
    day = dt.date(2026, 2, 28) + dt.timedelta(days=DAYS * number)
    return lambda: dt.datetime.combine(day, dt.time(12), dt.UTC)


def by_rules(
    problem: Problem, options: Options, report_progress: Callable[[Progress], None]
) -> Outcome:
    """Decide a round by the simple rules, as a run would have it decided."""
    del report_progress
    return baseline_outcome(problem, options, time.monotonic, "by the simple rules")


def moved(problem: Problem, by: dt.timedelta) -> Problem:
    """Return a round that is so much later."""
    capacity = tuple(replace(row, day=row.day + by) for row in problem.capacity)
    bids = tuple(
        replace(bid, alternatives=tuple(_later(way, by) for way in bid.alternatives))
        for bid in problem.bids
    )
    return replace(problem, starts_on=problem.starts_on + by, capacity=capacity, bids=bids)


def _later(way: Alternative, by: dt.timedelta) -> Alternative:
    return replace(way, earliest_start=way.earliest_start + by, latest_start=way.latest_start + by)


def described(problem: Problem) -> RoundFolder:
    """Give pools, teams and bids of an invented round names that people can read."""
    kinds = zip(problem.pools, KINDS * POOLS, strict=False)
    return RoundFolder(
        problem=problem,
        name="",
        pools={pool.key: PoolLabel(f"Pool {pool.key}", kind, "unit", "") for pool, kind in kinds},
        teams={team.key: f"Team {team.key}" for team in problem.teams},
        titles={bid.key: _title(bid) for bid in problem.bids},
    )


def _title(bid: Bid) -> str:
    return f"What {bid.team_key} wants: {bid.key}"


def _bring_people(session: Session) -> None:
    at = at_round(DECIDED_ROUNDS)()
    for key in ("admin", "lead"):
        add_person(session, OPERATOR, NewPerson(key, key.title(), f"{key}@example.org"), at)
    propose_grant(session, OPERATOR, Grant("admin", "platform-admin"), at)
    lead = propose_grant(session, OPERATOR, Grant("lead", "team-lead", _busiest(session)), at)
    approve_grant(session, actor_of_person(session, "admin"), lead.id, at)
    begin_session(session, find_person(session, "lead"), SECRET, "Bench", at)


def _busiest(session: Session) -> str:
    teams = session.scalars(select(col(BidRow.team_id)))
    team_id = Counter(teams).most_common(1)[0][0]
    return session.get_one(TeamRow, team_id).key


# --- measuring ---------------------------------------------------------------------------------


def measure(file: Path, times: int) -> Iterator[Took]:
    """Ask for every page so many times, after twice."""
    app = create_app(Settings(f"sqlite:///{file}"), at_round(DECIDED_ROUNDS))
    browser, token = _browser(app)
    for page in _pages(app.extensions["desk"].db):
        ask = _asking(browser, page, token)
        questions, body_bytes = _counted(app, ask)
        work, wall = zip(*(_timed(ask) for _ in range(times)), strict=True)
        yield Took(page, tuple(sorted(work)), tuple(sorted(wall)), questions, body_bytes)
    app.extensions["desk"].db.dispose()


def _browser(app: Flask) -> tuple[FlaskClient, str]:
    browser = app.test_client()
    browser.set_cookie(SESSION_COOKIE, SECRET)
    browser.set_cookie(COOKIE, FORM_SECRET)
    with reading(app.extensions["desk"].db) as session:
        return browser, token_of(FORM_SECRET, find_person(session, "lead").id)


def _pages(db: Database) -> list[str]:
    """Name the pages of a bidder; the first one of the form's, with what it estimates."""
    with reading(db) as session:
        bids = dict(
            session.execute(
                select(col(RoundRow.key), col(TeamBidRow.id))
                .join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
                .where(col(TeamBidRow.state) == BidState.SUBMITTED)
                .where(col(TeamBidRow.team_id) == _lead_team(session))
            ).all()
        )
    own, won = bids[OPEN_KEY], bids["past-10"]
    return [
        "/",
        "/bids",
        "/bids/templates",
        "/bids/new",
        f"/bids/new?from=bid-{won}",
        f"/bids/{own}",
        f"/bids/{own}/edit",
        f"POST /bids/{own}/edit?do=estimate",
        f"POST /bids/{own}/edit?do=check",
        f"/bids/{won}",
        f"/receipts/{won}",
        "/calendar",
        "/rounds",
        f"/rounds/{OPEN_KEY}",
        "/rounds/past-10",
        "/pools",
        "/capacity",
        "/capacity?wall=1",
        "/capacity/value",
        "/capacity/scarcity",
        "/deliveries",
        "/notices",
    ]


def _lead_team(session: Session) -> str:
    return next(iter(actor_of_person(session, "lead").teams))


def _asking(browser: FlaskClient, page: str, token: str) -> Callable[[], int]:
    """Return what asks for a page, or sends the form of a bid as it stands, and says its size."""

    def ask() -> int:
        is_form = page.startswith("POST ")
        address = page.removeprefix("POST ")
        with browser.post(address, data=typed) if is_form else browser.get(address) as answer:
            if answer.status_code not in {200, 422}:
                raise RuntimeError(f"{page} answered {answer.status}.")
            return len(answer.get_data())

    typed = {FIELD: token, "title": "Train", **_FORM}
    return ask


_FORM = {
    "a1-tier": "reserved",
    "a1-offer": "100",
    "a1-i1-pool": "p00",
    "a1-i1-units": "32",
    "a1-i1-days": "3",
}


def _timed(ask: Callable[[], int]) -> tuple[float, float]:
    """Return the work of an answer, and what the wall clock said meanwhile."""
    worked, began = time.process_time(), time.perf_counter()
    ask()
    return 1000 * (time.process_time() - worked), 1000 * (time.perf_counter() - began)


def _counted(app: Flask, ask: Callable[[], int]) -> tuple[int, int]:
    """Ask twice, and count the questions to the database that the second answer needs."""
    ask()
    asked: list[str] = []

    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    engine = app.extensions["desk"].db.reader
    event.listen(engine, "before_cursor_execute", note)
    body_bytes = ask()
    event.remove(engine, "before_cursor_execute", note)
    return len(asked), body_bytes


# --- telling -----------------------------------------------------------------------------------


def write_part(took: Sequence[Took]) -> None:
    """Print the pages, and write them as this command's part of the document."""
    heads = ("page", "work, median", "work, 95 %", "wall, median", "questions", "size")
    lines = [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)]), *map(_row, took)]
    print("\n".join(lines))
    said = f"{describe_machine()}; load before {load_average()}."
    rewrite_part(DOCUMENT, COMMAND, [TEXT, "", f"Command: `{COMMAND}`", "", said, "", *lines])


def _row(one: Took) -> str:
    late = one.work[int(0.95 * (len(one.work) - 1))]
    times = [f"{ms:.0f} ms" for ms in (median(one.work), late, median(one.wall))]
    return _line([_name(one.page), *times, str(one.questions), f"{one.body_bytes / 1000:.0f} kB"])


def _name(page: str) -> str:
    """Return an address without its ids."""
    return "/".join("…" if len(part) > 30 else part for part in page.split("/"))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
