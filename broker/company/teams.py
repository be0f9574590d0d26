"""The teams of Larkfield Health and what they work on. Every name in here is invented.

A team has a role, a theme of the quarter that it serves, a share of the credits and the models it
works on. What it may ask for follows from its areas; see works.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from allocation.problem import TeamKey

CREDITS_PER_SHARE = 1_000


class Role(StrEnum):
    """What a team is there for."""

    PRODUCT = "product"
    ANALYTICS = "analytics"
    PLATFORM = "platform"
    ASSURANCE = "assurance"


class Theme(StrEnum):
    """What the company wants to move this quarter; each has a published multiplier."""

    CLAIMS_IN_A_DAY = "Claims in a day"
    SAFER_CARE = "Safer care"
    EASY_TO_REACH = "Easy to reach"
    SOUND_FOUNDATIONS = "Sound foundations"


MULTIPLIER_PERCENT: Mapping[Theme, int] = {
    Theme.CLAIMS_IN_A_DAY: 125,
    Theme.SAFER_CARE: 115,
    Theme.EASY_TO_REACH: 105,
    Theme.SOUND_FOUNDATIONS: 100,
}


class Area(StrEnum):
    """A field of work; it decides which data and experts a team asks for."""

    CLAIMS = "claims"
    CLINICAL = "clinical"
    PHARMACY = "pharmacy"
    MEMBERS = "members"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """A team with everything that does not change from sprint to sprint."""

    key: str
    name: str
    role: Role
    theme: Theme
    areas: frozenset[Area]
    shares: int
    subjects: tuple[str, ...]

    @property
    def credits(self) -> int:
        """Return the credits that arrive for each sprint."""
        return self.shares * CREDITS_PER_SHARE

    @property
    def multiplier_percent(self) -> int:
        """Return the strategic weight of the team's bids, from its theme."""
        return MULTIPLIER_PERCENT[self.theme]


_ROWS = (
    TeamPlan(
        "claims-automation",
        "Claims Automation",
        Role.PRODUCT,
        Theme.CLAIMS_IN_A_DAY,
        frozenset({Area.CLAIMS}),
        9,
        (
            "claims triage model",
            "auto-adjudication model",
            "duplicate claims detector",
            "prior authorisation model",
        ),
    ),
    TeamPlan(
        "document-intelligence",
        "Document Intelligence",
        Role.PRODUCT,
        Theme.CLAIMS_IN_A_DAY,
        frozenset({Area.CLAIMS, Area.MEMBERS}),
        7,
        (
            "invoice reader",
            "handwriting model",
            "document router",
            "appeal letter classifier",
        ),
    ),
    TeamPlan(
        "fraud-detection",
        "Fraud Detection",
        Role.ANALYTICS,
        Theme.CLAIMS_IN_A_DAY,
        frozenset({Area.CLAIMS, Area.PHARMACY}),
        7,
        ("fraud ring graph", "upcoding detector", "billing anomaly model"),
    ),
    TeamPlan(
        "payment-integrity",
        "Payment Integrity",
        Role.ANALYTICS,
        Theme.CLAIMS_IN_A_DAY,
        frozenset({Area.CLAIMS}),
        5,
        ("overpayment model", "contract terms reader", "coordination of benefits model"),
    ),
    TeamPlan(
        "clinical-language",
        "Clinical Language",
        Role.PRODUCT,
        Theme.SAFER_CARE,
        frozenset({Area.CLINICAL}),
        9,
        (
            "discharge summary model",
            "clinical concept tagger",
            "care gap extractor",
            "de-identification model",
        ),
    ),
    TeamPlan(
        "care-navigation",
        "Care Navigation",
        Role.PRODUCT,
        Theme.SAFER_CARE,
        frozenset({Area.CLINICAL, Area.MEMBERS}),
        6,
        ("readmission model", "next best care model", "nurse outreach ranking"),
    ),
    TeamPlan(
        "population-health",
        "Population Health",
        Role.ANALYTICS,
        Theme.SAFER_CARE,
        frozenset({Area.CLINICAL, Area.CLAIMS}),
        6,
        ("diabetes risk model", "maternity risk model", "vaccination uptake model"),
    ),
    TeamPlan(
        "pharmacy-analytics",
        "Pharmacy Analytics",
        Role.ANALYTICS,
        Theme.SAFER_CARE,
        frozenset({Area.PHARMACY, Area.CLINICAL}),
        6,
        ("drug interaction model", "adherence model", "formulary simulator"),
    ),
    TeamPlan(
        "contact-centre",
        "Contact Centre AI",
        Role.PRODUCT,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS}),
        7,
        ("call summary model", "intent classifier", "call assist model", "speech model"),
    ),
    TeamPlan(
        "member-app",
        "Member App",
        Role.PRODUCT,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS}),
        5,
        ("benefits assistant", "symptom guide", "message ranking model"),
    ),
    TeamPlan(
        "search",
        "Search and Recommendations",
        Role.PRODUCT,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS}),
        5,
        ("doctor search ranking", "embedding model", "plan recommender"),
    ),
    TeamPlan(
        "provider-network",
        "Provider Network",
        Role.ANALYTICS,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS, Area.CLAIMS}),
        4,
        ("network adequacy model", "provider quality score", "directory matcher"),
    ),
    TeamPlan(
        "actuarial",
        "Actuarial Pricing",
        Role.ANALYTICS,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.CLAIMS, Area.PHARMACY}),
        6,
        ("cost trend model", "premium simulator", "reserve model"),
    ),
    TeamPlan(
        "risk-adjustment",
        "Risk Adjustment",
        Role.ANALYTICS,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.CLAIMS, Area.CLINICAL}),
        5,
        ("risk score model", "chart review ranking", "coding gap model"),
    ),
    TeamPlan(
        "ml-platform",
        "ML Platform",
        Role.PLATFORM,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.PLATFORM, Area.MEMBERS}),
        6,
        ("feature store backfill", "model gateway", "evaluation harness"),
    ),
    TeamPlan(
        "responsible-ai",
        "Responsible AI",
        Role.ASSURANCE,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.PLATFORM, Area.CLAIMS, Area.CLINICAL}),
        5,
        ("fairness audit suite", "drift monitor", "explanation service"),
    ),
)

TEAMS: Mapping[TeamKey, TeamPlan] = {TeamKey(team.key): team for team in _ROWS}
