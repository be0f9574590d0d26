"""Screen 9, one run: who asked, its stages, its numbers, and how it differs from another one.

Between close and publication everybody sees that somebody rehearsed, when, with which hash, and the
numbers of the round: nobody can look in secret. Which bids a rehearsal would have awarded is shown
to those alone who may run the round, until the result is out. Bids are frozen then, so nothing can
be gained by bidding; but whoever knew the awards could press for another capacity or policy while
two persons can still change them. After the publication everything is open.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import FromClause, select
from sqlmodel import Session, col

from allocation.outcome import Outcome, Report
from allocation.wire import report_from_document
from broker.access import Action, Actor, may, require
from broker.dashboards.briefs import RoundBrief, find_round, published_run
from broker.dashboards.comparisons import Difference, difference
from broker.dashboards.listings import Listing, Question, Table, list_rows
from broker.dashboards.results import award_table, decline_table, price_table, revision
from broker.dashboards.round_runs import Snapshot, asked_by, snapshot_of, stages_of_run
from broker.dashboards.sources import ROUND, RUN
from broker.errors import NotFound
from broker.overrides.tables import OverrideRow
from broker.policy.comparing import Decided
from broker.run_outcomes import decided_by, kept_outcome, published_decision
from broker.states import RunPurpose, RunState
from broker.tables import RunRow

TABLES: Mapping[str, Callable[[str, FromClause], Table]] = {
    "awards": award_table,
    "declines": decline_table,
    "prices": price_table,
}
KNOWN = (RunState.CHECKED, RunState.PUBLISHED)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run; `report` is there once the judge let it pass, `failure` once it may be read."""

    run_id: str
    purpose: str
    state: str
    revision: int
    asked_by: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    failure: str | None
    outcome_sha256: str | None
    report: Report | None

    @property
    def is_solving(self) -> bool:
        """Whether its stages still grow."""
        return self.state == RunState.SOLVING


@dataclass(frozen=True, slots=True)
class OtherRun:
    """Another run of the round that was judged, to compare with."""

    run_id: str
    purpose: str
    revision: int
    started_at: dt.datetime


@dataclass(frozen=True, slots=True)
class RunScreen:
    """A run. `difference` says what it decided otherwise than `compared`, where there is one.

    `may_see_bids` says whether the reader may know which bids it decided how.
    """

    now: dt.datetime
    round: RoundBrief
    snapshot: Snapshot | None
    run: RunFacts
    override_id: str | None
    stages: Listing
    others: tuple[OtherRun, ...]
    compared: OtherRun | None
    difference: Difference | None
    may_see_bids: bool


def run_screen(
    session: Session,
    actor: Actor,
    run_id: str,
    now: dt.datetime,
    stages: Question,
    with_run: str = "",
) -> RunScreen:
    """Return a run, compared with another one of its round: by default the one before it.

    Raises: NotFound if there is no such run.
    """
    row, key, name = _find(session, run_id)
    brief = find_round(session, key)
    others = _others(session, row) if row.state in KNOWN else ()
    compared = _compared(row, others, with_run)
    return RunScreen(
        now=now,
        round=brief,
        snapshot=snapshot_of(session, row.round_id),
        run=_facts(row, brief, name),
        override_id=_override_id(session, row),
        stages=list_rows(session, stages_of_run(run_id), stages),
        others=tuple(map(_brief, others)),
        compared=_brief(compared) if compared else None,
        difference=_difference(session, row, compared) if compared else None,
        may_see_bids=brief.is_decided or may(actor, Action.RUN_ROUND),
    )


def find_run_id(session: Session, run_id: str) -> str:
    """Return the id of a run that is there. Raises: NotFound."""
    return _find(session, run_id)[0].id


@dataclass(frozen=True, slots=True)
class RevisionScreen:
    """One list of what a published revision decided; `is_speaking` while no later one is out."""

    round: RoundBrief
    run_id: str
    revision: int
    is_speaking: bool
    rows: Listing


def revision_screen(session: Session, run_id: str, what: str, question: Question) -> RevisionScreen:
    """Return the awards, declines or prices of a revision as it was published.

    Raises: NotFound if no such run is published.
    """
    row, brief = _published(session, run_id)
    table = TABLES[what](brief.id, revision(run_id))
    newest = published_run(session, brief.id)
    is_speaking = newest is not None and newest.run_id == run_id
    rows = list_rows(session, table, question)
    return RevisionScreen(brief, run_id, row.revision, is_speaking, rows)


