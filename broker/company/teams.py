"""The teams of Larkfield Health and what they work on. Every name in here is invented.

A team has a role, a theme that it serves, the credits of a sprint and the models it
works on. What it may ask for follows from its areas; see works.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from allocation.problem import TeamKey

GUILD_CREDITS = 40
"""What people get who meet after hours: too little for all that they would try."""


class Role(StrEnum):
    """What a team is there for."""

    PRODUCT = "product"
    ANALYTICS = "analytics"
    PLATFORM = "platform"
    ASSURANCE = "assurance"


class Theme(StrEnum):
    """What the company wants to move; policies.py says what each counts for."""

    CLAIMS_IN_A_DAY = "Claims in a day"
    SAFER_CARE = "Safer care"
    EASY_TO_REACH = "Easy to reach"
    SOUND_FOUNDATIONS = "Sound foundations"


class Area(StrEnum):
    """A field of work; it decides which data and experts a team asks for."""

    CLAIMS = "claims"
    CLINICAL = "clinical"
    PHARMACY = "pharmacy"
    MEMBERS = "members"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """A team with everything that does not change from sprint to sprint.

    Units: `credits` arrive for each sprint; `appetite_percent` of them is what the team asks for.
    """

    key: str
    name: str
    role: Role
    theme: Theme
    areas: frozenset[Area]
    credits: int
    subjects: tuple[str, ...]
    appetite_percent: int = 100

    @property
    def appetite_credits(self) -> int:
        """Return what the team would spend if it could; some want far more than they have."""
        return self.credits * self.appetite_percent // 100


_ROWS = (
    TeamPlan(
        "claims-automation",
        "Claims Automation",
        Role.PRODUCT,
        Theme.CLAIMS_IN_A_DAY,
        frozenset({Area.CLAIMS}),
        27_000,
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
        21_000,
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
        21_000,
        ("fraud ring graph", "upcoding detector", "billing anomaly model"),
    ),
    TeamPlan(
        "payment-integrity",
        "Payment Integrity",
        Role.ANALYTICS,
        Theme.CLAIMS_IN_A_DAY,
        frozenset({Area.CLAIMS}),
        1_500,
        ("overpayment model", "contract terms reader", "coordination of benefits model"),
        appetite_percent=600,
    ),
    TeamPlan(
        "clinical-language",
        "Clinical Language",
        Role.PRODUCT,
        Theme.SAFER_CARE,
        frozenset({Area.CLINICAL}),
        27_000,
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
        18_000,
        ("readmission model", "next best care model", "nurse outreach ranking"),
    ),
    TeamPlan(
        "population-health",
        "Population Health",
        Role.ANALYTICS,
        Theme.SAFER_CARE,
        frozenset({Area.CLINICAL, Area.CLAIMS}),
        18_000,
        ("diabetes risk model", "maternity risk model", "vaccination uptake model"),
    ),
    TeamPlan(
        "pharmacy-analytics",
        "Pharmacy Analytics",
        Role.ANALYTICS,
        Theme.SAFER_CARE,
        frozenset({Area.PHARMACY, Area.CLINICAL}),
        18_000,
        ("drug interaction model", "adherence model", "formulary simulator"),
    ),
    TeamPlan(
        "contact-centre",
        "Contact Centre AI",
        Role.PRODUCT,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS}),
        21_000,
        ("call summary model", "intent classifier", "call assist model", "speech model"),
    ),
    TeamPlan(
        "member-app",
        "Member App",
        Role.PRODUCT,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS}),
        15_000,
        ("benefits assistant", "symptom guide", "message ranking model"),
    ),
    TeamPlan(
        "search",
        "Search and Recommendations",
        Role.PRODUCT,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS}),
        1_500,
        ("doctor search ranking", "embedding model", "plan recommender"),
        appetite_percent=600,
    ),
    TeamPlan(
        "provider-network",
        "Provider Network",
        Role.ANALYTICS,
        Theme.EASY_TO_REACH,
        frozenset({Area.MEMBERS, Area.CLAIMS}),
        1_500,
        ("network adequacy model", "provider quality score", "directory matcher"),
        appetite_percent=600,
    ),
    TeamPlan(
        "actuarial",
        "Actuarial Pricing",
        Role.ANALYTICS,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.CLAIMS, Area.PHARMACY}),
        18_000,
        ("cost trend model", "premium simulator", "reserve model"),
    ),
    TeamPlan(
        "risk-adjustment",
        "Risk Adjustment",
        Role.ANALYTICS,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.CLAIMS, Area.CLINICAL}),
        15_000,
        ("risk score model", "chart review ranking", "coding gap model"),
    ),
    TeamPlan(
        "ml-platform",
        "ML Platform",
        Role.PLATFORM,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.PLATFORM, Area.MEMBERS}),
        18_000,
        ("feature store backfill", "model gateway", "evaluation harness"),
    ),
    TeamPlan(
        "responsible-ai",
        "Responsible AI",
        Role.ASSURANCE,
        Theme.SOUND_FOUNDATIONS,
        frozenset({Area.PLATFORM, Area.CLAIMS, Area.CLINICAL}),
        15_000,
        ("fairness audit suite", "drift monitor", "explanation service"),
    ),
    TeamPlan(
        "data-science-guild",
        "Data Science Guild",
        Role.PLATFORM,
        Theme.SOUND_FOUNDATIONS,
        frozenset(),
        GUILD_CREDITS,
        (
            "image captioner",
            "chess opening model",
            "rain forecaster",
        ),
    ),
)

TEAMS: Mapping[TeamKey, TeamPlan] = {TeamKey(team.key): team for team in _ROWS}
