"""Screen 9, a round and its runs: where it stands, what was tried, and what proves the result.

Before the result is published only the state, the times, the hashes, who asked and the progress of
a run show; the reason why a run failed may name bids, so it waits for the publication too. One run
alone, with its numbers, stands in run.py.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, case, func, literal, select
from sqlmodel import Session

from broker.access import Action, Actor, may
from broker.dashboards.briefs import (
    PublishedRun,
    RoundBrief,
    find_decided,
    find_round,
    published_run,
)
from broker.dashboards.counterfactuals import ExplainedCount, explained_count
from broker.dashboards.deadlines import RoundTimes, round_times
from broker.dashboards.disclosures import require_names, shows_teams
from broker.dashboards.listings import (
    Column,
    Kind,
    Listing,
    Question,
    Subject,
    Table,
    list_rows,
)
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
from broker.nonces import ToldNonce, told_nonce
from broker.overrides.tables import OverrideRow
from broker.people.tables import PersonRow
from broker.round_tables import RunRequestRow
from broker.states import RoundState, RunPurpose, RunState
from broker.tables import AuditEventRow

PERSON = PersonRow.metadata.tables["person"]
OVERRIDE = OverrideRow.metadata.tables["override"]
REQUEST = RunRequestRow.metadata.tables["run_request"]
EVENT = AuditEventRow.metadata.tables["audit_event"]
RUN_COLUMNS = (
    Column("run_id", "Run", Kind.KEY, filtered=True, names=Subject.RUN, reference="run_id"),
    Column("purpose", "Purpose", Kind.CHOICE, choices=tuple(RunPurpose), filtered=True),
    Column("state", "State", Kind.CHOICE, choices=tuple(RunState), filtered=True),
    Column("revision", "Revision", Kind.COUNT),
    Column("started_at", "Started", Kind.INSTANT),
    Column("finished_at", "Finished", Kind.INSTANT),
    Column("asked_by", "By", filtered=True),
    Column("outcome_sha256", "Outcome", Kind.KEY, filtered=True),
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
class AskedRun:
    """A rehearsal or a run that somebody asked for and that nobody has begun yet."""

    purpose: str
    asked_by: str
    asked_at: dt.datetime


@dataclass(frozen=True, slots=True)
class RoundScreen:
    """One round: `snapshot` from its close on, `run`, `reasons` and `floors` once it is decided.

    Shape: `floors` has the teams that bid, those that miss most first; none without a policy of
    floors.
    """

    now: dt.datetime
    round: RoundBrief
    times: RoundTimes
    nonce: ToldNonce
    snapshot: Snapshot | None
    run: PublishedRun | None
    explained: ExplainedCount | None
    reasons: tuple[ReasonCount, ...]
    floors: tuple[FloorRow, ...]
    asked: AskedRun | None
    may_ask: bool
    runs: Listing
    stages: Listing


@dataclass(frozen=True, slots=True)
class ProgressScreen:
    """How far a round's allocation is; `stages` grows while a run is solving."""

    now: dt.datetime
    round: RoundBrief
    asked: AskedRun | None
    stages: Listing

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self.round.is_allocating and self.asked is None


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
        nonce=_nonce(session, brief),
        snapshot=snapshot_of(session, brief.id),
        run=run,
        explained=_explained(session, run),
        reasons=_reasons(session, brief.id),
        floors=_floors(session, brief.id, run),
        asked=_asked(session, brief),
        may_ask=brief.state == RoundState.CLOSED and may(actor, Action.RUN_ROUND),
        runs=list_rows(session, run_table(brief.id), runs),
        stages=list_rows(session, stage_table(brief.id), stages),
    )


def progress_screen(
    session: Session, key: str, now: dt.datetime, question: Question
) -> ProgressScreen:
    """Return how far a round's allocation is. Raises: NotFound if there is no such round."""
    brief = find_round(session, key)
    stages = list_rows(session, stage_table(brief.id), question)
    return ProgressScreen(now, brief, _asked(session, brief), stages)


def published_document(session: Session, actor: Actor, key: str, what: str) -> str:
    """Return the report or the certificate of a round as it was stored.

    Raises: NotFound if the round is not decided; NotAllowed where it shows no team names.
    """
    brief = find_decided(session, key)
    require_names(session, actor, brief.id)
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
            asked_by(RUN).label("asked_by"),
            RUN.c.outcome_sha256,
            case((ROUND.c.state.in_(DECIDED), RUN.c.failure)).label("failure"),
        )
        .select_from(RUN)
        .join(ROUND, ROUND.c.id == RUN.c.round_id)
        .where(RUN.c.round_id == round_id)
    )
    return Table("runs", "Runs of this round", RUN_COLUMNS, rows, ("-started_at", "run_id"))


