"""Which grants of a role count: one condition for everybody who asks."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col

from broker.people.tables import FIRST_ADMIN, RoleGrantRow

POOL_OWNER = "pool-owner"


def in_force() -> ColumnElement[bool]:
    """Return the condition that a grant counts now."""
    row = RoleGrantRow
    approved = or_(col(row.approved_at).is_not(None), col(row.basis) == FIRST_ADMIN)
    return and_(col(row.ended_at).is_(None), approved)
