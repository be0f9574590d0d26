"""What a bid's offer counts for: the multiplier of its factors, each with its reason.

Pure, in whole numbers and rounded down once, so that anybody can recompute it. What a policy says
stands in documents.py; who keeps the scores of a round in freezing.py.

Source: MECHANISM section 4. Units: percent, whole; value scores are whole points per lot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from math import prod

from allocation.problem import Alternative
from broker.policy.documents import LEAST_PERCENT, MOST_PERCENT, Calibration, Fact, Policy
from broker.policy.pledges import Pledge


class FactorKind(StrEnum):
    """What a factor is about."""

    NO_POLICY = "no-policy"
    THEME = "theme"
    OWNER = "owner-after-award"
    MEASURE = "success-measure"
    END = "end"
    CALIBRATION = "calibration"
    AS_IMPORTED = "as-imported"


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason why an offer counts more or less; 100 percent change nothing.

    Units: percent are whole, but for a score that was imported, whose ratio is exact.
    """

    kind: FactorKind
    percent: Fraction
    reason: str


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What a team promised with awards whose delivery is confirmed, and what it delivered of it.

    Units: a promise is the value score of a whole award; delivered points are rounded down once.
    """

    awards: int = 0
    promised_points: int = 0
    delivered_points: int = 0


NO_RECORD = TrackRecord()
WITHOUT_POLICY = (
    Factor(FactorKind.NO_POLICY, Fraction(100), "No policy is in force, so an offer counts as is."),
)


def multiplier_percent(
    factors: Iterable[Factor],
    least_percent: int = LEAST_PERCENT,
    most_percent: int = MOST_PERCENT,
) -> int:
    """Return the product of factors, rounded down once and kept within bounds."""
    percents = [factor.percent for factor in factors]
    numerator = 100 * prod(percent.numerator for percent in percents)
    denominator = prod(100 * percent.denominator for percent in percents)
    return min(max(numerator // denominator, least_percent), most_percent)


def value_score_per_lot(offer_credits_per_lot: int, multiplier_percent_: int) -> int:
    """Return the points that a lot's offer counts for, rounded down, at least 1."""
    return max(1, offer_credits_per_lot * multiplier_percent_ // 100)


def calibration_percent(calibration: Calibration, record: TrackRecord) -> int:
    """Return what a team's record makes of its promises: shrunk towards 100, kept within bounds.

    Source: MODEL.md, Value scores: 100 · (k + Σ delivered) ÷ (k + Σ promised), rounded down.
    """
    prior = calibration.prior_weight
    percent = 100 * (prior + record.delivered_points) // (prior + record.promised_points)
    return min(max(percent, calibration.least_percent), calibration.most_percent)


def factors_of(
    policy: Policy | None, team_key: str, pledge: Pledge, record: TrackRecord = NO_RECORD
) -> tuple[Factor, ...]:
    """Return every factor of a bid under a policy, in the order in which people read them."""
    if policy is None:
        return WITHOUT_POLICY
    return (
        _theme(policy, team_key, pledge),
        *_readiness(policy, pledge),
        _calibration(policy.calibration, record),
    )


def multiplier_of(policy: Policy | None, factors: Iterable[Factor]) -> int:
    """Return the multiplier that a policy makes of factors, within its own bounds."""
    if policy is None:
        return 100
    bounds = policy.multiplier
    return multiplier_percent(factors, bounds.least_percent, bounds.most_percent)


def scored(
    policy: Policy | None, team_key: str, pledge: Pledge, alternatives: Iterable[Alternative]
) -> tuple[Alternative, ...]:
    """Return the alternatives of a bid with what a policy makes of their offers."""
    percent = multiplier_of(policy, factors_of(policy, team_key, pledge))
    return tuple(
        replace(one, value_score_per_lot=value_score_per_lot(one.offer_credits_per_lot, percent))
        for one in alternatives
    )


def _theme(policy: Policy, team_key: str, pledge: Pledge) -> Factor:
    theme = policy.theme(pledge.theme_key)
    if pledge.theme_key is None:
        return _factor(FactorKind.THEME, 100, "The bid names no theme of the policy.")
    if theme is None:
        reason = f"{pledge.theme_key} is no theme of the policy in force."
        return _factor(FactorKind.THEME, 100, reason)
    if team_key in theme.confirmed_teams:
        reason = f"The bid serves {theme.name}, which is confirmed for the team."
        return _factor(FactorKind.THEME, theme.confirmed_percent, reason)
    reason = f"The bid serves {theme.name} by the team's own word."
    return _factor(FactorKind.THEME, theme.self_declared_percent, reason)


def _readiness(policy: Policy, pledge: Pledge) -> Iterator[Factor]:
    rules = policy.readiness
    yield _fact(
        FactorKind.OWNER, rules.owner_after_award, pledge.has_owner, "owner after the award"
    )
    yield _fact(FactorKind.MEASURE, rules.success_measure, pledge.has_measure, "success measure")
    yield _fact(FactorKind.END, rules.end, pledge.ends_on is not None, "end")


def _fact(kind: FactorKind, rule: Fact, is_there: bool, what: str) -> Factor:  # noqa: FBT001  # read as a sentence above
    if is_there:
        return _factor(kind, rule.present_percent, f"The bid names its {what}.")
    return _factor(kind, rule.missing_percent, f"The bid names no {what}; the next one can.")


def _calibration(calibration: Calibration, record: TrackRecord) -> Factor:
    percent = calibration_percent(calibration, record)
    if not record.awards:
        reason = "No delivery of the team is confirmed yet, so its promises count as they are."
    else:
        awards = "1 award" if record.awards == 1 else f"{record.awards} awards"
        reason = (
            f"The team delivered {record.delivered_points} of the {record.promised_points} points "
            f"that it promised with {awards}, beside {calibration.prior_weight} points that "
            "everybody starts with."
        )
    return _factor(FactorKind.CALIBRATION, percent, reason)


def _factor(kind: FactorKind, percent: int, reason: str) -> Factor:
    return Factor(kind, Fraction(percent), reason)