def revision_table(session: Session, run_id: str, what: str) -> Table:
    """Return a table of a published revision. Raises: NotFound."""
    _, brief = _published(session, run_id)
    return TABLES[what](brief.id, revision(run_id))


def _published(session: Session, run_id: str) -> tuple[RunRow, RoundBrief]:
    row, key, _ = _find(session, run_id)
    brief = find_round(session, key)
    if row.state != RunState.PUBLISHED or not brief.is_decided:
        raise NotFound(f"Run {run_id[:64]} has published no result.", run_id=run_id)
    return row, brief


def rehearsed_outcome(session: Session, actor: Actor, run_id: str) -> Outcome:
    """Return all that a rehearsal decided, for whoever may know it.

    Raises: NotFound if it kept none; NotAllowed before the result is out, but for those who run.
    """
    _, key, _ = _find(session, run_id)
    outcome = kept_outcome(session, run_id)
    if outcome is None:
        raise NotFound(f"Run {run_id[:64]} has kept no outcome.", run_id=run_id)
    if not find_round(session, key).is_decided:
        require(actor, Action.RUN_ROUND)
    return outcome


def _find(session: Session, run_id: str) -> tuple[RunRow, str, str]:
    """Return a run, the key of its round and who had it begun."""
    asked = (
        select(RunRow, ROUND.c.key, asked_by(RUN))
        .join(ROUND, ROUND.c.id == RUN.c.round_id)
        .where(col(RunRow.id) == run_id)
    )
    found = session.execute(asked).first()
    if found is None:
        raise NotFound(f"There is no run {run_id[:64]}.", run_id=run_id)
    return found[0], found[1], found[2] or ""


def _facts(row: RunRow, brief: RoundBrief, name: str) -> RunFacts:
    report = report_from_document(json.loads(row.report)) if row.report else None
    return RunFacts(
        run_id=row.id,
        purpose=row.purpose,
        state=row.state,
        revision=row.revision,
        asked_by=name,
        started_at=row.started_at,
        finished_at=row.finished_at,
        failure=row.failure if brief.is_decided else None,
        outcome_sha256=row.outcome_sha256,
        report=report if row.state in KNOWN else None,
    )


def _override_id(session: Session, row: RunRow) -> str | None:
    """Return the override that a run solved; a first revision has none."""
    if row.revision == 1:
        return None
    solved = select(col(OverrideRow.id)).where(col(OverrideRow.run_id) == row.id)
    return session.scalars(solved).first()


def _others(session: Session, row: RunRow) -> tuple[RunRow, ...]:
    """Return the other judged runs of the round, the newest first."""
    is_rehearsed = (col(RunRow.state) == RunState.CHECKED) & (
        col(RunRow.purpose) == RunPurpose.REHEARSAL
    )
    judged = (
        select(RunRow)
        .where(
            col(RunRow.round_id) == row.round_id,
            col(RunRow.id) != row.id,
            (col(RunRow.state) == RunState.PUBLISHED) | is_rehearsed,
        )
        .order_by(
            col(RunRow.started_at).desc(),
            col(RunRow.revision).desc(),
            col(RunRow.purpose),
            col(RunRow.id),
        )
    )
    return tuple(session.scalars(judged))


def _compared(row: RunRow, others: tuple[RunRow, ...], wanted: str) -> RunRow | None:
    """Return the run that was asked for, else the newest one that came before."""
    asked = (one for one in others if one.id == wanted)
    before = (one for one in others if one.started_at <= row.started_at)
    return next(asked, next(before, None))


def _brief(row: RunRow) -> OtherRun:
    return OtherRun(row.id, row.purpose, row.revision, row.started_at)


def _difference(session: Session, row: RunRow, other: RunRow) -> Difference | None:
    before, after = _decided(session, other), _decided(session, row)
    if before is None or after is None:
        return None
    return difference(session, row.round_id, other.id, before, after)


def _decided(session: Session, run: RunRow) -> Decided | None:
    if run.state == RunState.PUBLISHED:
        return published_decision(session, run)
    outcome = kept_outcome(session, run.id)
    return decided_by(outcome, {}) if outcome else None