def asked_by(run: FromClause) -> ColumnElement[str]:
    """Name who had a run begun: the person who asked on a page or overrides, else who began it."""
    begun = (
        select(func.coalesce(PERSON.c.name, EVENT.c.actor))
        .select_from(EVENT)
        .outerjoin(PERSON, PERSON.c.id == EVENT.c.actor)
        .where(EVENT.c.subject == literal("run:") + run.c.id, EVENT.c.kind == "run.solving")
        .correlate(run)
    )
    asked = (
        select(func.coalesce(PERSON.c.name, REQUEST.c.asked_by))
        .select_from(REQUEST)
        .outerjoin(PERSON, PERSON.c.id == REQUEST.c.asked_by)
        .where(REQUEST.c.run_id == run.c.id)
        .correlate(run)
    )
    corrected = (
        select(func.coalesce(PERSON.c.name, OVERRIDE.c.proposed_by))
        .select_from(OVERRIDE)
        .outerjoin(PERSON, PERSON.c.id == OVERRIDE.c.proposed_by)
        .where(OVERRIDE.c.run_id == run.c.id)
        .correlate(run)
    )
    ways = (asked, corrected, begun)
    return func.coalesce(*(way.scalar_subquery() for way in ways))


def stage_table(round_id: str) -> Table:
    """Return the table of progress of a round's newest run, whatever was overridden since."""
    newest = (
        select(RUN.c.id)
        .where(RUN.c.round_id == round_id, RUN.c.revision == 1)
        .order_by(RUN.c.started_at.desc(), RUN.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return _stages(RUN_STAGE.c.run_id == newest, "Progress of the newest run")


def stages_of_run(run_id: str) -> Table:
    """Return the table of progress of one run."""
    shown = tuple(column.key for column in STAGE_COLUMNS if column.key != "run_id")
    stages = _stages(RUN_STAGE.c.run_id == run_id, "Progress of the run")
    return stages.showing(stages.name, stages.caption, shown)


def _stages(which: ColumnElement[bool], caption: str) -> Table:
    gap = (RUN_STAGE.c.bound - RUN_STAGE.c.value) / func.nullif(RUN_STAGE.c.bound, 0)
    rows = select(
        RUN_STAGE.c.run_id,
        RUN_STAGE.c.position,
        RUN_STAGE.c.stage,
        RUN_STAGE.c.value,
        RUN_STAGE.c.bound,
        gap.label("gap_ratio"),
        RUN_STAGE.c.milliseconds,
    ).where(which)
    return Table("stages", caption, STAGE_COLUMNS, rows, ("position",))


def snapshot_of(session: Session, round_id: str) -> Snapshot | None:
    """Return the frozen problem of a round by its hashes; None before its close."""
    row = session.execute(
        select(SNAPSHOT.c.document_sha256, SNAPSHOT.c.problem_sha256, SNAPSHOT.c.taken_at).where(
            SNAPSHOT.c.round_id == round_id
        )
    ).first()
    return Snapshot(*row) if row else None


def _nonce(session: Session, brief: RoundBrief) -> ToldNonce:
    nonce = session.execute(select(ROUND.c.nonce).where(ROUND.c.id == brief.id)).scalar_one()
    return told_nonce(brief.state, nonce)


def _asked(session: Session, brief: RoundBrief) -> AskedRun | None:
    """Return what waits to be begun, as long as the round can still be run."""
    if brief.state != RoundState.CLOSED:
        return None
    row = session.execute(
        select(
            REQUEST.c.purpose,
            func.coalesce(PERSON.c.name, REQUEST.c.asked_by),
            REQUEST.c.asked_at,
        )
        .outerjoin(PERSON, PERSON.c.id == REQUEST.c.asked_by)
        .where(REQUEST.c.round_id == brief.id, REQUEST.c.run_id.is_(None))
    ).first()
    return AskedRun(*row) if row else None


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
    if run is None:
        return None
    declined = run.report.counts.declined if run.revision == 1 else None
    return explained_count(session, run.market_run_id, declined)


def _floors(session: Session, round_id: str, run: PublishedRun | None) -> tuple[FloorRow, ...]:
    if run is None or run.report.floors is None or not shows_teams(session, round_id):
        return ()
    names = {row.key: row.name for row in session.execute(select(TEAM.c.key, TEAM.c.name))}
    rows = (
        FloorRow(names.get(t.team_key, t.team_key), t.floor, t.value, t.shortfall)
        for t in run.report.floors.teams
    )
    return tuple(sorted(rows, key=lambda row: (-row.shortfall, row.team)))
