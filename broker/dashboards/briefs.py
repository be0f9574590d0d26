"""A round in brief, as every screen shows it, and the report of the run that was published.

Read by the modules of the screens; nothing here comes from bids of a round that is not decided.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlmodel import Session

from allocation import wire
from allocation.outcome import Report
from broker.dashboards.sources import DECIDED, DECLINE, MARKET_RUN, PUBLISHED_RUN, ROUND, RUN
from broker.errors import NotFound
from broker.spot.tables import is_of_a_sprint
from broker.states import RoundState, RunState

AHEAD = (RoundState.OPEN, RoundState.CLOSED, RoundState.SCHEDULED)
AHEAD_COUNT = 3
DECIDED_COUNT = 12


@dataclass(frozen=True, slots=True)
class RoundBrief:
    """What everybody may know about a round at any time: its sprint, its state and its times."""

    id: str
    key: str
    name: str
    state: str
    starts_on: dt.date
    days: int
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None
    closed_at: dt.datetime | None
    published_at: dt.datetime | None
    is_allocating: bool

    @property
    def ends_on(self) -> dt.date:
        """The last day of the sprint."""
        return self.starts_on + dt.timedelta(days=self.days - 1)

    @property
    def is_decided(self) -> bool:
        """Whether the result is there for everybody to see."""
        return self.state in DECIDED


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """The run that speaks for a decided round, and what it says about itself.

    `market_run_id` is the run of the first revision, which decided the round before any override.
    `declined_bids` counts also those that a rule of the policy barred before the run, of which
    the report does not know.
    """

    run_id: str
    report: Report
    declined_bids: int
    revision: int
    market_run_id: str

    @property
    def bids(self) -> int:
        """How many bids the round decided on."""
        return self.report.counts.awarded + self.declined_bids

    @property
    def first_come_ratio(self) -> float | None:
        """How many times the value of serving bids by the queue; None where that is nothing."""
        return _ratio(self.report.value, self.report.baselines.first_come)

    @property
    def greedy_ratio(self) -> float | None:
        """How many times the value of serving bids by value per unit; None where it is nothing."""
        return _ratio(self.report.value, self.report.baselines.density_greedy)


def find_round(session: Session, key: str) -> RoundBrief:
    """Return a round by its key. Raises: NotFound if there is none."""
    found = _first(session, _briefs().where(ROUND.c.key == key))
    if found is None:
        raise NotFound(f"There is no round {key}.", key=key)
    return found


def find_decided(session: Session, key: str) -> RoundBrief:
    """Return a round whose result is there to see. Raises: NotFound if it is not, or not yet."""
    found = find_round(session, key)
    if not found.is_decided:
        raise NotFound(f"Round {key} has no published result.", key=key)
    return found


def rounds_ahead(session: Session) -> tuple[RoundBrief, ...]:
    """Return the rounds that are still to be decided, the next sprint first."""
    ahead = _briefs().where(ROUND.c.state.in_(AHEAD), is_of_a_sprint())
    ordered = ahead.order_by(ROUND.c.starts_on, ROUND.c.key)
    return _all(session, ordered.limit(AHEAD_COUNT))


def rounds_beside(session: Session, day: dt.date) -> tuple[RoundBrief | None, RoundBrief | None]:
    """Return the last sprint that begins before a day, and the first one that begins after it."""
    known = _briefs().where(ROUND.c.state.in_((*DECIDED, *AHEAD)), is_of_a_sprint())
    earlier = known.where(ROUND.c.starts_on < day).order_by(ROUND.c.starts_on.desc(), ROUND.c.key)
    later = known.where(ROUND.c.starts_on > day).order_by(ROUND.c.starts_on, ROUND.c.key)
    return _first(session, earlier.limit(1)), _first(session, later.limit(1))


def rounds_open(session: Session) -> tuple[RoundBrief, ...]:
    """Return the rounds that are open for bids: those of sprints first, then daily rounds."""
    is_open = _briefs().where(ROUND.c.state == RoundState.OPEN)
    ordered = is_open.order_by(~is_of_a_sprint(), ROUND.c.starts_on, ROUND.c.key)
    return _all(session, ordered.limit(AHEAD_COUNT))


def rounds_decided(session: Session, until: dt.date | None = None) -> tuple[RoundBrief, ...]:
    """Return the newest decided rounds, newest sprint first; none that starts after `until`."""
    decided = _briefs().where(ROUND.c.state.in_(DECIDED), is_of_a_sprint())
    if until is not None:
        decided = decided.where(ROUND.c.starts_on <= until)
    newest = decided.order_by(ROUND.c.starts_on.desc(), ROUND.c.key.desc())
    return _all(session, newest.limit(DECIDED_COUNT))


def current_round(session: Session, today: dt.date) -> RoundBrief | None:
    """Return the decided round of the sprint that runs today, else the newest decided one."""
    return round_of_day(rounds_decided(session), today)


def round_of_day(decided: Sequence[RoundBrief], today: dt.date) -> RoundBrief | None:
    """Return the newest of some decided rounds whose sprint has begun, else the newest at all."""
    begun = (brief for brief in decided if brief.starts_on <= today)
    return next(begun, next(iter(decided), None))


def published_run(session: Session, round_id: str) -> PublishedRun | None:
    """Return the run that speaks for a round with its report, or None before it is decided."""
    declined = select(func.count()).where(DECLINE.c.run_id == RUN.c.id).correlate(RUN)
    row = session.execute(
        select(
            RUN.c.id,
            RUN.c.report,
            declined.scalar_subquery().label("declined"),
            RUN.c.revision,
            MARKET_RUN.c.run_id.label("market_run_id"),
        )
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == RUN.c.id)
        .join(MARKET_RUN, MARKET_RUN.c.round_id == RUN.c.round_id)
        .where(PUBLISHED_RUN.c.round_id == round_id)
    ).first()
    if row is None:
        return None
    report = wire.report_from_document(json.loads(row.report))
    return PublishedRun(row.id, report, row.declined, row.revision, row.market_run_id)


def _ratio(value: int, baseline: int) -> float | None:
    return value / baseline if baseline else None


def brief_columns() -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a brief by its fields' names, to be read with what is of the round."""
    solving = exists().where(
        RUN.c.round_id == ROUND.c.id, RUN.c.state == RunState.SOLVING, RUN.c.revision == 1
    )
    return (
        ROUND.c.id,
        ROUND.c.key,
        ROUND.c.name,
        ROUND.c.state,
        ROUND.c.starts_on,
        ROUND.c.days,
        ROUND.c.opens_at,
        ROUND.c.closes_at,
        ROUND.c.closed_at,
        ROUND.c.published_at,
        solving.label("is_allocating"),
    )


def _briefs() -> Select[Any]:
    return select(*brief_columns())


def _all(session: Session, briefs: Select[Any]) -> tuple[RoundBrief, ...]:
    return tuple(RoundBrief(**row) for row in session.execute(briefs).mappings())


def _first(session: Session, briefs: Select[Any]) -> RoundBrief | None:
    return next(iter(_all(session, briefs.limit(1))), None)
