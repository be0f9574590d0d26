"""How a round during a sprint names its pools and teams: as the sprint's own round does."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.folders import PoolLabel
from allocation.problem import PoolKey, Team, TeamKey
from broker.tables import PoolRow, RoundPoolRow, RoundRow, TeamRow


def team_names(session: Session, teams: Iterable[Team]) -> dict[TeamKey, str]:
    """Return the names of some teams by their keys."""
    names = dict(session.execute(select(col(TeamRow.key), col(TeamRow.name))).all())
    return {team.key: names[team.key] for team in teams}


def labels_of(session: Session, sprint: RoundRow) -> dict[PoolKey, PoolLabel]:
    """Return what describes the pools of a sprint."""
    rows = session.execute(
        select(PoolRow, RoundPoolRow)
        .join(RoundPoolRow, col(RoundPoolRow.pool_id) == col(PoolRow.id))
        .where(col(RoundPoolRow.round_id) == sprint.id)
    )
    return {
        PoolKey(pool.key): PoolLabel(
            pool.name,
            offered.kind,
            offered.unit,
            pool.owner,
            pool.description,
            pool.classification,
        )
        for pool, offered in rows
    }
