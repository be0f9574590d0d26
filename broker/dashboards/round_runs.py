"""Screen 9, a round and its runs: where it stands, what was tried, and what proves the result.

Before the result is published only the state, the times, the snapshot's hash and the progress of
a run show; the reason why a run failed may name bids, so it waits for the publication too.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlmodel import Session

from broker.access import Actor
from broker.dashboards.briefs import (
    PublishedRun,
    RoundBrief,
    find_decided,
    find_round,
    published_run,
)
from broker.dashboards.counterfactuals import ExplainedCount, explained_count
from broker.dashboards.deadlines import RoundTimes, round_times
from broker.dashboards.listings import Column, Kind, Listing, Question, Table, list_rows
from broker.dashboards.sources import (
    DECIDED,
    DECLINE,
    PUBLISHED_RUN,
    ROUND,
    RUN,
    RUN_STAGE,
    SNAPSHOT,
    TEAM,
)
from broker.errors import NotFound
from broker.states import RunPurpose, RunState

RUN_COLUMNS = (
    Column("run_id", "Run", Kind.KEY, filtered=True),
    Column("purpose", "Purpose", Kind.CHOICE, choices=tuple(RunPurpose), filtered=True),
    Column("state", "State", Kind.CHOICE, choices=tuple(RunState), filtered=True),
    Column("revision", "Revision", Kind.COUNT),
    Column("started_at", "Started", Kind.INSTANT),
    Column("finished_at", "Finished", Kind.INSTANT),
    Column("failure", "Why it failed"),
)
STAGE_COLUMNS = (
    Column("run_id", "Run", Kind.KEY, filtered=True),
    Column("position", "Step", Kind.COUNT),
    Column("stage", "Stage", filtered=True),
    Column("value", "Best value", Kind.COUNT, "points"),
    Column("bound", "Bound", Kind.COUNT, "points"),
    Column("gap_ratio", "Gap", Kind.SHARE),
    Column("milliseconds", "After", Kind.MILLISECONDS, "seconds"),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The frozen problem of a closed round, by its hashes."""

    document_sha256: str
    problem_sha256: str
    taken_at: dt.datetime


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many bids were declined for one reason."""

    reason: str
    bids: int


@dataclass(frozen=True, slots=True)
class FloorRow:
    """What a team was to get at least, what it got and what is missing. Units: value points."""

    team: str
    floor: int
    value: int
    shortfall: int


@dataclass(frozen=True, slots=True)
class RoundScreen:
    """One round: `snapshot` from its close on, `run`, `reasons` and `floors` once it is decided.

    Shape: `floors` has the teams that bid, those that miss most first; none without a policy of
    floors.
    """

    now: dt.datetime
    round: RoundBrief
    times: RoundTimes
    snapshot: Snapshot | None
    run: PublishedRun | None
    explained: ExplainedCount | None
    reasons: tuple[ReasonCount, ...]
    floors: tuple[FloorRow, ...]
    runs: Listing
    stages: Listing


@dataclass(frozen=True, slots=True)
class ProgressScreen:
    """How far a round's allocation is; `stages` grows while a run is solving."""

    now: dt.datetime
    round: RoundBrief
    stages: Listing


def round_screen(
    session: Session, actor: Actor, key: str, now: dt.datetime, runs: Question, stages: Question
) -> RoundScreen:
    """Return a round with its runs, and what the reader may do. Raises: NotFound if none."""
    brief = find_round(session, key)
    run = published_run(session, brief.id)
    return RoundScreen(
        now=now,
        round=brief,
        times=round_times(session, actor, brief, now),
        snapshot=_snapshot(session, brief.id),
        run=run,
        explained=_explained(session, run),
        reasons=_reasons(session, brief.id),
        floors=_floors(session, run),
        runs=list_rows(session, run_table(brief.id), runs),
        stages=list_rows(session, stage_table(brief.id), stages),
    )


