"""Keeping figures: every published run of a sprint's round is summed up once, by a worker.

Safe at any time and on every host at once: whoever comes second finds the figures there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import structlog
from sqlalchemy import Select, exists, insert, select
from sqlmodel import Session, col

from allocation.figures import Figures, PoolFigures, TeamFigures, figures_of
from broker.counterfactuals.answers import Decided, decided_round
from broker.db import Database, reading, transact
from broker.directory import directory_of
from broker.errors import BrokerError
from broker.figures.tables import PoolFigureRow, RoundFigureRow, TeamFigureRow
from broker.rounds import find_round
from broker.spot.tables import is_of_a_sprint
from broker.states import RunState
from broker.tables import RoundRow, RunRow

log = structlog.get_logger()


def keep_figures(db: Database) -> int:
    """Sum up every published round that has no figures yet; return how many there were.

    A round is summed up as the market decided it, before anybody overrode it.
    """
    with reading(db) as session:
        keys = session.scalars(_without_figures()).all()
    return sum(_keep_one(db, key) for key in keys)


def _without_figures() -> Select[str]:
    kept = exists().where(col(RoundFigureRow.run_id) == col(RunRow.id))
    return (
        select(col(RoundRow.key))
        .join(RunRow, col(RunRow.round_id) == col(RoundRow.id))
        .where(
            col(RunRow.state) == RunState.PUBLISHED,
            col(RunRow.revision) == 1,
            ~kept,
            is_of_a_sprint(),
        )
        .order_by(col(RoundRow.starts_on), col(RoundRow.key))
    )


def _keep_one(db: Database, key: str) -> bool:
    try:
        return transact(db, lambda session: _keep(session, key))
    except BrokerError as error:
        log.warning("figures.not-kept", round_key=key, why=str(error))
        return False


def _keep(session: Session, key: str) -> bool:
    decided = decided_round(session, key)
    if session.get(RoundFigureRow, decided.run_id) is not None:
        return False
    row = find_round(session, key)
    run = session.get_one(RunRow, decided.run_id)
    answered_at = run.finished_at or row.published_at
    if answered_at is None:
        return False
    figures = figures_of(decided.problem, decided.outcome, answered_at)
    ids = directory_of(session, row)
    session.execute(insert(RoundFigureRow), [_of_round(decided, figures)])
    for table, rows in (
        (PoolFigureRow, _rows(run.id, figures.pools, "pool", ids.pool_ids)),
        (TeamFigureRow, _rows(run.id, figures.teams, "team", ids.team_ids)),
    ):
        if rows:
            session.execute(insert(table), rows)
    return True


def _of_round(decided: Decided, figures: Figures) -> dict[str, Any]:
    report = decided.outcome.report
    return {
        "run_id": decided.run_id,
        "value": report.value,
        "first_come_value": report.baselines.first_come,
        "greedy_value": report.baselines.density_greedy,
        "bids": len(decided.problem.bids),
        "awards": len(decided.outcome.awards),
        "jain_millionths": figures.jain_millionths,
        "wait_minutes": figures.wait_minutes,
    }


def _rows(
    run_id: str,
    figures: Sequence[PoolFigures | TeamFigures],
    what: str,
    ids: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return figures as rows: the key of what they are about becomes its id."""
    rows = []
    for one in figures:
        columns = asdict(one)
        key = columns.pop(f"{what}_key")
        rows.append({"run_id": run_id, f"{what}_id": ids[key], **columns})
    return rows
