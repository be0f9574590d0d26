"""What this installation is for, so that a demonstration is never taken for the real market."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session, col

from broker.tables import InstallationRow


def purpose(session: Session) -> str:
    """Return the purpose of the database, such as `demo`; empty where nobody noted one."""
    noted = select(col(InstallationRow.value)).where(col(InstallationRow.key) == "purpose")
    return session.execute(noted).scalar_one_or_none() or ""