def progress_screen(
    session: Session, key: str, now: dt.datetime, question: Question
) -> ProgressScreen:
    """Return how far a round's allocation is. Raises: NotFound if there is no such round."""
    brief = find_round(session, key)
    return ProgressScreen(now, brief, list_rows(session, stage_table(brief.id), question))


def published_document(session: Session, key: str, what: str) -> str:
    """Return the report or the certificate of a round as it was stored.

    Raises: NotFound if the round is not decided.
    """
    brief = find_decided(session, key)
    document = session.execute(
        select(RUN.c[what])
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == RUN.c.id)
        .where(PUBLISHED_RUN.c.round_id == brief.id)
    ).scalar_one_or_none()
    if document is None:
        raise NotFound(f"Round {key} has no published {what}.", key=key)
    return str(document)


def run_table(round_id: str) -> Table:
    """Return the table of a round's runs, the newest first."""
    rows = (
        select(
            RUN.c.id.label("run_id"),
            RUN.c.purpose,
            RUN.c.state,
            RUN.c.revision,
            RUN.c.started_at,
            RUN.c.finished_at,
            case((ROUND.c.state.in_(DECIDED), RUN.c.failure)).label("failure"),
        )
        .select_from(RUN)
        .join(ROUND, ROUND.c.id == RUN.c.round_id)
        .where(RUN.c.round_id == round_id)
    )
    return Table("runs", "Runs of this round", RUN_COLUMNS, rows, ("-started_at", "run_id"))


def stage_table(round_id: str) -> Table:
    """Return the table of progress of a round's newest run: best value and bound after a stage."""
    newest = (
        select(RUN.c.id)
        .where(RUN.c.round_id == round_id)
        .order_by(RUN.c.started_at.desc(), RUN.c.id)
        .limit(1)
        .scalar_subquery()
    )
    gap = (RUN_STAGE.c.bound - RUN_STAGE.c.value) / func.nullif(RUN_STAGE.c.bound, 0)
    rows = select(
        RUN_STAGE.c.run_id,
        RUN_STAGE.c.position,
        RUN_STAGE.c.stage,
        RUN_STAGE.c.value,
        RUN_STAGE.c.bound,
        gap.label("gap_ratio"),
        RUN_STAGE.c.milliseconds,
    ).where(RUN_STAGE.c.run_id == newest)
    return Table("stages", "Progress of the newest run", STAGE_COLUMNS, rows, ("position",))


def _snapshot(session: Session, round_id: str) -> Snapshot | None:
    row = session.execute(
        select(SNAPSHOT.c.document_sha256, SNAPSHOT.c.problem_sha256, SNAPSHOT.c.taken_at).where(
            SNAPSHOT.c.round_id == round_id
        )
    ).first()
    return Snapshot(*row) if row else None


def _reasons(session: Session, round_id: str) -> tuple[ReasonCount, ...]:
    count = func.count().label("bids")
    rows = session.execute(
        select(DECLINE.c.reason, count)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == DECLINE.c.run_id)
        .where(PUBLISHED_RUN.c.round_id == round_id)
        .group_by(DECLINE.c.reason)
        .order_by(count.desc(), DECLINE.c.reason)
    )
    return tuple(ReasonCount(*row) for row in rows)


def _explained(session: Session, run: PublishedRun | None) -> ExplainedCount | None:
    return explained_count(session, run.run_id, run.report.counts.declined) if run else None


def _floors(session: Session, run: PublishedRun | None) -> tuple[FloorRow, ...]:
    if run is None or run.report.floors is None:
        return ()
    names = {row.key: row.name for row in session.execute(select(TEAM.c.key, TEAM.c.name))}
    rows = (
        FloorRow(names.get(t.team_key, t.team_key), t.floor, t.value, t.shortfall)
        for t in run.report.floors.teams
    )
    return tuple(sorted(rows, key=lambda row: (-row.shortfall, row.team)))
