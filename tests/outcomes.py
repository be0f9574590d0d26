"""Good outcomes of any round, worked out slowly from FORMATS, to be judged and to be spoilt.

The awards are those of the better baseline, so that no declined bid still fits. Nothing here
shares code with the judge, the prices or the reasons: each is a check on the others.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import floor

from allocation import baselines
from allocation.outcome import (
    Award,
    Baselines,
    Certificate,
    Counts,
    Decline,
    ListPrice,
    Outcome,
    Placed,
    Pricing,
    Proof,
    Reason,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import Alternative, Bid, BidKey, PoolKey, Problem, Tier
from allocation.wire import outcome_sha256, problem_sha256

Cell = tuple[PoolKey, dt.date]
Room = dict[tuple[Tier, Cell], int]
"""Units that an award of a tier could take of a pool on a day."""
Prices = dict[tuple[PoolKey, dt.date, Tier], Fraction]
"""Credits per unit."""

NO_PRICES = Certificate(scale=10**6)


def a_judged_outcome(
    problem: Problem,
    *,
    pricing: Pricing = Pricing.CLEARING,
    certificate: Certificate = NO_PRICES,
    is_proven: bool = False,
) -> Outcome:
    """Return an outcome without a flaw; `is_proven` makes its value the claimed bound."""
    served = baselines.first_come(problem), baselines.density_greedy(problem)
    placed = max(served, key=lambda awards: baselines.value_of(problem, awards))
    bound = baselines.value_of(problem, placed) if is_proven else None
    return an_outcome(problem, placed, pricing=pricing, certificate=certificate, bound=bound)


def an_outcome(
    problem: Problem,
    placed: tuple[Placed, ...],
    *,
    pricing: Pricing = Pricing.CLEARING,
    certificate: Certificate = NO_PRICES,
    bound: int | None = None,
) -> Outcome:
    """Return all that follows from the awards and the prices; the bound may be a claimed one."""
    first, greedy = baselines.first_come(problem), baselines.density_greedy(problem)
    prices = list_prices(problem, certificate)
    awards = tuple(_award(problem, p, prices, pricing) for p in placed)
    value = baselines.value_of(problem, placed)
    ceiling = certified_bound(problem, certificate)
    bound = ceiling if bound is None else bound
    anywhere = price_anywhere(problem, prices)
    declines = tuple(_declines(problem, placed, anywhere, is_proven=value == bound))
    rows = tuple(_row(place, price) for place, price in sorted(prices.items()))
    report = Report(
        round_key=problem.round_key,
        problem_sha256=problem_sha256(problem),
        outcome_sha256=outcome_sha256(awards, declines, rows),
        pricing=pricing,
        status=Status.OPTIMAL if value == bound else Status.FEASIBLE,
        proof=_proof(value, bound, ceiling),
        tie_break=TieBreak.INCOMPLETE,
        value=value,
        bound=bound,
        certified_bound=ceiling,
        gap_ratio=(bound - value) / bound if bound else 0.0,
        stopped_by=StoppedBy.PROOF if value == bound else StoppedBy.DETERMINISTIC_LIMIT,
        seconds={"total": 0.5},
        solver={"names": ["greedy"], "versions": {}, "parameters": {}, "seed": 0},
        baselines=Baselines(
            baselines.value_of(problem, first), baselines.value_of(problem, greedy)
        ),
        counts=Counts(
            bids=len(problem.bids),
            awarded=len(awards),
            declined=len(declines),
            placements=sum(
                len(eligible_starts(problem, bid, a))
                for bid in problem.bids
                for a in bid.alternatives
            ),
        ),
    )
    return Outcome(awards, declines, rows, certificate, report)


def sealed(outcome: Outcome) -> Outcome:
    """Return a spoilt outcome with the right hash, so that only the planted defect is left."""
    decided = outcome_sha256(outcome.awards, outcome.declines, outcome.prices)
    return replace(outcome, report=replace(outcome.report, outcome_sha256=decided))


# --- units ---------------------------------------------------------------------------------


def use_per_lot(alternative: Alternative, start: dt.date) -> Counter[Cell]:
    """Return the units that one lot takes of every pool and day."""
    use: Counter[Cell] = Counter()
    for item in alternative.items:
        for number in range(item.offset_days, item.offset_days + item.days):
            use[item.pool_key, start + dt.timedelta(days=number)] += item.units_per_lot
    return use


def room_after(problem: Problem, placed: Iterable[Placed]) -> Room:
    """Return what is left for either tier after commitments and awards."""
    reserved: Counter[Cell] = Counter()
    total: Counter[Cell] = Counter()
    for row in problem.capacity:
        reserved[row.pool_key, row.day] += row.reserved_units
        total[row.pool_key, row.day] += row.reserved_units + row.spot_units
    for row in problem.commitments:
        reserved[row.pool_key, row.day] -= row.reserved_units
        total[row.pool_key, row.day] -= row.reserved_units + row.spot_units
    for award in placed:
        alternative = _alternative(problem, award)
        for cell, units in use_per_lot(alternative, award.start).items():
            total[cell] -= units * award.lots
            reserved[cell] -= units * award.lots if alternative.tier is Tier.RESERVED else 0
    cells = [(pool.key, day) for pool in problem.pools for day in _days(problem)]
    return {(Tier.SPOT, c): total[c] for c in cells} | {
        (Tier.RESERVED, c): min(reserved[c], total[c]) for c in cells
    }


def _alternative(problem: Problem, award: Placed | Award) -> Alternative:
    bid = next(bid for bid in problem.bids if bid.key == award.bid_key)
    return next(a for a in bid.alternatives if a.number == award.alternative)


def lacks(alternative: Alternative, start: dt.date, room: Room) -> Counter[Cell]:
    """Return the units that are missing at the smallest lots, where any are."""
    needs = use_per_lot(alternative, start)
    missing = {
        cell: units * alternative.min_lots - room[alternative.tier, cell]
        for cell, units in needs.items()
    }
    return Counter({cell: units for cell, units in missing.items() if units > 0})


def best_start(alternative: Alternative, room: Room) -> tuple[int, dt.date]:
    """Return the fewest missing units, and the earliest start that lacks no more."""
    return min((lacks(alternative, start, room).total(), start) for start in alternative.starts)


# --- what holds without an outcome ---------------------------------------------------------


def reserve_cost(problem: Problem, alternative: Alternative) -> int:
    """Return the reserve cost of one lot in credits."""
    prices = {pool.key: pool.reserve_price_credits for pool in problem.pools}
    return sum(i.units_per_lot * i.days * prices[i.pool_key] for i in alternative.items)


def never_codes(problem: Problem, bid: Bid, alternative: Alternative) -> list[Reason]:
    """Return the codes that need no outcome and hold for an alternative, in their order."""
    credits_ = next(team.credits for team in problem.teams if team.key == bid.team_key)
    codes = []
    if best_start(alternative, room_after(problem, ()))[0] > 0:
        codes.append(Reason.EXCEEDS_POOL)
    if alternative.offer_credits_per_lot < reserve_cost(problem, alternative):
        codes.append(Reason.BELOW_RESERVE_PRICE)
    if alternative.offer_credits_per_lot * alternative.min_lots > credits_:
        codes.append(Reason.INSUFFICIENT_CREDITS)
    return codes


def eligible_starts(problem: Problem, bid: Bid, alternative: Alternative) -> list[dt.date]:
    """Return the starts that fit an empty round, of an alternative that could win at all."""
    room = room_after(problem, ())
    if never_codes(problem, bid, alternative):
        return []
    return [start for start in alternative.starts if not lacks(alternative, start, room)]


# --- prices --------------------------------------------------------------------------------


def certificate_prices(certificate: Certificate) -> Prices:
    """Return what a unit costs each tier, in value points."""
    prices: Prices = {}
    for pool, day, n in certificate.total_prices:
        for tier in Tier:
            key = pool, day, tier
            prices[key] = prices.get(key, Fraction(0)) + Fraction(n, certificate.scale)
    for pool, day, n in certificate.reserved_prices:
        key = pool, day, Tier.RESERVED
        prices[key] = prices.get(key, Fraction(0)) + Fraction(n, certificate.scale)
    return prices


def list_prices(problem: Problem, certificate: Certificate) -> Prices:
    """Return the published prices: never below the reserve price, cut to six decimals."""
    exact = certificate_prices(certificate)
    prices: Prices = {}
    for row in problem.capacity:
        for tier in Tier if row.reserved_units else [Tier.SPOT]:
            key = row.pool_key, row.day, tier
            cut = Fraction(floor(exact.get(key, Fraction(0)) * 10**6), 10**6)
            prices[key] = max(_reserve_price(problem, row.pool_key), cut)
    return prices


def price_anywhere(problem: Problem, prices: Prices) -> Prices:
    """Return the prices of all places: the reserve price where nothing is published."""
    return {
        (pool.key, day, tier): prices.get(
            (pool.key, day, tier), Fraction(pool.reserve_price_credits)
        )
        for pool in problem.pools
        for day in _days(problem)
        for tier in Tier
    }


def _reserve_price(problem: Problem, pool_key: PoolKey) -> Fraction:
    return Fraction(next(p.reserve_price_credits for p in problem.pools if p.key == pool_key))


def _days(problem: Problem) -> list[dt.date]:
    return [problem.starts_on + dt.timedelta(days=number) for number in range(problem.days)]


def _row(place: tuple[PoolKey, dt.date, Tier], price: Fraction) -> ListPrice:
    return ListPrice(*place, list_price_microcredits=int(price * 10**6))


def use_cost(alternative: Alternative, start: dt.date, prices: Prices) -> Fraction:
    """Return what one lot costs at these prices."""
    use = use_per_lot(alternative, start)
    return sum(
        (prices.get((*cell, alternative.tier), Fraction(0)) * units for cell, units in use.items()),
        Fraction(0),
    )


def _award(problem: Problem, placed: Placed, prices: Prices, pricing: Pricing) -> Award:
    alternative = _alternative(problem, placed)
    offer, score = alternative.offer_credits_per_lot, alternative.value_score_per_lot
    cost = use_cost(alternative, placed.start, prices) * placed.lots
    clearing = max(
        reserve_cost(problem, alternative) * placed.lots,
        min(offer * placed.lots, floor(cost * offer / score)),
    )
    payment = clearing if pricing is Pricing.CLEARING else offer * placed.lots
    place = placed.bid_key, placed.alternative, placed.start, placed.lots
    return Award(*place, value_score=score * placed.lots, payment_credits=payment)


def certified_bound(problem: Problem, certificate: Certificate) -> int:
    """Return the whole value that no outcome can exceed at these prices."""
    return floor(exact_bound(problem, certificate))


def exact_bound(problem: Problem, certificate: Certificate) -> Fraction:
    """Return what capacity and credits are worth at these prices, and what the bids gain."""
    room = room_after(problem, ())
    held = {(row.pool_key, row.day): row.reserved_units for row in problem.commitments}
    credits_ = {team.key: team.credits for team in problem.teams}
    credit_prices = {team: Fraction(n, certificate.scale) for team, n in certificate.credit_prices}
    bound = sum(
        (credit_prices.get(team, Fraction(0)) * c for team, c in credits_.items()), Fraction(0)
    )
    for pool, day, n in certificate.total_prices:
        bound += Fraction(n, certificate.scale) * room[Tier.SPOT, (pool, day)]
    for row in problem.capacity:
        for pool, day, n in certificate.reserved_prices:
            if (pool, day) == (row.pool_key, row.day):
                units = row.reserved_units - held.get((pool, day), 0)
                bound += Fraction(n, certificate.scale) * units
    for bid in problem.bids:
        bound += max(most for most, _ in gains(problem, bid, certificate))
    return bound


def gains(problem: Problem, bid: Bid, certificate: Certificate) -> list[tuple[Fraction, Fraction]]:
    """Return what a bid gains beyond the prices: nothing, or by a placement of it.

    Shape: what is gained at the most lots and at the best lots, first by having no award at all.
    """
    room, prices = room_after(problem, ()), certificate_prices(certificate)
    credits_ = next(team.credits for team in problem.teams if team.key == bid.team_key)
    numbers = dict(certificate.credit_prices)
    credit_price = Fraction(numbers.get(bid.team_key, 0), certificate.scale)
    found = [(Fraction(0), Fraction(0))]
    for alternative in bid.alternatives:
        offer = alternative.offer_credits_per_lot
        for start in eligible_starts(problem, bid, alternative):
            use = use_per_lot(alternative, start).items()
            fits = min(room[alternative.tier, cell] // units for cell, units in use)
            most = min(fits, alternative.max_lots, credits_ // offer)
            cost = use_cost(alternative, start, prices) + credit_price * offer
            per_lot = alternative.value_score_per_lot - cost
            found.append((most * per_lot, max(most * per_lot, alternative.min_lots * per_lot)))
    return found


def _proof(value: int, bound: int, ceiling: int) -> Proof:
    if value == ceiling:
        return Proof.CERTIFIED
    return Proof.ONE_SOLVER if value == bound else Proof.NONE


# --- reasons -------------------------------------------------------------------------------


def _declines(
    problem: Problem, placed: tuple[Placed, ...], prices: Prices, *, is_proven: bool
) -> Iterable[Decline]:
    room = room_after(problem, placed)
    won = {award.bid_key for award in placed}
    for bid in problem.bids:
        if bid.key not in won:
            free = [a for a in bid.alternatives if not never_codes(problem, bid, a)]
            if free:
                yield _scarce(bid, free, room, prices, is_proven=is_proven)
            else:
                yield _never(problem, bid, prices)


def _never(problem: Problem, bid: Bid, prices: Prices) -> Decline:
    empty = room_after(problem, ())
    nearest = min(bid.alternatives, key=lambda a: (best_start(a, empty)[0], a.number))
    codes = [never_codes(problem, bid, a) for a in bid.alternatives]
    shared = [code for code in codes[0] if all(code in others for others in codes)]
    reason = shared[0] if shared else never_codes(problem, bid, nearest)[0]
    if reason is Reason.EXCEEDS_POOL:
        return _decline(bid.key, reason, nearest, empty, prices)
    alternative = bid.alternatives[0] if shared else nearest
    return Decline(bid.key, reason, alternative.number)


def _scarce(
    bid: Bid, free: list[Alternative], room: Room, prices: Prices, *, is_proven: bool
) -> Decline:
    nearest = min(free, key=lambda a: (best_start(a, room)[0], a.number))
    missing_units, start = best_start(nearest, room)
    pools = {item.pool_key for item in nearest.items}
    short = {pool for pool, _ in lacks(nearest, start, room)}
    if not is_proven:
        is_outbid = nearest.value_score_per_lot < use_cost(nearest, start, prices)
        reason = Reason.OUTBID if is_outbid else Reason.NOT_PROVEN
    elif not missing_units:
        reason = Reason.CREDITS_SPENT
    elif len(pools) > 1 and len(short) == 1:
        reason = Reason.BUNDLE_PARTNER_UNAVAILABLE
    else:
        reason = Reason.OUTBID
    return _decline(bid.key, reason, nearest, room, prices)


def _decline(
    bid_key: BidKey, reason: Reason, nearest: Alternative, room: Room, prices: Prices
) -> Decline:
    missing = lacks(nearest, best_start(nearest, room)[1], room)
    ranked = sorted(
        (-prices.get((*cell, nearest.tier), Fraction(0)) * units, *cell)
        for cell, units in missing.items()
    )
    pool_key, day = ranked[0][1:] if ranked else (None, None)
    return Decline(bid_key, reason, nearest.number, pool_key, day)
