"""A second judge, slow and short, that says only whether an outcome stands or falls.

It rebuilds from FORMATS what follows from the awards, the certificate and the claims, and compares.
It shares no code with the judge of the product but the two baselines and the hashes: where the two
disagree about a tampered outcome, one of them is wrong.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from allocation.outcome import (
    Award,
    Certificate,
    ClearingReport,
    Decline,
    Outcome,
    Placed,
    PriceRule,
    Pricing,
    Proof,
    Reason,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import Alternative, Bid, Problem
from allocation.wire import outcome_sha256
from tests.clearing_book import clearing_of
from tests.outcomes import (
    an_outcome,
    eligible_starts,
    exact_bound,
    gains,
    never_codes,
    reserve_cost,
    room_after,
)
from tests.reference import tie_break_weight

NEVER = {Reason.EXCEEDS_POOL, Reason.BELOW_RESERVE_PRICE, Reason.INSUFFICIENT_CREDITS}
FOLLOWS = (
    *("round_key", "problem_sha256", "value", "bound", "certified_bound"),
    *("baselines", "counts", "floors"),
)


def stands(problem: Problem, outcome: Outcome) -> bool:
    """Say whether an outcome may be published."""
    report, certificate = outcome.report, outcome.certificate
    if not isinstance(report.pricing, Pricing) or not _is_certificate(problem, certificate):
        return False
    if not all(_is_asked_for(problem, award) for award in outcome.awards):
        return False
    awarded = (Placed(a.bid_key, a.alternative, a.start, a.lots) for a in outcome.awards)
    placed = tuple(sorted(awarded, key=lambda award: award.bid_key))
    if not _fits(problem, placed) or not _is_whole(report.bound):
        return False
    right = an_outcome(
        problem, placed, pricing=report.pricing, certificate=certificate, bound=report.bound
    )
    return (
        _decides_the_same(problem, outcome, right)
        and report.outcome_sha256
        == outcome_sha256(outcome.awards, outcome.declines, outcome.prices)
        and _claims_hold(report, right.report)
        and _clears_as_said(problem, placed, outcome)
        and not any(_still_fits(problem, placed, decline) for decline in outcome.declines)
        and (report.status is not Status.OPTIMAL or not _is_beaten(problem, placed, report))
    )


# --- what stands by itself -----------------------------------------------------------------


def _is_whole(value: object) -> bool:
    return type(value) is int


def _is_certificate(problem: Problem, certificate: Certificate) -> bool:
    is_scale = _is_whole(certificate.scale) and certificate.scale >= 10**6
    if not is_scale or str(certificate.scale).strip("0") != "1":
        return False
    days = [problem.starts_on + dt.timedelta(days=n) for n in range(problem.days)]
    cells = [(pool.key, day) for pool in problem.pools for day in days]
    teams = [team.key for team in problem.teams]
    return all(
        _is_price_list(rows, places)
        for rows, places in (
            ([(row[:2], row[2:]) for row in certificate.reserved_prices], cells),
            ([(row[:2], row[2:]) for row in certificate.total_prices], cells),
            ([(row[0], row[1:]) for row in certificate.credit_prices], teams),
        )
    )


def _is_price_list(rows: list[tuple[object, tuple[object, ...]]], places: list[object]) -> bool:
    """Say whether rows name some of the places, in their order, each with one price from 0 up."""
    order = [places.index(place) for place, _ in rows if place in places]
    if len(order) != len(rows) or order != sorted(set(order)):
        return False
    return all(len(n) == 1 and _is_whole(n[0]) and n[0] >= 0 for _, n in rows)  # type: ignore[operator]  # whole by now


def _bid(problem: Problem, key: object) -> Bid | None:
    return next((bid for bid in problem.bids if bid.key == key), None)


def _is_asked_for(problem: Problem, award: Award) -> bool:
    bid = _bid(problem, award.bid_key)
    if bid is None or not _is_whole(award.lots) or not _is_whole(award.alternative):
        return False
    asked = [a for a in bid.alternatives if a.number == award.alternative]
    return bool(asked) and (
        award.start in asked[0].starts
        and asked[0].min_lots <= award.lots <= asked[0].max_lots
        and asked[0].offer_credits_per_lot >= reserve_cost(problem, asked[0])
    )


def _alternative(problem: Problem, placed: Placed) -> tuple[Bid, Alternative]:
    bid = next(bid for bid in problem.bids if bid.key == placed.bid_key)
    return bid, next(a for a in bid.alternatives if a.number == placed.alternative)


def _fits(problem: Problem, placed: Iterable[Placed]) -> bool:
    """Say whether awards fit together: one a bid, units of every day, credits of every team."""
    placed = tuple(placed)
    spent: Counter[str] = Counter()
    for award in placed:
        bid, alternative = _alternative(problem, award)
        spent[bid.team_key] += award.lots * alternative.offer_credits_per_lot
    is_once = len({award.bid_key for award in placed}) == len(placed)
    is_paid = all(spent[team.key] <= team.credits for team in problem.teams)
    return is_once and is_paid and min(room_after(problem, placed).values()) >= 0


# --- what follows --------------------------------------------------------------------------


def _decides_the_same(problem: Problem, outcome: Outcome, right: Outcome) -> bool:
    """Compare kinds and numbers; a tie is believed of a proven round where it can be."""
    if len(outcome.declines) != len(right.declines):
        return False
    pairs = list(zip(outcome.declines, right.declines, strict=True))
    believed = tuple(
        said.reason if _may_be_tied(problem, said, meant, outcome) else meant.reason
        for said, meant in pairs
    )
    decided = tuple(
        replace(d, reason=reason, detail="", minimum_winning_offer_credits=None)
        for d, reason in zip(right.declines, believed, strict=True)
    )
    said = tuple(
        replace(d, detail="", minimum_winning_offer_credits=None) for d in outcome.declines
    )
    return (
        repr((outcome.awards, said, outcome.prices)) == repr((right.awards, decided, right.prices))
        and all(_is_text(d.detail) for d in outcome.declines)
        and all(_offer_may_win(problem, d, outcome) for d in outcome.declines)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _may_be_tied(problem: Problem, said: Decline, meant: Decline, outcome: Outcome) -> bool:
    if said.reason is not Reason.TIE_BREAK or outcome.report.status is not Status.OPTIMAL:
        return False
    bid = _bid(problem, meant.bid_key)
    return bid is not None and meant.reason not in NEVER and _can_reach(problem, bid, bid, outcome)


def _can_reach(problem: Problem, bid: Bid, forced: Bid, outcome: Outcome) -> bool:
    """Say whether the certificate allows as much value with a bid, awarded as `forced` asks."""
    certificate = outcome.certificate
    rest = exact_bound(problem, certificate) - max(m for m, _ in gains(problem, bid, certificate))
    with_it = [best for _, best in gains(problem, forced, certificate)[1:]]
    return bool(with_it) and rest + max(with_it) >= outcome.report.value


def _offer_may_win(problem: Problem, decline: Decline, outcome: Outcome) -> bool:
    offer = decline.minimum_winning_offer_credits
    if offer is None:
        return True
    bid = _bid(problem, decline.bid_key)
    if bid is None or type(offer) is not int or outcome.report.status is not Status.OPTIMAL:
        return False
    number = decline.alternative
    named = next((a for a in bid.alternatives if a.number == number), None)
    if named is None or offer <= named.offer_credits_per_lot:
        return False
    value = named.value_score_per_lot * offer // named.offer_credits_per_lot
    raised = replace(named, offer_credits_per_lot=offer, value_score_per_lot=value)
    others = (a for a in bid.alternatives if a != named)
    forced = replace(bid, alternatives=(raised, *others))
    is_free = not never_codes(problem, bid, raised)
    return is_free and _can_reach(problem, bid, forced, outcome)


def _clears_as_said(problem: Problem, placed: tuple[Placed, ...], outcome: Outcome) -> bool:
    """Say whether the report is right about its prices; it may say nothing of them."""
    said = outcome.report.clearing
    if said is None:
        return True
    right = clearing_of(problem, placed, outcome.certificate, outcome.declines)
    return (
        isinstance(said, ClearingReport)
        and isinstance(said.price_rule, PriceRule)
        and repr(said) == repr(replace(right, price_rule=said.price_rule))
    )


# --- what is claimed -----------------------------------------------------------------------


def _claims_hold(report: Report, right: Report) -> bool:
    if any(repr(getattr(report, name)) != repr(getattr(right, name)) for name in FOLLOWS):
        return False
    value, bound, ceiling = report.value, report.bound, report.certified_bound
    gap = Fraction(bound - value, bound) if bound else Fraction(0)
    return (
        value <= bound <= ceiling
        and value >= max(report.baselines.first_come, report.baselines.density_greedy)
        and _is_number(report.gap_ratio)
        and abs(Fraction(report.gap_ratio) - gap) <= Fraction(1, 10**12)
        and _words_agree(report)
        and _describes_the_search(report)
    )


def _words_agree(report: Report) -> bool:
    words = {Status: report.status, Proof: report.proof, TieBreak: report.tie_break}
    words[StoppedBy] = report.stopped_by
    if not all(isinstance(word, kind) for kind, word in words.items()):
        return False
    is_optimal = report.value == report.bound
    proofs = {Proof.TWO_SOLVERS, Proof.ONE_SOLVER} if is_optimal else {Proof.NONE}
    if report.value == report.certified_bound:
        proofs = {Proof.CERTIFIED}
    stops = {StoppedBy.WALL_CLOCK, StoppedBy.DETERMINISTIC_LIMIT}
    if is_optimal:
        is_unique = report.tie_break is TieBreak.UNIQUE
        stops = {StoppedBy.PROOF} if is_unique else {StoppedBy.PROOF, *stops}
    return (
        report.status is (Status.OPTIMAL if is_optimal else Status.FEASIBLE)
        and report.proof in proofs
        and report.tie_break in ({*TieBreak} if is_optimal else {TieBreak.INCOMPLETE})
        and report.stopped_by in stops
    )


def _is_number(value: object) -> bool:
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _describes_the_search(report: Report) -> bool:
    seconds, solver = report.seconds, report.solver
    if not isinstance(seconds, Mapping) or not isinstance(solver, Mapping):
        return False
    return (
        "total" in seconds
        and all(_is_text(stage) for stage in seconds)
        and all(_is_number(spent) and spent >= 0 for spent in seconds.values())
        and {"names", "versions", "parameters", "seed"} <= set(solver)
    )


def _still_fits(problem: Problem, placed: tuple[Placed, ...], decline: Decline) -> bool:
    bid = _bid(problem, decline.bid_key)
    return bid is not None and any(
        _fits(problem, (*placed, Placed(bid.key, a.number, start, a.min_lots)))
        for a in bid.alternatives
        for start in eligible_starts(problem, bid, a)
    )


def _is_beaten(problem: Problem, placed: tuple[Placed, ...], report: Report) -> bool:
    """Say whether one award alone, placed otherwise, makes a better outcome than the best."""
    is_unique = report.tie_break is TieBreak.UNIQUE
    for award in placed:
        others = [other for other in placed if other != award]
        merit = _merit(problem, award, is_unique=is_unique)
        for other in _ways_to_award(problem, award):
            is_better = _merit(problem, other, is_unique=is_unique) > merit
            if is_better and _fits(problem, (*others, other)):
                return True
    return False


def _ways_to_award(problem: Problem, award: Placed) -> Iterable[Placed]:
    bid, _ = _alternative(problem, award)
    for a in bid.alternatives:
        for start in eligible_starts(problem, bid, a):
            for lots in range(a.min_lots, a.max_lots + 1):
                yield Placed(bid.key, a.number, start, lots)


def _merit(problem: Problem, award: Placed, *, is_unique: bool) -> tuple[int, int, int]:
    """Return value, weight and weight times lots; the weights only where a tie-break is claimed."""
    _, alternative = _alternative(problem, award)
    value = alternative.value_score_per_lot * award.lots
    weight = tie_break_weight(problem, award.bid_key, award.alternative, award.start)
    return (value, weight, weight * award.lots) if is_unique else (value, 0, 0)
