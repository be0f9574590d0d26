"""What a decided round comes to, in sums that a dashboard shows: per pool, per team, and in all.

Pure arithmetic on a problem and its outcome; nothing here knows a solver, a database or a clock.
Units: unit-days are units times days; value in points; scarcity in millionths of a point.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from allocation.outcome import Award, Certificate, Outcome
from allocation.problem import Alternative, DayUnits, PoolKey, Problem, TeamKey, Tier

MILLION = 10**6
PoolDay = tuple[PoolKey, dt.date]
Units = Mapping[PoolDay, int]


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """One pool over a sprint. Prices are means over its days; None where it has no such units.

    A tier's scarcity is what one more unit of it on every day would have added, by the prices of
    the certificate: a margin, so the second unit adds at most as much. `scarcest_on` is the day on
    which one more reserved unit would have added most; None where it would have added nothing.
    """

    pool_key: PoolKey
    reserved_unit_days: int
    spot_unit_days: int
    held_unit_days: int
    reserved_used_unit_days: int
    spot_used_unit_days: int
    spot_on_reserved_unit_days: int
    wanted_unit_days: int
    reserved_price_microcredits: int | None
    spot_price_microcredits: int | None
    reserved_scarcity: int
    spot_scarcity: int
    scarcest_on: dt.date | None


@dataclass(frozen=True, slots=True)
class TeamFigures:
    """One team that could bid: what it could spend, and what came of its bids."""

    team_key: TeamKey
    credits: int
    bids: int
    awards: int
    value: int
    payment_credits: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A decided round in sums. Shape: pools and teams ordered by key.

    `jain_millionths` is Jain's index of value per credit over the teams that bid, 1 000 000 where
    all got alike; None where nobody could or did. `wait_minutes` is the median time from the last
    submission of a bid to the answer; None where no bid says when it came.
    """

    pools: tuple[PoolFigures, ...]
    teams: tuple[TeamFigures, ...]
    jain_millionths: int | None
    wait_minutes: int | None


def figures_of(problem: Problem, outcome: Outcome, answered_at: dt.datetime) -> Figures:
    """Add up what a round came to."""
    teams = _teams(problem, outcome)
    return Figures(
        pools=_pools(problem, outcome),
        teams=teams,
        jain_millionths=jain_index([t for t in teams if t.bids]),
        wait_minutes=_wait(problem, answered_at),
    )


def jain_index(teams: Iterable[TeamFigures]) -> int | None:
    """Return Jain's index of fairness of the value that each team got per credit, in millionths.

    Source: Jain, Chiu and Hawe (1984), a quantitative measure of fairness.
    """
    shares = [Fraction(team.value, team.credits) for team in teams if team.credits]
    squares = sum(share * share for share in shares)
    if not squares:
        return None
    return int(MILLION * sum(shares) ** 2 / (len(shares) * squares))


