"""That the report is true: value, bounds, proof, baselines, counts, hashes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from allocation import baselines
from allocation.errors import Violation
from allocation.judge.case import Case
from allocation.judge.certificate import certified_bound, is_scale
from allocation.judge.floors import is_beaten_by
from allocation.outcome import Proof, Report, Status, StoppedBy, TieBreak
from allocation.wire import outcome_sha256, problem_sha256

GAP_TOLERANCE = Fraction(1, 10**12)
"""The gap is the one number that is not whole."""


def check_bounds(case: Case) -> Iterator[Violation]:
    """Find a value or a bound that does not hold, and claims that do not follow from them."""
    report = case.outcome.report
    value = sum(holding.ask.value_score * holding.award.lots for holding in case.holdings)
    yield from _compare("value", report.value, value)
    if is_scale(case.outcome.certificate.scale):
        bound = certified_bound(case.ground, case.outcome.certificate)
        yield from _compare("certified-bound", report.certified_bound, bound)
    if not report.value <= report.bound <= report.certified_bound:
        yield Violation(
            "bound-order",
            f"Value {report.value}, bound {report.bound} and certified bound "
            f"{report.certified_bound} must not fall in this order.",
        )
    yield from _check_gap(report)
    yield from _check_claims(report)


def _compare(code: str, said: object, right: object) -> Iterator[Violation]:
    if said != right:
        what = code.replace("-", " ")
        yield Violation(code, f"The report says {said!r} as {what}; recomputed it is {right!r}.")


def _check_gap(report: Report) -> Iterator[Violation]:
    gap = Fraction(report.bound - report.value, report.bound) if report.bound else Fraction(0)
    if abs(Fraction(report.gap_ratio) - gap) > GAP_TOLERANCE:
        yield Violation(
            "gap-ratio",
            f"The report says a gap of {report.gap_ratio}; value {report.value} and bound "
            f"{report.bound} make it {float(gap)}.",
        )


def _check_claims(report: Report) -> Iterator[Violation]:
    is_fairest = report.floors is None or report.floors.is_proven
    is_optimal = report.value == report.bound and is_fairest
    is_certified = report.value == report.certified_bound
    proofs = (Proof.CERTIFIED,) if is_certified else (Proof.TWO_SOLVERS, Proof.ONE_SOLVER)
    proofs = proofs if is_optimal else (Proof.NONE,)
    status = Status.OPTIMAL if is_optimal else Status.FEASIBLE
    yield from _compare("status", report.status.value, status.value)
    if report.proof not in proofs:
        right = " or ".join(proof.value for proof in proofs)
        yield Violation(
            "proof", f"The report says {report.proof.value} as proof; its bounds allow {right}."
        )
    if report.tie_break is TieBreak.UNIQUE and not is_optimal:
        yield Violation("tie-break", "The tie-break of an unproven round cannot be unique.")
    is_settled = is_optimal and report.tie_break is TieBreak.UNIQUE
    is_proof = report.stopped_by is StoppedBy.PROOF
    is_best = any(told.is_best for told in (report.override, report.contest) if told)
    if (is_proof and not (is_optimal or is_best)) or (is_settled and not is_proof):
        yield Violation(
            "stopped-by",
            f"A search that ends {status.value} cannot be stopped by {report.stopped_by.value}.",
        )


def check_baselines(case: Case) -> Iterator[Violation]:
    """Find wrong values of the baselines, and an outcome that is worse than one of them.

    What people override may be worth less than any rule, and so may what puts some bids first.
    """
    problem, report = case.ground.problem, case.outcome.report
    for rule in (baselines.first_come, baselines.density_greedy):
        placed = rule(problem)
        value = baselines.value_of(problem, placed)
        said = getattr(report.baselines, rule.__name__)
        if said != value:
            yield Violation(
                "baseline", f"The report says {rule.__name__} is {said}; it is {value}."
            )
        has_other_goals = report.override or (problem.contest and problem.contest.first)
        if not has_other_goals and is_beaten_by(case, placed, value):
            yield Violation(
                "below-baseline",
                f"The outcome is worth {report.value}; {rule.__name__} with {value} is better.",
            )


def check_counts(case: Case) -> Iterator[Violation]:
    """Find counts that are not those of this round and outcome."""
    outcome = case.outcome
    right = {
        "bids": len(case.ground.asks),
        "awarded": len(outcome.awards),
        "declined": len(outcome.declines),
        "placements": sum(map(len, case.ground.eligible.values())),
    }
    for name, count in right.items():
        said = getattr(outcome.report.counts, name)
        if said != count:
            yield Violation("count", f"The report counts {said} {name}; there are {count}.")


def check_search(case: Case) -> Iterator[Violation]:
    """Find times that cannot be, and a solver that is not described."""
    for name in ("names", "parameters", "seed", "versions"):
        if name not in case.outcome.report.solver:
            yield Violation("solver", f"The report does not say {name} of its solver.")
    seconds = case.outcome.report.seconds
    if "total" not in seconds:
        yield Violation("seconds", "The report's seconds have no total.")
    for stage, spent in seconds.items():
        if spent < 0:
            yield Violation("seconds", f"The report says {spent} seconds for {stage}.")


def check_identity(case: Case) -> Iterator[Violation]:
    """Find a report that belongs to another round or another outcome."""
    problem, outcome = case.ground.problem, case.outcome
    report = outcome.report
    decision = outcome_sha256(outcome.awards, outcome.declines, outcome.prices)
    yield from _compare("round-key", report.round_key, problem.round_key)
    yield from _compare("problem-sha256", report.problem_sha256, problem_sha256(problem))
    yield from _compare("outcome-sha256", report.outcome_sha256, decision)
