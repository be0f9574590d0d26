"""A policy in plain words, rule by rule, and what two policies say differently.

Pure. Every field of documents.py is said once; a theme, a classification and a pool are named, so
that their order in the document makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.policy.documents import (
    NO_TEAM_NAMES,
    TEAM_NAMES,
    Fact,
    Limits,
    Policy,
    SpotRules,
)

THEMES, READINESS, CALIBRATION = "Themes of the quarter", "Readiness of a bid", "Track record"
BOUNDS, FAIRNESS, PRICES = "Multiplier", "Fairness floors", "Prices"
APPROVALS, ELIGIBILITY = "Approvals", "Who may bid"
LIMITS, SPOT = "Limits per team", "Spot awards"
DISCLOSURE = "What is public after the result"
DISCLOSED = {
    TEAM_NAMES: "named with their bids",
    NO_TEAM_NAMES: "not named; report, certificate and bundle are for admins and auditors",
}
PRICING = {
    "clearing": "the list price divided by the multiplier, never more than the offer",
    "pay-as-bid": "the offer",
}
FACTS = (
    ("owner_after_award", "Owner after the award"),
    ("success_measure", "Success measure"),
    ("end", "End"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One field of a policy: under which heading, whose it is, what it is called, what it says."""

    heading: str
    subject: str
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule that two policies say differently; None where one has no such rule."""

    heading: str
    subject: str
    name: str
    before: str | None
    after: str | None


def rules_of(policy: Policy) -> Iterator[Rule]:
    """Say every field of a policy."""
    yield from _themes(policy)
    yield from _readiness(policy)
    yield from _numbers(policy)
    for door in policy.approvals:
        subject = f"Pools classified {door.classification}"
        yield Rule(APPROVALS, subject, "Approved teams", _listed(door.approved_teams))
        yield Rule(APPROVALS, subject, "Whom to ask", door.ask)
    for gate in policy.eligibility:
        subject = f"Pool {gate.pool_key}"
        yield Rule(ELIGIBILITY, subject, "Eligible teams", _listed(gate.eligible_teams))
        yield Rule(ELIGIBILITY, subject, "Whom to ask", gate.ask)
    if policy.disclosure is not None:
        yield Rule(DISCLOSURE, "Decided rounds", "Teams", DISCLOSED[policy.disclosure])
    if policy.limits is not None:
        yield from _limits(policy.limits)
    if policy.spot is not None:
        yield from _spot(policy.spot)


def differences(before: Policy | None, after: Policy) -> tuple[Difference, ...]:
    """Return what a policy says differently from another one, in the order of the document."""
    old = {_place(rule): rule.said for rule in rules_of(before)} if before else {}
    new = {_place(rule): rule.said for rule in rules_of(after)}
    places = [*new, *(place for place in old if place not in new)]
    changed = (place for place in places if old.get(place) != new.get(place))
    return tuple(Difference(*place, old.get(place), new.get(place)) for place in changed)


def _place(rule: Rule) -> tuple[str, str, str]:
    return rule.heading, rule.subject, rule.name


def _themes(policy: Policy) -> Iterator[Rule]:
    for theme in policy.themes:
        subject = f"Theme {theme.key}"
        yield Rule(THEMES, subject, "Name", theme.name)
        yield Rule(THEMES, subject, "Confirmed counts", f"{theme.confirmed_percent} %")
        yield Rule(THEMES, subject, "Self-declared counts", f"{theme.self_declared_percent} %")
        yield Rule(THEMES, subject, "Confirmed for", _listed(theme.confirmed_teams))


def _readiness(policy: Policy) -> Iterator[Rule]:
    for field, name in FACTS:
        yield from _fact(name, getattr(policy.readiness, field))


def _fact(subject: str, fact: Fact) -> Iterator[Rule]:
    yield Rule(READINESS, subject, "Named counts", f"{fact.present_percent} %")
    yield Rule(READINESS, subject, "Missing counts", f"{fact.missing_percent} %")
    required = "yes, a bid without it does not take part" if fact.is_required else "no"
    yield Rule(READINESS, subject, "Required", required)


def _numbers(policy: Policy) -> Iterator[Rule]:
    record, bounds = policy.calibration, policy.multiplier
    yield Rule(CALIBRATION, "", "Lowers a bid to at least", f"{record.least_percent} %")
    yield Rule(CALIBRATION, "", "Raises a bid to at most", f"{record.most_percent} %")
    yield Rule(CALIBRATION, "", "Everybody starts with", f"{record.prior_weight} points")
    yield Rule(BOUNDS, "", "Product of all factors, at least", f"{bounds.least_percent} %")
    yield Rule(BOUNDS, "", "Product of all factors, at most", f"{bounds.most_percent} %")
    yield Rule(FAIRNESS, "", "A team that bids is worth at least", _floor(policy.floor_percent))
    yield Rule(PRICES, "", "A winner pays", f"{PRICING[policy.pricing]} ({policy.pricing})")


def _limits(limits: Limits) -> Iterator[Rule]:
    most, share = limits.most_bids, limits.largest_bid_percent
    said = "no limit" if most is None else f"{most}, in the order of their last submission"
    yield Rule(LIMITS, "", "Bids of a team in a round, at most", said)
    said = "no limit" if share is None else f"{share} % of what the pool offers on its best day"
    yield Rule(LIMITS, "", "Units of a pool that a bid asks for on a day, at most", said)


def _spot(spot: SpotRules) -> Iterator[Rule]:
    yield Rule(SPOT, "", "Runs for at least", f"{spot.minimum_runtime_days} days")
    yield Rule(SPOT, "", "Is told before it is preempted", f"{spot.notice_days} days ahead")
    rebate = f"the refund of unused days and {spot.broken_promise_percent} % on top"
    yield Rule(SPOT, "", "A broken promise gives back", rebate)
    until = f"{spot.daily_close_time} UTC" if spot.daily_close_time else "they take none"
    yield Rule(SPOT, "", "Daily rounds take late bids until", until)
    asked = f"{spot.accept_hours} hours" if spot.accept_hours else "nobody is asked"
    yield Rule(SPOT, "", "A team that wants to be asked accepts an award within", asked)
    for one in spot.release_refunds:
        name = f"Released {one.days_ahead} days ahead or more gives back"
        yield Rule(SPOT, "", name, f"{one.refund_percent} % of the unused days")


def _floor(percent: int) -> str:
    if not percent:
        return "no floor"
    return f"{percent} % of what its bids alone would be worth on its share of every pool"


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(sorted(keys)) or "no team"
