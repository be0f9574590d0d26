"""The way into a new market: what is to be set up, in order, and what of it is there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, distinct, func, select
from sqlmodel import Session, col

from broker.access import Role
from broker.people.tables import FIRST_ADMIN, RoleGrantRow
from broker.policy.tables import PolicyVersionRow
from broker.pools.tables import PoolVersionRow
from broker.sprints.tables import SprintRuleRow
from broker.tables import PoolRow, RoundRow, TeamRow

ADMINS_NEEDED = 2
"""Whatever changes a right or a result takes two persons."""


class FirstStepKind(StrEnum):
    """What a new market needs, in order."""

    ADMINS = "admins"
    TEAMS = "teams"
    POOLS = "pools"
    CALENDARS = "calendars"
    POLICY = "policy"
    SPRINTS = "sprints"
    ROUND = "round"


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One step: how many there are of what it asks for, and whether that is enough."""

    kind: FirstStepKind
    count: int
    is_done: bool


def first_steps(session: Session) -> tuple[FirstStep, ...]:
    """Say what of a new market is set up."""
    row = session.execute(_counts()).one()
    needed = {FirstStepKind.ADMINS: ADMINS_NEEDED}
    return tuple(
        FirstStep(kind, count, count >= needed.get(kind, 1))
        for kind, count in zip(FirstStepKind, row, strict=True)
    )


def _counts() -> Select[*tuple[Any, ...]]:
    """Count what each step asks for, in the order of the steps."""
    in_force = col(PoolVersionRow.state) == "in-force"
    is_in_force = col(RoleGrantRow.approved_at).is_not(None) | (
        col(RoleGrantRow.basis) == FIRST_ADMIN
    )
    is_admin = (col(RoleGrantRow.role) == Role.PLATFORM_ADMIN) & col(RoleGrantRow.ended_at).is_(
        None
    )
    admins = is_admin & is_in_force
    counts: tuple[ColumnElement[int], ...] = (
        select(func.count(distinct(col(RoleGrantRow.person_id)))).where(admins).scalar_subquery(),
        select(func.count()).select_from(TeamRow).scalar_subquery(),
        select(func.count()).select_from(PoolRow).scalar_subquery(),
        select(func.count(distinct(col(PoolVersionRow.pool_id)))).where(in_force).scalar_subquery(),
        select(func.count()).select_from(PolicyVersionRow).scalar_subquery(),
        select(func.count()).select_from(SprintRuleRow).scalar_subquery(),
        select(func.count()).select_from(RoundRow).scalar_subquery(),
    )
    return select(*counts)
