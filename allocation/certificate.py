"""The bound that anybody can recompute: prices in whole numbers, and weak duality.

Whatever prices n / K one writes down, no outcome is worth more than capacity and credits at those
prices plus what each bid would gain on top of them. The LP's duals make that bound tight; rounding
them keeps it true. Exact integers; no solver in here. Source: MODEL.md, Certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allocation.columns import Columns
from allocation.outcome import Certificate
from allocation.problem import PoolKey

SMALLEST_SCALE = 10**6
FINE_SCALE = 10**9
LARGEST_SCALE = 10**15
NOISE = 1e-9
"""An optimum may be so much, and so much of itself, below a whole number that it is meant to be."""
SAFE = 2**61
Exact = npt.NDArray[Any]
"""Whole numbers: int64 where they fit, Python integers otherwise."""


@dataclass(frozen=True)
class Duals:
    """Prices in value points, as a solver gives them. Shape: per cell, per cell, per team."""

    reserved: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]
    credits: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """What a certificate proves. Units: value points times its scale.

    Shape: `gain` has one entry per placement: what it is worth at its most lots beyond the prices
    of what it uses; `surplus` has one entry per bid, its largest gain or 0.
    """

    certificate: Certificate
    scaled: int
    gain: Exact
    surplus: Exact

    @property
    def value(self) -> int:
        """No feasible outcome is worth more than this, in whole points."""
        return self.scaled // self.certificate.scale

    def can_reach(self, columns: Columns, value: int) -> npt.NDArray[np.bool_]:
        """Say for every placement whether an outcome with it can be worth so much.

        A placement that loses at these prices loses least with its smallest lots.
        """
        per_lot = self.gain // columns.max_lots
        lots = np.where(per_lot < 0, columns.min_lots, columns.max_lots)
        missed = self.surplus[columns.bid] - per_lot * lots
        slack = self.scaled - value * self.certificate.scale
        return np.asarray(missed <= slack, np.bool_)


def no_duals(columns: Columns) -> Duals:
    """Return prices of zero: they prove that no bid is worth more than its largest value."""
    cells = len(columns.limits.total_units)
    return Duals(np.zeros(cells), np.zeros(cells), np.zeros(len(columns.limits.credits)))


def certify(columns: Columns, duals: Duals, relaxed_value: float | None) -> Bound:
    """Round prices to a certificate, on the coarsest scale that keeps the bound tight.

    `relaxed_value` is the optimum of the LP relaxation, if it is known: up to a scale of 10⁹ the
    bound has to be that optimum in whole points, and beyond it at most 0.05 % + 0.5 points above,
    where any scale allows that.
    """
    scale = SMALLEST_SCALE
    bound = _bound(columns, duals, scale)
    while relaxed_value is not None and scale < LARGEST_SCALE:
        is_close = bound.scaled <= (relaxed_value * 1.0005 + 0.5) * scale
        is_same = bound.value <= relaxed_value * (1 + NOISE) + NOISE
        if is_same or (is_close and scale >= FINE_SCALE):
            break
        scale *= 1000
        bound = min(
            bound, _bound(columns, duals, scale), key=lambda b: b.scaled / b.certificate.scale
        )
    return bound


def _bound(columns: Columns, duals: Duals, scale: int) -> Bound:
    reserved = _whole_prices(duals.reserved, scale)
    total = _whole_prices(duals.total, scale)
    credits_ = _whole_prices(duals.credits, scale)
    return _bound_at(columns, reserved, total, credits_, scale)


def restate(columns: Columns, certificate: Certificate) -> Bound:
    """Return what the prices of a certificate prove about some placements, exactly."""
    problem = columns.problem
    pools = {pool.key: n * problem.days for n, pool in enumerate(problem.pools)}
    teams = {team.key: n for n, team in enumerate(problem.teams)}
    reserved, total = ([0] * len(columns.limits.total_units) for _ in range(2))
    credits_ = [0] * len(teams)
    for prices, rows in (
        (reserved, certificate.reserved_prices),
        (total, certificate.total_prices),
    ):
        for pool, day, n in rows:
            prices[pools[pool] + (day - problem.starts_on).days] = n
    for team, n in certificate.credit_prices:
        credits_[teams[team]] = n
    return _bound_at(columns, reserved, total, credits_, certificate.scale)


def _bound_at(
    columns: Columns, reserved: list[int], total: list[int], credits_: list[int], scale: int
) -> Bound:
    gain = _gains(columns, reserved, total, credits_, scale)
    surplus = np.zeros(len(columns.problem.bids), gain.dtype)
    np.maximum.at(surplus, columns.bid, gain)
    scaled = (
        _inner(reserved, columns.limits.reserved_units.tolist())
        + _inner(total, columns.limits.total_units.tolist())
        + _inner(credits_, columns.limits.credits.tolist())
        + sum(surplus.tolist())
    )
    return Bound(_certificate(columns, reserved, total, credits_, scale), scaled, gain, surplus)


def _whole_prices(prices: npt.NDArray[np.float64], scale: int) -> list[int]:
    """Round to whole n; a price that is not a number is no price."""
    usable = np.nan_to_num(prices, nan=0.0, posinf=0.0, neginf=0.0)
    return [max(0, round(price * scale)) for price in usable.tolist()]


def _gains(
    columns: Columns, reserved: list[int], total: list[int], credits_: list[int], scale: int
) -> Exact:
    """Return max lots × (value − prices of its use − credit price × offer), times the scale."""
    largest = max([*reserved, *total, *credits_, scale], default=scale)
    terms = 2 * int(np.diff(columns.use_from).max(initial=0)) + 2
    units = int(max(columns.use_units.max(initial=1), columns.offer.max(initial=1)))
    lots = int(columns.max_lots.max(initial=1))
    value = int((columns.value * columns.max_lots).max(initial=1))
    is_safe = max(largest * units * lots * terms, value * scale) < SAFE
    kind: Any = np.int64 if is_safe else object
    price = np.array(total, kind)[columns.use_cell]
    from_reserved = np.array(reserved, kind)[columns.use_cell]
    price = price + np.where(columns.is_reserved[columns.use_column], from_reserved, 0)
    cost = np.zeros(columns.count, kind)
    np.add.at(cost, columns.use_column, price * columns.use_units.astype(kind))
    cost = cost + np.array(credits_, kind)[columns.team] * columns.offer.astype(kind)
    gain: Exact = columns.max_lots.astype(kind) * (columns.value.astype(kind) * scale - cost)
    return gain


def _inner(prices: list[int], amounts: list[int]) -> int:
    return sum(price * amount for price, amount in zip(prices, amounts, strict=True))


def _certificate(
    columns: Columns, reserved: list[int], total: list[int], credits_: list[int], scale: int
) -> Certificate:
    problem = columns.problem
    days = [np.datetime64(problem.starts_on) + n for n in range(problem.days)]

    def per_cell(prices: list[int]) -> tuple[tuple[PoolKey, Any, int], ...]:
        return tuple(
            (problem.pools[cell // problem.days].key, days[cell % problem.days].item(), n)
            for cell, n in enumerate(prices)
            if n
        )

    teams = tuple((team.key, n) for team, n in zip(problem.teams, credits_, strict=True) if n)
    return Certificate(scale, per_cell(reserved), per_cell(total), teams)
