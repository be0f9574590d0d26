"""The steps into a new market in words, each with the place where it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.dashboards.first_steps import FirstStep, FirstStepKind
from web.filters import units_of


@dataclass(frozen=True, slots=True)
class Guide:
    """What a step is called, why it comes here, and where it is done."""

    title: str
    why: str
    endpoint: str
    one: str


@dataclass(frozen=True, slots=True)
class GuidedStep:
    """A step with its guide; `is_next` for the first that is not done."""

    guide: Guide
    is_done: bool
    is_next: bool
    count: str


GUIDES: Mapping[FirstStepKind, Guide] = {
    FirstStepKind.ADMINS: Guide(
        "A second platform admin",
        "Roles, policies and corrections take two persons.",
        "people.index",
        "admin",
    ),
    FirstStepKind.TEAMS: Guide(
        "Teams and who leads them",
        "Teams bid; their leads spend the credits.",
        "teams.index",
        "team",
    ),
    FirstStepKind.POOLS: Guide(
        "Pools", "What is handed out: kind, unit, owner.", "pool_admin.index", "pool"
    ),
    FirstStepKind.CALENDARS: Guide(
        "Calendars of the pools",
        "How many units each pool offers on which day.",
        "pool_admin.index",
        "pool with a calendar",
    ),
    FirstStepKind.POLICY: Guide(
        "Policy",
        "What an offer counts for, and which rules hold for bids.",
        "policy.index",
        "version",
    ),
    FirstStepKind.SPRINTS: Guide(
        "The rule for sprints",
        "When rounds are announced, open and close; the credits of every team.",
        "sprints.index",
        "rule",
    ),
    FirstStepKind.ROUND: Guide(
        "The first round",
        "The rule announces it when its time has come, or you bring one in from files.",
        "rounds.index",
        "round",
    ),
}


def guided(steps: Sequence[FirstStep]) -> tuple[GuidedStep, ...]:
    """Return the steps in words; the first that is not done is the next one."""
    following = next((step for step in steps if not step.is_done), None)
    return tuple(
        GuidedStep(
            GUIDES[step.kind],
            step.is_done,
            step is following,
            units_of(step.count, GUIDES[step.kind].one) if step.count else "none yet",
        )
        for step in steps
    )
