"""The demo: the fictional company's sprints, played through the services of real use.

Every round is announced, opened, bid for, closed, run and finished in the order of time, up to the
present, so that the audit log and every instant read as if it had happened. The company stands in
company/; what each step does in rounds.py, bids.py and runs.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from itertools import groupby
from time import perf_counter

from sqlmodel import Session

from allocation.options import Options, Progress
from allocation.problem import Bid, default_nonce
from broker.access import service
from broker.audit import ActorId, Change
from broker.bids.placing import PlaceBid, place_bid
from broker.clock import Clock
from broker.company import COMPANY, NOTICE, CompanyRound, Standing, five_rounds
from broker.company.calendars import Sprint
from broker.db import Database, connect, transact
from broker.demo_deliveries import SAID_AFTER, SayOfAwards
from broker.demo_people import add_people, sign_in_lines
from broker.demo_places import check_replaceable, replacing
from broker.demo_pools import (
    answer_hours,
    define_pools,
    end_access,
    let_somebody_leave,
    take_access_back,
)
from broker.figures.keeping import keep_figures
from broker.policy.versions import Adoption, adopt_policy
from broker.rounds import create_round, finish_round, open_round
from broker.runs import Ran, Solve, run_round
from broker.schema import migrate
from broker.tables import InstallationRow

DEMO_DATABASE_URL = "sqlite:///demo.sqlite3"
"""Where the demo is kept when the environment names no other place."""

SEED = 4
OPTIONS = Options(time_limit_seconds=1.4)
ANNOUNCED_BEFORE = dt.timedelta(hours=12)
ANSWERED_AFTER = dt.timedelta(hours=8)
"""How long after the sprint began experts say whether they can."""
REVOKED_AFTER = dt.timedelta(hours=9)
"""How long after the sprint began a steward finds something."""

PLATFORM_ADMIN = ActorId("platform-admin")
STRATEGY_OFFICE = ActorId("strategy-office")
SPRINT_START = ActorId("sprint-start")

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""


@dataclass(frozen=True, slots=True)
class DemoBuilt:
    """What a demo came to. Units: `seconds` of wall clock for all of it."""

    place: str
    open_round_key: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story is played: an empty market, the real clock, a solver, somebody to tell."""

    db: Database
    clock: Clock
    solve: Solve
    say: Say


class Step(IntEnum):
    """What happens to a round, in the order of what comes first at the same moment."""

    FINISH = 0
    RUN = 1
    ADOPT = 2
    ANNOUNCE = 3
    PEOPLE = 4
    POOLS = 5
    OPEN = 6
    BIDS = 7
    DELIVERIES = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of the story, when it is due, and how it is played."""

    at: dt.datetime
    step: Step
    act: Callable[[Stage, dt.datetime], dt.datetime]
    """Plays the step at the story's present, and returns the present afterwards."""


def build_demo(database_url: str, clock: Clock, solve: Solve, say: Say) -> DemoBuilt:
    """Build the demo in the place of the one before.

    Raises: Refused if the database there is not a demo; what the services raise.
    """
    began_seconds = perf_counter()
    now = clock()
    wanted = connect(database_url)
    check_replaceable(wanted)
    say(NOTICE)
    stories = five_rounds(SEED, now.date())
    with replacing(wanted) as db:
        migrate(db)
        transact(db, _mark_as_demo)
        tell(Stage(db, clock, solve, say), stories, now)
    built = DemoBuilt(wanted.place, stories[-1].sprint.key, perf_counter() - began_seconds)
    say(f"{built.open_round_key} is open for bids, sealed until it closes.")
    for line in sign_in_lines():
        say(line)
    say(f"The demo is ready after {built.seconds:.1f} s, in {built.place}.")
    return built


def tell(stage: Stage, stories: Sequence[CompanyRound], until: dt.datetime) -> None:
    """Play the stories of some rounds up to a moment; their time never runs back."""
    moments = [moment for story in stories for moment in _moments(story)]
    moments += _moments_of_pools(stories)
    present = min(moment.at for moment in moments)
    for moment in sorted(moments, key=lambda moment: (moment.at, moment.step)):
        if moment.at <= until:
            present = moment.act(stage, max(present, moment.at))


def _moments_of_pools(stories: Sequence[CompanyRound]) -> Iterator[Moment]:
    """Yield what people do about pools beside the rounds."""
    sprints = tuple(story.sprint for story in stories)
    yield Moment(stories[0].opens_at, Step.PEOPLE, _add_people)
    yield Moment(stories[0].opens_at, Step.POOLS, partial(_define_pools, sprints))
    current = stories[-2]
    after = current.closes_at + REVOKED_AFTER
    yield Moment(after, Step.POOLS, partial(_take_access_back, current))
    yield Moment(after, Step.POOLS, _let_somebody_leave)
    for story in stories[:-1]:
        answered_at = story.closes_at + ANSWERED_AFTER
        yield Moment(answered_at, Step.POOLS, partial(_answer_hours, story))


def _mark_as_demo(session: Session) -> None:
    facts = {"purpose": "demo", "company": COMPANY, "notice": NOTICE}
    session.add_all(InstallationRow(key=key, value=value) for key, value in facts.items())


