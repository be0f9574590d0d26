"""For machines that watch this one: is the process alive, can it answer people."""

from __future__ import annotations

from flask import Blueprint

from broker.dashboards.installation import purpose
from web.desk import market

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@health.get("/readyz")
def ready() -> dict[str, str]:
    """Say that the market can be read. Raises: WrongSchema if it cannot."""
    with market() as session:
        return {"status": "ready", "purpose": purpose(session)}
