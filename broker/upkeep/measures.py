"""What machines that watch this one are told in numbers, computed from the database each time.

So every process of every host tells the same. Nothing here depends on bids before their round is
closed: no bids, drafts, notices or mails are counted.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from broker.counterfactuals.tables import QuestionRow
from broker.policy.tables import PolicyReplayRow
from broker.proofs.keeping import latest_checkpoint
from broker.states import RoundState, RunState
from broker.tables import RoundRow, RunRow
from broker.upkeep.ticks import last_tick, what_is_late
from broker.webhooks.tables import SendingState, WebhookMessageRow


@dataclass(frozen=True, slots=True)
class Measure:
    """Numbers of one kind, each under the words that tell it from the others. Unit: its name's."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float], ...]


def measures(session: Session, at: dt.datetime) -> Iterator[Measure]:
    """Measure a market at a moment."""
    yield _rounds(session)
    yield _runs(session)
    yield from _last_result(session)
    yield _queue(session)
    yield _outbox(session)
    yield from _checkpoint(session, at)
    yield from _ticks(session, at)


def _rounds(session: Session) -> Measure:
    counted = select(col(RoundRow.state), func.count()).group_by(col(RoundRow.state))
    found = dict(session.execute(counted).all())
    values = tuple(((state.value,), float(found.get(state, 0))) for state in RoundState)
    return Measure("broker_rounds", "Rounds by state.", ("state",), values)


def _runs(session: Session) -> Measure:
    kinds = (col(RunRow.purpose), col(RunRow.state))
    counted = session.execute(select(*kinds, func.count()).group_by(*kinds).order_by(*kinds))
    values = tuple(((purpose, state), float(count)) for purpose, state, count in counted)
    return Measure("broker_runs", "Runs by purpose and state.", ("purpose", "state"), values)


def _last_result(session: Session) -> Iterator[Measure]:
    """Measure the run that was published last: how long each stage took, and how good it is."""
    published = select(col(RunRow.report)).where(col(RunRow.state) == RunState.PUBLISHED)
    newest = published.order_by(col(RunRow.finished_at).desc()).limit(1)
    told = session.scalar(newest)
    if told is None:
        return
    report = json.loads(told)
    stages = tuple(((stage,), float(took)) for stage, took in sorted(report["seconds"].items()))
    meaning = "Seconds of every stage of the run that was published last."
    yield Measure("broker_last_run_stage_seconds", meaning, ("stage",), stages)
    meaning = "Gap between value and bound of the run that was published last, 0 if proven best."
    yield _alone("broker_last_run_gap_ratio", meaning, report["gap_ratio"])


def _queue(session: Session) -> Measure:
    """Count what a worker has still to do; all of it is about rounds that are published."""
    waiting = {
        "question": _count(QuestionRow).where(col(QuestionRow.answered_at).is_(None)),
        "replay": _count(PolicyReplayRow).where(col(PolicyReplayRow.finished_at).is_(None)),
    }
    values = tuple(((kind,), float(session.scalar(n) or 0)) for kind, n in waiting.items())
    return Measure("broker_queue", "Work that waits for a worker, by kind.", ("kind",), values)


def _outbox(session: Session) -> Measure:
    """Count what webhooks were told; it is all about what becomes of rounds."""
    state = col(WebhookMessageRow.state)
    found = dict(session.execute(select(state, func.count()).group_by(state)).all())
    values = tuple(((one.value,), float(found.get(one, 0))) for one in SendingState)
    return Measure("broker_outbox", "Messages to webhooks by state.", ("state",), values)


def _checkpoint(session: Session, at: dt.datetime) -> Iterator[Measure]:
    latest = latest_checkpoint(session)
    if latest is not None:
        age = (at - latest.taken_at).total_seconds()
        meaning = "Seconds since the audit log was last signed."
        yield _alone("broker_checkpoint_age_seconds", meaning, age)


def _ticks(session: Session, at: dt.datetime) -> Iterator[Measure]:
    last = last_tick(session)
    if last is not None:
        age = (at - last.ticked_at).total_seconds()
        yield _alone("broker_last_tick_age_seconds", "Seconds since `broker tick` last ran.", age)
    late = what_is_late(session, at)
    meaning = "Things that should have happened by themselves and did not."
    yield _alone("broker_late", meaning, len(late))


def _count(table: type[QuestionRow | PolicyReplayRow]) -> Select[Any]:
    return select(func.count()).select_from(table)


def _alone(name: str, meaning: str, value: float) -> Measure:
    return Measure(name, meaning, (), (((), float(value)),))
