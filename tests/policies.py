"""Small builders of policies and pledges; a test names only what it is about."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from broker.policy.documents import Policy
from broker.policy.pledges import Pledge

FACT = {"present_percent": 100, "missing_percent": 80, "is_required": False}
REQUIRED = FACT | {"is_required": True}
THEME = {
    "key": "care",
    "name": "Safer care",
    "confirmed_percent": 125,
    "self_declared_percent": 110,
    "confirmed_teams": ["red"],
}
READY = Pledge("care", "Head of Care", "Readmissions fall by a tenth", dt.date(2026, 12, 31))
"""A pledge that lacks nothing."""


def a_document(**changes: Any) -> dict[str, Any]:
    """Return the document of a policy with one theme, and with what a test changes."""
    return {
        "format": 1,
        "themes": [THEME],
        "readiness": {"owner_after_award": FACT, "success_measure": FACT, "end": FACT},
        "calibration": {"least_percent": 70, "most_percent": 115, "prior_weight": 1000},
        "multiplier": {"least_percent": 50, "most_percent": 200},
        "floor_percent": 0,
        "pricing": "clearing",
        "approvals": [],
        "eligibility": [],
    } | changes


def a_policy(**changes: Any) -> Policy:
    return Policy.model_validate_json(json.dumps(a_document(**changes)))


def readiness(**changes: Any) -> dict[str, Any]:
    """Return the rules of readiness, with what a test changes."""
    return {"owner_after_award": FACT, "success_measure": FACT, "end": FACT} | changes
