"""How well the list prices clear a round: who they do not fit, and what the gap is made of.

Bundles and whole lots have no exact price: some winners pay their offer because their list cost is
above it, some losers offered more than theirs. In value points the misfit adds up exactly to what
is between the value and the certified bound. Whole numbers; no solver. Source: MODEL.md, Prices.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from allocation.certificate import SAFE, Bound, Exact
from allocation.columns import Columns, Flags, Whole
from allocation.outcome import PRICE_SCALE, ClearingReport, Decline, PriceRule, Reason
from allocation.prices import PriceList
from allocation.problem import PoolKey, Tier

ABOUT_CREDITS = (Reason.INSUFFICIENT_CREDITS, Reason.CREDITS_SPENT)
"""A bid that lacked credits says nothing about the prices of units."""


@dataclass(frozen=True)
class Clearing:
    """An outcome at its prices. Shape: `lots` has one entry per placement."""

    columns: Columns
    lots: Whole
    bound: Bound
    left: Sequence[Whole]
    """What the awards leave of reserved units, of all units, and of credits."""

    @cached_property
    def awarded(self) -> Whole:
        """The placements that were awarded."""
        return np.flatnonzero(self.lots)

    def winners_gain(self) -> list[int]:
        """Return what every award is worth beyond its prices, in 1 / scale points."""
        per_lot = self.bound.gain[self.awarded] // self.columns.max_lots[self.awarded]
        pairs = zip(per_lot.tolist(), self.lots[self.awarded].tolist(), strict=True)
        return [gain * lots for gain, lots in pairs]

    def capacity_left(self) -> int:
        """Return what the units that nobody holds are worth, in 1 / scale points."""
        certificate, (reserved, total, _) = self.bound.certificate, self.left
        rows = ((certificate.reserved_prices, reserved), (certificate.total_prices, total))
        return sum(n * int(left[self._cell(p, d)]) for prices, left in rows for p, d, n in prices)

    def credits_left(self) -> int:
        """Return what the credits that nobody spends are worth, in 1 / scale points."""
        index = {team.key: n for n, team in enumerate(self.columns.problem.teams)}
        prices, credits_ = self.bound.certificate.credit_prices, self.left[2]
        return sum(n * int(credits_[index[team]]) for team, n in prices)

    def _cell(self, pool_key: PoolKey, day: dt.date) -> int:
        problem = self.columns.problem
        return self._pool_index[pool_key] * problem.days + (day - problem.starts_on).days

    @cached_property
    def _pool_index(self) -> dict[PoolKey, int]:
        return {pool.key: n for n, pool in enumerate(self.columns.problem.pools)}

    def list_costs(self, listed: PriceList) -> Exact:
        """Return what a lot of every placement costs at list prices, in millionths."""
        columns = self.columns
        largest = max([1, *listed.by_place.values(), *listed.floor.values()])
        cells = int(np.diff(columns.use_from).max(initial=1))
        is_safe = largest * int(columns.use_units.max(initial=1)) * cells < SAFE
        kind: Any = np.int64 if is_safe else object
        cost = np.zeros(columns.count, kind)
        is_held = columns.is_reserved[columns.use_column]
        spot, held = (self._by_cell(listed, tier, kind) for tier in (Tier.SPOT, Tier.RESERVED))
        price = np.where(is_held, held[columns.use_cell], spot[columns.use_cell])
        np.add.at(cost, columns.use_column, price * columns.use_units.astype(kind))
        return cost

    def _by_cell(self, listed: PriceList, tier: Tier, kind: Any) -> Exact:
        days = self.columns.problem.days
        floor = [listed.floor[pool.key] for pool in self.columns.problem.pools]
        prices = np.repeat(np.array(floor, kind), days)
        for (pool_key, day, of_tier), price in listed.by_place.items():
            if of_tier is tier:
                prices[self._cell(pool_key, day)] = price
        return prices

    def misfits(self, listed: PriceList, declines: Iterable[Decline]) -> tuple[int, int]:
        """Count winners with a list cost above their value, and losers with one below it.

        A loser counts if any of its eligible placements does, unless it lacked credits.
        """
        columns = self.columns
        is_safe = int(columns.value.max(initial=1)) * PRICE_SCALE < SAFE
        worth = columns.value.astype(np.int64 if is_safe else object) * PRICE_SCALE
        cost = self.list_costs(listed)
        capped = int((cost[self.awarded] > worth[self.awarded]).sum())
        above = columns.bid[np.asarray(worth > cost, np.bool_) & self._is_of(declines)]
        return capped, len(np.unique(above))

    def _is_of(self, declines: Iterable[Decline]) -> Flags:
        keys = {d.bid_key for d in declines if d.reason not in ABOUT_CREDITS}
        is_of = np.array([bid.key in keys for bid in self.columns.problem.bids], np.bool_)
        return is_of[self.columns.bid]


def clearing_report(
    clearing: Clearing, rule: PriceRule, listed: PriceList, declines: Iterable[Decline]
) -> ClearingReport:
    """Say how well the prices clear the round. Source: MODEL.md, Prices."""
    gains = clearing.winners_gain()
    capped, above = clearing.misfits(listed, declines)
    return ClearingReport(
        price_rule=rule,
        winners_capped=capped,
        losers_above_list_cost=above,
        regret=sum(clearing.bound.surplus.tolist()) - sum(max(0, gain) for gain in gains),
        winners_loss=sum(max(0, -gain) for gain in gains),
        capacity_left=clearing.capacity_left(),
        credits_left=clearing.credits_left(),
        rounded_off=clearing.bound.scaled % clearing.bound.certificate.scale,
    )
