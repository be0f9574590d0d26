"""The policies of Larkfield Health, and what its teams pledge with their bids.

Themes are reviewed every second sprint; what is asked of a bid stays. Everything in here is
invented. Nothing here knows a database or a clock; broker/demo.py adopts these policies.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass

from broker.company.calendars import SPRINT_DAYS, SPRINTS_BEGAN_ON, Sprint
from broker.company.teams import TEAMS, Area, Role, TeamPlan, Theme
from broker.policy.documents import (
    Approval,
    Bounds,
    Calibration,
    Fact,
    Policy,
    Readiness,
)
from broker.policy.documents import Theme as PolicyTheme
from broker.policy.pledges import Pledge

REVIEWED_EVERY = 2
"""How many sprints a policy stays in force."""
NO_OWNER_PERCENT = 7
NO_MEASURE_PERCENT = 3
NO_END_PERCENT = 9
RESTRICTED = "restricted"
NOT_YET_APPROVED = "risk-adjustment"
"""The team that has not asked for its approval yet."""
MEASURES: Mapping[Role, str] = {
    Role.PRODUCT: "Members wait a tenth less than in the sprint before",
    Role.ANALYTICS: "The forecast is off by a tenth less on last year's cases",
    Role.PLATFORM: "Three teams use it within a month",
    Role.ASSURANCE: "Every finding is closed or has an owner within a month",
}


@dataclass(frozen=True, slots=True)
class CompanyPolicy:
    """A policy, and why the company adopts it."""

    policy: Policy
    reason: str


def policy_for(sprint: Sprint) -> CompanyPolicy:
    """Return the policy under which a sprint's round closes."""
    passed = (sprint.starts_on - SPRINTS_BEGAN_ON).days // SPRINT_DAYS
    return _POLICIES[passed // REVIEWED_EVERY % len(_POLICIES)]


def whole_pledge(team: TeamPlan, sprint: Sprint) -> Pledge:
    """Return a pledge that lacks nothing."""
    ends_on = sprint.ends_on + dt.timedelta(days=90)
    return Pledge(theme_key(team.theme), f"Lead of {team.name}", MEASURES[team.role], ends_on)


def draw_pledge(team: TeamPlan, sprint: Sprint, draw: random.Random) -> Pledge:
    """Return what a team pledges; now and then it forgets a part."""
    whole = whole_pledge(team, sprint)
    return Pledge(
        whole.theme_key,
        "" if draw.randrange(100) < NO_OWNER_PERCENT else whole.owner_after_award,
        "" if draw.randrange(100) < NO_MEASURE_PERCENT else whole.success_measure,
        None if draw.randrange(100) < NO_END_PERCENT else whole.ends_on,
    )


def theme_key(theme: Theme) -> str:
    """Return the key of a theme, such as `safer-care`."""
    return theme.value.lower().replace(" ", "-")


def _policy(confirmed_percents: Mapping[Theme, int]) -> Policy:
    return Policy(
        format=1,
        themes=tuple(_theme(theme, percent) for theme, percent in confirmed_percents.items()),
        readiness=Readiness(
            owner_after_award=Fact(present_percent=100, missing_percent=85, is_required=False),
            success_measure=Fact(present_percent=100, missing_percent=80, is_required=True),
            end=Fact(present_percent=100, missing_percent=90, is_required=False),
        ),
        calibration=Calibration(least_percent=70, most_percent=115, prior_weight=20_000),
        multiplier=Bounds(least_percent=50, most_percent=200),
        floor_percent=0,
        pricing="clearing",
        approvals=(_approval(),),
        eligibility=(),
    )


def _theme(theme: Theme, confirmed_percent: int) -> PolicyTheme:
    """Confirm a theme for the teams that build or check something for it."""
    teams = (team for team in TEAMS.values() if team.theme is theme)
    return PolicyTheme(
        key=theme_key(theme),
        name=theme.value,
        confirmed_percent=confirmed_percent,
        self_declared_percent=(100 + confirmed_percent) // 2,
        confirmed_teams=tuple(team.key for team in teams if team.role is not Role.ANALYTICS),
    )


def _approval() -> Approval:
    cleared = frozenset({Area.CLINICAL, Area.PHARMACY})
    teams = tuple(team.key for team in TEAMS.values() if team.areas & cleared)
    return Approval(
        classification=RESTRICTED,
        ask="the board of data stewards",
        approved_teams=tuple(key for key in teams if key != NOT_YET_APPROVED),
    )


_POLICIES = (
    CompanyPolicy(
        _policy(
            {
                Theme.CLAIMS_IN_A_DAY: 125,
                Theme.SAFER_CARE: 115,
                Theme.EASY_TO_REACH: 105,
                Theme.SOUND_FOUNDATIONS: 100,
            }
        ),
        "Members wait longest for their claims, so claims come first.",
    ),
    CompanyPolicy(
        _policy(
            {
                Theme.CLAIMS_IN_A_DAY: 115,
                Theme.SAFER_CARE: 125,
                Theme.EASY_TO_REACH: 105,
                Theme.SOUND_FOUNDATIONS: 100,
            }
        ),
        "Readmissions are up, so safer care comes first.",
    ),
)
