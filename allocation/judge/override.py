"""That an override is what people set, keeps what it says it keeps, and names who lost by it.

What is set is checked against the awards; what is kept is counted again; a bid that was awarded
before and is not now must say so. One award that could stay beside all others refutes `fewest`, one
that could be worth more refutes `best`; what passes here may still be wrong, what fails is.
Source: MODEL.md, Overrides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from allocation.errors import Violation
from allocation.judge.case import Case, Holding, holding_of, open_case
from allocation.judge.feasibility import check_awards, check_capacity, check_credits
from allocation.judge.ground import Ask, cost_per_lot
from allocation.judge.optimality import give_back, placements_beside
from allocation.outcome import (
    PRICE_SCALE,
    Award,
    Outcome,
    Override,
    OverrideReport,
    Placed,
    Pricing,
    Reason,
)
from allocation.problem import BidKey, Problem, TeamKey


def check_override(case: Case) -> Iterator[Violation]:
    """Find what an override does not do, or does not say truly."""
    told = case.outcome.report.override
    if told is None:
        return
    yield from _check_set(case, told)
    yield from _check_before(case, told)
    yield from _check_kept(case, told)
    yield from _check_paid(case, told)
    yield from _check_lost(case, told)
    yield from _check_idle(case, told)
    yield from _check_claims(case, told)


def check_pins(problem: Problem, blank: Outcome, pinned: Iterable[Placed]) -> tuple[Violation, ...]:
    """Find why some awards cannot stand together, whatever else is awarded.

    `blank` is any outcome of the round; only its frame is used.
    """
    awards = tuple(_as_award(problem, placed) for placed in sorted(pinned))
    report = blank.report
    frame = Outcome(awards, (), (), blank.certificate, report)
    case = open_case(problem, frame)
    checks = (check_awards, check_capacity, check_credits)
    return tuple(violation for check in checks for violation in check(case))


def check_revision(before: Outcome, override: Override, outcome: Outcome) -> Iterator[Violation]:
    """Find what an outcome that was judged does not take over from the one that it overrides."""
    told = outcome.report.override
    if told is None or told.override != override:
        yield Violation("override", "The outcome is not of the override that was asked for.")
        return
    right = {
        "before_sha256": before.report.outcome_sha256,
        "before_value": before.report.value,
        "before_awards": tuple(award.placed for award in before.awards),
    }
    for name, value in right.items():
        if getattr(told, name) != value:
            yield Violation("override-before", f"The override says another {name} than there is.")
    if (outcome.prices, outcome.certificate) != (before.prices, before.certificate):
        yield Violation("override-prices", "An override moves no price of its round.")
    if (outcome.report.pricing, outcome.report.bound) != (
        before.report.pricing,
        before.report.bound,
    ):
        yield Violation("override-bound", "An override keeps pricing and bound of its round.")
    said = {decline.bid_key: decline for decline in before.declines}
    for decline in outcome.declines:
        if decline.bid_key in said and decline != said[decline.bid_key]:
            yield Violation(
                "override-reason", f"Bid {decline.bid_key} was declined for another reason before."
            )


# --- what is set, and what was before ------------------------------------------------------------


def _check_set(case: Case, told: OverrideReport) -> Iterator[Violation]:
    awarded = {award.bid_key: award.placed for award in case.outcome.awards}
    for placed in told.override.pinned:
        if awarded.get(placed.bid_key) != placed:
            yield Violation("pin", f"Bid {placed.bid_key} is not awarded what was set for it.")
    for bid_key in told.override.excluded:
        if bid_key in awarded:
            yield Violation("exclusion", f"Bid {bid_key} is awarded although it is excluded.")
    keys = [*told.override.excluded, *(placed.bid_key for placed in told.override.pinned)]
    for bid_key, times in Counter(keys).items():
        if times > 1:
            yield Violation("override", f"Bid {bid_key} is set more than once.")


def _check_before(case: Case, told: OverrideReport) -> Iterator[Violation]:
    found = [holding_of(case.ground, _as_award(case.ground.problem, p)) for p in told.before_awards]
    if None in found or list(told.before_awards) != sorted(told.before_awards):
        yield Violation("override-before", "The awards before are not awards of this round.")
        return
    value = sum(one.ask.value_score * one.award.lots for one in found if one)
    if value != told.before_value:
        yield Violation(
            "override-before",
            f"The report says a value of {told.before_value} before; its awards are worth {value}.",
        )


def _check_kept(case: Case, told: OverrideReport) -> Iterator[Violation]:
    now = {award.placed for award in case.outcome.awards}
    kept = sum(placed in now for placed in told.others)
    if kept != told.kept:
        yield Violation(
            "override-kept", f"The report says {told.kept} awards stay; {kept} of them do."
        )


def _check_lost(case: Case, told: OverrideReport) -> Iterator[Violation]:
    """Find bids that had an award and do not say that they lost it by an override.

    Only who knows the outcome before can tell whether a bid without one had lost it earlier.
    """
    before = {placed.bid_key for placed in told.before_awards}
    for decline in case.outcome.declines:
        if decline.bid_key in before and decline.reason is not Reason.OVERRIDE:
            yield Violation("reason", f"Bid {decline.bid_key} lost its award and does not say how.")


# --- what a team can pay -------------------------------------------------------------------------


def _check_paid(case: Case, told: OverrideReport) -> Iterator[Violation]:
    for team_key, left in _payable_left(case, told).items():
        if left < 0:
            yield Violation(
                "override-payable", f"Team {team_key} cannot pay its awards: {-left} are missing."
            )


def _payable_left(case: Case, told: OverrideReport) -> dict[TeamKey, int]:
    left = case.ground.credits | dict(told.override.payable)
    for holding in case.holdings:
        left[holding.ask.team_key] -= holding.award.payment_credits
    return left


def _most_per_lot(case: Case, ask: Ask, start: int) -> int:
    """Return what a lot pays at most, rounded up."""
    if case.outcome.report.pricing is Pricing.PAY_AS_BID:
        return ask.offer_credits
    cost = cost_per_lot(ask, case.list_price_sums[ask.tier], start)
    fair = -(-cost * ask.offer_credits // (ask.value_score * PRICE_SCALE))
    return max(ask.reserve_cost_credits, min(ask.offer_credits, fair))


# --- what claims cannot be -----------------------------------------------------------------------


def _check_idle(case: Case, told: OverrideReport) -> Iterator[Violation]:
    """Find bids without an award that still fit, in units, in credits, and in what is paid."""
    payable = _payable_left(case, told)
    for decline in case.outcome.declines:
        if decline.bid_key in told.override.excluded:
            continue
        for ask in case.ground.asks.get(decline.bid_key, ()):
            if any(
                _most_per_lot(case, ask, start) * ask.min_lots <= payable[ask.team_key]
                for start in _fitting_starts(case, ask)
            ):
                yield Violation(
                    "still-fits", f"Bid {decline.bid_key} is declined although {ask} still fits."
                )
                break


def _fitting_starts(case: Case, ask: Ask) -> Iterator[int]:
    if ask.offer_credits * ask.min_lots > case.credits_left[ask.team_key]:
        return
    days = case.room_left.open_to(ask.tier)
    for start, _ in case.ground.eligible[ask.bid_key, ask.number]:
        if all(
            run.units * ask.min_lots <= days[run.pool_key][day]
            for run in ask.runs
            for day in range(start + run.first, start + run.end)
        ):
            yield start


def _check_claims(case: Case, told: OverrideReport) -> Iterator[Violation]:
    if told.is_best and not told.is_fewest:
        yield Violation("override-best", "Nothing is best that may change too much.")
    now = {holding.award.bid_key: holding for holding in case.holdings}
    kept = {placed.bid_key for placed in told.others if _is_kept(placed, now)}
    for placed in told.others:
        holding = now.get(placed.bid_key)
        if told.is_fewest and holding and placed.bid_key not in kept:
            yield from _could_stay(case, told, placed, holding)
    for bid_key, holding in now.items():
        if told.is_best and bid_key not in kept | told.override.decided:
            yield from _could_be_worth_more(case, told, holding)


def _is_kept(placed: Placed, now: dict[BidKey, Holding]) -> bool:
    holding = now.get(placed.bid_key)
    return holding is not None and holding.award.placed == placed


def _could_stay(
    case: Case, told: OverrideReport, placed: Placed, holding: Holding
) -> Iterator[Violation]:
    """Try the award before beside all others in the place of the one that there is now."""
    start = case.ground.number_of(placed.start)
    spendable = _payable_left(case, told)[holding.ask.team_key] + holding.award.payment_credits
    room = case.room_left.copy()
    give_back(room, holding, holding.award.lots)
    for ask, at, lots in placements_beside(case, holding, room):
        is_it = (ask.number, at) == (placed.alternative, start) and placed.lots <= lots
        if is_it and _most_per_lot(case, ask, at) * placed.lots <= spendable:
            yield Violation(
                "override-fewest", f"The award of bid {placed.bid_key} could stay as it was."
            )


def _could_be_worth_more(case: Case, told: OverrideReport, holding: Holding) -> Iterator[Violation]:
    """Try an award that is free at every other placement of its bid."""
    worth = holding.ask.value_score * holding.award.lots
    spendable = _payable_left(case, told)[holding.ask.team_key] + holding.award.payment_credits
    room = case.room_left.copy()
    give_back(room, holding, holding.award.lots)
    for ask, start, lots in placements_beside(case, holding, room):
        per_lot = _most_per_lot(case, ask, start)
        paid_lots = min(lots, spendable // per_lot) if per_lot else lots
        if paid_lots >= ask.min_lots and ask.value_score * paid_lots > worth:
            yield Violation(
                "override-best", f"Bid {holding.award.bid_key} could be worth more beside all else."
            )
            return


def _as_award(problem: Problem, placed: Placed) -> Award:
    """Return an award with the value score that its bid says; 0 where it says nothing."""
    bid = next((bid for bid in problem.bids if bid.key == placed.bid_key), None)
    ways = bid.alternatives if bid else ()
    score = next((w.value_score_per_lot for w in ways if w.number == placed.alternative), 0)
    lots = placed.lots
    return Award(placed.bid_key, placed.alternative, placed.start, lots, score * lots, 0)