# --- the steps of a round --------------------------------------------------------------------


def _moments(story: CompanyRound) -> Iterator[Moment]:
    announced_at = story.opens_at - ANNOUNCED_BEFORE
    yield Moment(announced_at, Step.ANNOUNCE, partial(_announce, story))
    yield Moment(story.opens_at, Step.ADOPT, partial(_adopt, story))
    yield Moment(story.opens_at, Step.OPEN, partial(_open, story))
    for _, arrivals in groupby(story.arrivals, lambda arrival: arrival[0].date()):
        day = tuple(arrivals)
        yield Moment(day[0][0], Step.BIDS, partial(_place_bids, story, day))
    yield Moment(story.closes_at, Step.RUN, partial(_run, story))
    yield Moment(story.finishes_at, Step.FINISH, partial(_finish, story))
    for after, say in SAID_AFTER.items():
        act = partial(_say_of_awards, story, say)
        yield Moment(story.finishes_at + after, Step.DELIVERIES, act)


def _announce(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    announce = partial(
        create_round,
        offer=story.folder,
        change=Change(PLATFORM_ADMIN, at),
        opens_at=story.opens_at,
        closes_at=story.closes_at,
    )
    transact(stage.db, announce)
    return at


def _add_people(stage: Stage, at: dt.datetime) -> dt.datetime:
    """Let everybody in once the first round has named their teams and pools."""
    transact(stage.db, lambda session: add_people(session, at))
    return at


def _define_pools(sprints: Sequence[Sprint], stage: Stage, at: dt.datetime) -> dt.datetime:
    """Let whoever owns a pool write down what it is, before anybody bids for it."""
    transact(stage.db, lambda session: define_pools(session, sprints, SEED, at))
    return at


def _answer_hours(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    """Let experts answer for the hours that the result asks of them."""
    is_over = story.standing is Standing.PAST
    transact(stage.db, lambda s: answer_hours(s, story.sprint.key, at, is_over=is_over))
    return at


def _take_access_back(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    transact(stage.db, lambda session: take_access_back(session, story.sprint.key, at))
    return at


def _let_somebody_leave(stage: Stage, at: dt.datetime) -> dt.datetime:
    transact(stage.db, lambda session: let_somebody_leave(session, at))
    return at


def _adopt(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    """Let the policy of a round be in force before bidding opens; most rounds keep the last one."""
    wish = Adoption(story.adopted.policy, story.adopted.reason, proposed_by=STRATEGY_OFFICE)
    change = Change(PLATFORM_ADMIN, at)
    transact(stage.db, lambda session: adopt_policy(session, wish, change))
    return at


def _open(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    change = Change(SPRINT_START, at)
    nonce = default_nonce(story.sprint.key)
    transact(stage.db, lambda session: open_round(session, story.sprint.key, change, lambda: nonce))
    return at


def _place_bids(
    story: CompanyRound, day: Sequence[tuple[dt.datetime, Bid]], stage: Stage, at: dt.datetime
) -> dt.datetime:
    """Place the bids of a day, each at its own moment, in one transaction."""

    def place_all(session: Session) -> None:
        for arrived_at, bid in day:
            program = service(ActorId(f"team:{bid.team_key}"))
            place_bid(session, program, _wish(story, bid), max(at, arrived_at))

    transact(stage.db, place_all)
    return max(at, day[-1][0])


def _wish(story: CompanyRound, bid: Bid) -> PlaceBid:
    return PlaceBid(
        round_key=story.sprint.key,
        bid_key=bid.key,
        team_key=bid.team_key,
        title=story.folder.titles[bid.key],
        alternatives=bid.alternatives,
        pledge=story.pledges[bid.key],
    )


def _run(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    """Close and allocate a round; the story's time passes as fast as the real one meanwhile."""
    began_at = stage.clock()

    def story_clock() -> dt.datetime:
        real = stage.clock()
        return min(real, at + (real - began_at))

    ran = run_round(
        stage.db, story.sprint.key, OPTIONS, story_clock, SPRINT_START, stage.solve, _keep_quiet
    )
    keep_figures(stage.db)
    stage.say(_result(ran))
    return story_clock()


def _finish(story: CompanyRound, stage: Stage, at: dt.datetime) -> dt.datetime:
    change = Change(SPRINT_START, at)
    transact(stage.db, lambda session: finish_round(session, story.sprint.key, change))
    transact(stage.db, lambda session: end_access(session, at))
    return at


def _say_of_awards(
    story: CompanyRound, say: SayOfAwards, stage: Stage, at: dt.datetime
) -> dt.datetime:
    """Let people say something about what the awards of a sprint delivered."""
    transact(stage.db, lambda session: say(session, SEED, story.sprint.key, at))
    return at


def _keep_quiet(progress: Progress) -> None:
    """Show no stages: four short runs need one line each."""
    del progress


def _result(ran: Ran) -> str:
    if ran.outcome is None:
        return f"{ran.round_key} was published before."
    report = ran.outcome.report
    return (
        f"{report.round_key}: {report.counts.awarded} of {report.counts.bids} eligible bids won, "
        f"worth {report.value:,} (first come: {report.baselines.first_come:,}), "
        f"{report.status}, {report.seconds['total']:.1f} s"
    )
