"""The judge: says whether an outcome may be published, in whole numbers and without a solver.

It shares no code with the model, the engine, the prices or the reasons, so that a mistake there
cannot hide here. Each module has one family of checks; each check returns violations and raises
nothing. Start with ground.py (the round) and case.py (the outcome). Source: FORMATS, sections 1, 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from allocation.errors import Violation
from allocation.judge.case import Case, open_case
from allocation.judge.certificate import check_certificate
from allocation.judge.clearing import check_clearing
from allocation.judge.contest import check_contest
from allocation.judge.decisions import check_decisions
from allocation.judge.feasibility import check_awards, check_capacity, check_credits
from allocation.judge.floors import check_floors
from allocation.judge.optimality import check_near_wins, check_optimality
from allocation.judge.override import check_override, check_revision
from allocation.judge.prices import check_list_prices, check_payments
from allocation.judge.reasons import check_declines
from allocation.judge.report import (
    check_baselines,
    check_bounds,
    check_counts,
    check_identity,
    check_search,
)
from allocation.judge.shape import check_shape
from allocation.outcome import Outcome, Override
from allocation.problem import Problem

CHECKS: tuple[Callable[[Case], Iterator[Violation]], ...] = (
    check_decisions,
    check_awards,
    check_capacity,
    check_credits,
    check_certificate,
    check_list_prices,
    check_payments,
    check_clearing,
    check_declines,
    check_bounds,
    check_optimality,
    check_near_wins,
    check_baselines,
    check_floors,
    check_counts,
    check_search,
    check_identity,
    check_contest,
)

OF_OVERRIDES = (
    *(
        check
        for check in CHECKS
        if check not in (check_declines, check_optimality, check_near_wins)
    ),
    check_override,
)
"""What an outcome is judged by that overrides an earlier one: reasons and claims are others."""


def check_outcome(problem: Problem, outcome: Outcome) -> tuple[Violation, ...]:
    """Return every rule that the outcome breaks; none means that it may be published.

    An outcome whose parts are not even of the right kind is judged for that alone.
    """
    malformed = tuple(check_shape(outcome))
    if malformed:
        return malformed
    case = open_case(problem, outcome)
    checks = OF_OVERRIDES if outcome.report.override else CHECKS
    return tuple(violation for check in checks for violation in check(case))


def check_overridden(
    problem: Problem, before: Outcome, override: Override, outcome: Outcome
) -> tuple[Violation, ...]:
    """Return every rule that an outcome breaks that is to override another one in this way."""
    return check_outcome(problem, outcome) or tuple(check_revision(before, override, outcome))