def _wait(problem: Problem, answered_at: dt.datetime) -> int | None:
    minute = dt.timedelta(minutes=1)
    waits = [(answered_at - b.submitted_at) // minute for b in problem.bids if b.submitted_at]
    return int(median(waits)) if waits else None


def _teams(problem: Problem, outcome: Outcome) -> tuple[TeamFigures, ...]:
    team_of = {bid.key: bid.team_key for bid in problem.bids}
    bids = Counter(team_of.values())
    won: dict[TeamKey, list[Award]] = {}
    for award in outcome.awards:
        won.setdefault(team_of[award.bid_key], []).append(award)
    return tuple(
        TeamFigures(
            team_key=team.key,
            credits=team.credits,
            bids=bids[team.key],
            awards=len(won.get(team.key, ())),
            value=sum(award.value_score for award in won.get(team.key, ())),
            payment_credits=sum(award.payment_credits for award in won.get(team.key, ())),
        )
        for team in sorted(problem.teams)
    )


def _pools(problem: Problem, outcome: Outcome) -> tuple[PoolFigures, ...]:
    used = {tier: _used(problem, outcome, tier) for tier in Tier}
    held = {(row.pool_key, row.day): row for row in problem.commitments}
    days: dict[PoolKey, list[DayUnits]] = {pool.key: [] for pool in problem.pools}
    for row in problem.capacity:
        days[row.pool_key].append(row)
    wanted, means = _wanted(problem), _mean_prices(outcome)
    reserved, spot = _scarcity(outcome.certificate)
    return tuple(
        PoolFigures(
            pool_key=key,
            reserved_unit_days=sum(row.reserved_units for row in rows),
            spot_unit_days=sum(row.spot_units for row in rows),
            held_unit_days=sum(_held(held.get((key, row.day))) for row in rows),
            reserved_used_unit_days=sum(used[Tier.RESERVED][key, row.day] for row in rows),
            spot_used_unit_days=sum(used[Tier.SPOT][key, row.day] for row in rows),
            spot_on_reserved_unit_days=sum(
                _on_reserved(row, held.get((key, row.day)), used[Tier.SPOT][key, row.day])
                for row in rows
            ),
            wanted_unit_days=wanted[key],
            reserved_price_microcredits=means.get((key, Tier.RESERVED)),
            spot_price_microcredits=means.get((key, Tier.SPOT)),
            reserved_scarcity=int(sum(reserved.get((key, row.day), 0) for row in rows)),
            spot_scarcity=int(sum(spot.get((key, row.day), 0) for row in rows)),
            scarcest_on=_scarcest(reserved, key, rows),
        )
        for key, rows in sorted(days.items())
    )


def _used(problem: Problem, outcome: Outcome, tier: Tier) -> Counter[PoolDay]:
    """Count the units of every pool and day that awards of a tier hold."""
    ways = {(bid.key, way.number): way for bid in problem.bids for way in bid.alternatives}
    found: Counter[PoolDay] = Counter()
    for award in outcome.awards:
        way = ways[award.bid_key, award.alternative]
        if way.tier is tier:
            for item in way.items:
                first = award.start + dt.timedelta(days=item.offset_days)
                for number in range(item.days):
                    day = first + dt.timedelta(days=number)
                    found[item.pool_key, day] += item.units_per_lot * award.lots
    return found


def _held(row: DayUnits | None) -> int:
    return row.reserved_units + row.spot_units if row else 0


def _on_reserved(row: DayUnits, held: DayUnits | None, spot: int) -> int:
    """Return how many units of spot awards stand on reserved units that nobody reserved."""
    beyond = spot + (held.spot_units if held else 0) - row.spot_units
    return min(spot, max(0, beyond))


def _wanted(problem: Problem) -> Counter[PoolKey]:
    """Count the unit-days that bids ask for: first choice, at full lots."""
    found: Counter[PoolKey] = Counter()
    for bid in problem.bids:
        first: Alternative = bid.alternatives[0]
        for item in first.items:
            found[item.pool_key] += item.units_per_lot * item.days * first.max_lots
    return found


def _mean_prices(outcome: Outcome) -> dict[tuple[PoolKey, Tier], int]:
    prices: dict[tuple[PoolKey, Tier], list[int]] = {}
    for price in outcome.prices:
        prices.setdefault((price.pool_key, price.tier), []).append(price.list_price_microcredits)
    return {place: sum(found) // len(found) for place, found in prices.items()}


def _scarcity(certificate: Certificate) -> tuple[dict[PoolDay, Fraction], dict[PoolDay, Fraction]]:
    """Return what one more unit of a pool and day would add: reserved, and spot.

    A reserved unit may also be used as spot, so it relieves both limits of its pool and day.
    """
    scale = Fraction(MILLION, certificate.scale)
    spot = {(pool, day): price * scale for pool, day, price in certificate.total_prices}
    reserved = dict(spot)
    for pool, day, price in certificate.reserved_prices:
        reserved[pool, day] = reserved.get((pool, day), Fraction(0)) + price * scale
    return reserved, spot


def _scarcest(
    reserved: Mapping[PoolDay, Fraction], key: PoolKey, rows: Iterable[DayUnits]
) -> dt.date | None:
    days = [row.day for row in rows if reserved.get((key, row.day))]
    return max(days, key=lambda day: (reserved[key, day], -day.toordinal()), default=None)
