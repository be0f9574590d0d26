"""Ids by key, and the pools and teams that rounds share, named as the latest round names them.

What a round offers (units, reserve prices, credits) is its own and stands in rounds.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.folders import PoolLabel
from allocation.problem import PoolKey, TeamKey
from broker.audit import Change, record
from broker.errors import Refused
from broker.people.tables import TeamRetirementRow
from broker.tables import BidRow, PoolRow, RoundPoolRow, RoundRow, RoundTeamRow, TeamRow

R = TypeVar("R", PoolRow, TeamRow)


def keep_pools(
    session: Session, labels: Mapping[PoolKey, PoolLabel], change: Change
) -> dict[PoolKey, str]:
    """Register new pools, relabel known ones, and return the id of each."""
    wanted = {key: _pool_columns(label) for key, label in labels.items()}
    return _keep(session, PoolRow, "pool", wanted, change)


def keep_teams(
    session: Session, names: Mapping[TeamKey, str], change: Change
) -> dict[TeamKey, str]:
    """Register new teams, rename known ones, and return the id of each.

    Raises: Refused for a team that is retired.
    """
    _check_active(session, names)
    wanted = {key: {"name": name} for key, name in names.items()}
    return _keep(session, TeamRow, "team", wanted, change)


def _check_active(session: Session, names: Mapping[TeamKey, str]) -> None:
    retired = select(col(TeamRow.key)).join(
        TeamRetirementRow, col(TeamRetirementRow.team_id) == col(TeamRow.id)
    )
    found = sorted(key for key in session.scalars(retired) if key in names)
    if found:
        raise Refused(
            f"Team {found[0]} is retired and takes part in no round.",
            hint="Bring it back on the page of teams, or leave it out.",
        )


@dataclass(frozen=True, slots=True)
class Directory:
    """The ids of the pools that a round offers and of the teams that bid in it, by their keys."""

    round_id: str
    pool_ids: Mapping[str, str]
    team_ids: Mapping[str, str]


def directory_of(session: Session, row: RoundRow) -> Directory:
    """Return the pools and teams of a round."""
    bidders = (
        select(col(TeamRow.key), col(TeamRow.id))
        .join(RoundTeamRow, col(RoundTeamRow.team_id) == col(TeamRow.id))
        .where(col(RoundTeamRow.round_id) == row.id)
    )
    team_ids = dict(session.execute(bidders).all())
    return Directory(row.id, pool_ids_of(session, row), team_ids)


def pool_ids_of(session: Session, row: RoundRow) -> dict[str, str]:
    """Return the id of every pool that a round offers, by its key."""
    offered = (
        select(col(PoolRow.key), col(PoolRow.id))
        .join(RoundPoolRow, col(RoundPoolRow.pool_id) == col(PoolRow.id))
        .where(col(RoundPoolRow.round_id) == row.id)
    )
    return dict(session.execute(offered).all())


def bid_ids_of(session: Session, row: RoundRow) -> dict[str, str]:
    """Return the id of every bid of a round, by its key."""
    bids = select(col(BidRow.key), col(BidRow.id)).where(col(BidRow.round_id) == row.id)
    return dict(session.execute(bids).all())


def _pool_columns(label: PoolLabel) -> dict[str, str]:
    return {
        "name": label.name,
        "kind": label.kind,
        "unit": label.unit,
        "owner": label.owner,
        "description": label.description,
        "classification": label.classification,
    }


def _keep(
    session: Session,
    table: type[R],
    noun: str,
    wanted: Mapping[Any, Mapping[str, str]],
    change: Change,
) -> dict[Any, str]:
    known = {row.key: row for row in session.scalars(select(table))}
    for key, columns in wanted.items():
        row = known.get(key)
        if row is None:
            known[key] = table(id=str(uuid4()), key=key, **columns)
            session.add(known[key])
            record(session, change, f"{noun}.registered", f"{noun}:{key}")
        else:
            _relabel(session, row, noun, columns, change)
    session.flush()
    return {key: known[key].id for key in wanted}


def _relabel(
    session: Session, row: PoolRow | TeamRow, noun: str, columns: Mapping[str, str], change: Change
) -> None:
    changed = sorted(name for name, text in columns.items() if getattr(row, name) != text)
    for name in changed:
        setattr(row, name, columns[name])
    if changed:
        record(session, change, f"{noun}.relabelled", f"{noun}:{row.key}", changed=changed)
